"""What an instance image shows of each particle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scene.imaging.footprint import Footprint, boxes


def visibility(instance: NDArray[np.uint16], number: int) -> dict[str, list[Any]]:
    """Return pixel counts and boxes of particles 1..`number`.

    Parameters
    ----------
    instance
        (height, width) particle ids, 0 where nothing is.
    number
        Number of particles.

    Returns
    -------
    dict
        Lists of length `number`: ``visible_pixels``; ``bbox_x``, ``bbox_y`` (left and top pixel),
        ``bbox_width``, ``bbox_height`` in pixels, None for a hidden particle; ``touches_border``.
    """
    height, width = instance.shape
    ys, xs = np.nonzero(instance)
    ids = instance[ys, xs].astype(np.intp)
    pixels = np.bincount(ids, minlength=number + 1)[1:]
    low, high = boxes(ids - 1, xs, ys, number)
    visible = pixels > 0
    border = visible & ((low == 0).any(axis=0) | (high[0] == width - 1) | (high[1] == height - 1))
    size = high - low + 1

    def boxed(values: NDArray[np.intp]) -> list[int | None]:
        shown = zip(values.tolist(), visible.tolist(), strict=True)
        return [value if seen else None for value, seen in shown]

    return {
        "visible_pixels": pixels.tolist(),
        "bbox_x": boxed(low[0]),
        "bbox_y": boxed(low[1]),
        "bbox_width": boxed(size[0]),
        "bbox_height": boxed(size[1]),
        "touches_border": border.tolist(),
    }


def occluded_fractions(
    instance: NDArray[np.uint16], footprints: Iterable[tuple[int, Footprint]], number: int
) -> list[float | None]:
    """Return the fraction of each of the particles 1..`number` that is hidden behind others.

    It is 1 - visible / full, where full counts the pixels of the particle's own footprint in the
    frame. A pixel that shows the particle counts as its own even where rounding puts the pixel's
    centre just outside the footprint.

    Parameters
    ----------
    instance
        (height, width) particle ids, 0 where nothing is.
    footprints
        Pairs of a particle's id and the pixels that it would show alone.
    number
        Number of particles.

    Returns
    -------
    list
        In [0, 1]; None for a particle without a pixel of its own in the frame.
    """
    visible = np.bincount(instance.ravel(), minlength=number + 1)
    fractions: list[float | None] = [None] * number
    for particle_id, footprint in footprints:
        height, width = footprint.mask.shape
        rows = slice(footprint.top, footprint.top + height)
        window = instance[rows, footprint.left : footprint.left + width] == particle_id
        seen = int(visible[particle_id])
        full = seen + int(np.count_nonzero(footprint.mask & ~window))
        if full:
            fractions[particle_id - 1] = 1.0 - seen / full
    return fractions
