"""Where the particles of an instance image lie, and where in each a text has most room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from scene.imaging.footprint import boxes


@final
@dataclass(frozen=True, slots=True)
class LabelPlaces:
    """The visible particles of an image, one entry for each, in the order of their ids.

    Parameters
    ----------
    labels
        (height, width) int32: n + 1 where the n-th particle is, 0 where nothing is.
    ids, pixels
        (n,) the particle's id and the number of its pixels.
    low, high
        (n, 2) first and last pixel (x, y) of its box, both inside.
    anchor
        (n, 2) the pixel (x, y) with most room for a text.
    reach_x, reach_y
        (n,) how far the particle extends from its anchor.
    """

    labels: NDArray[np.int32]
    ids: NDArray[np.intp]
    pixels: NDArray[np.intp]
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    anchor: NDArray[np.intp]
    reach_x: NDArray[np.float32]
    reach_y: NDArray[np.float32]


def label_places(instances: NDArray[Any]) -> LabelPlaces:
    """Return the places of the particles in an image of their ids, (height, width), 0 for none."""
    ids, labels = _labelled(instances)
    ys, xs = np.nonzero(labels)
    owner = labels[ys, xs] - 1
    low, high = boxes(owner, xs, ys, len(ids))
    reach_x = _reach(labels)[ys, xs]
    reach_y = _reach(np.ascontiguousarray(labels.T))[xs, ys]
    room = np.minimum(reach_x / 2, reach_y)  # texts are about twice as wide as high
    most = np.zeros(len(ids), np.float32)
    np.maximum.at(most, owner, room)
    best = np.flatnonzero(room >= most[owner])
    middle = (low + high) / 2
    away = (xs[best] - middle[0, owner[best]]) ** 2 + (ys[best] - middle[1, owner[best]]) ** 2
    order = best[np.lexsort((away, owner[best]))]
    first = order[np.unique(owner[order], return_index=True)[1]]
    return LabelPlaces(
        labels=labels,
        ids=ids,
        pixels=np.bincount(owner, minlength=len(ids)),
        low=low.T,
        high=high.T,
        anchor=np.stack([xs[first], ys[first]], axis=1),
        reach_x=reach_x[first],
        reach_y=reach_y[first],
    )


def _labelled(instances: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the ids in an image, and the image with them replaced by 1, 2, ... in their order."""
    if instances.dtype.kind == "u" and instances.dtype.itemsize <= 2:  # much faster than sorting
        present = np.flatnonzero(np.bincount(instances.ravel()))
        place = np.zeros(int(present[-1]) + 1, np.int32)
        place[present] = np.arange(len(present))
        labels = place[instances]
    else:
        present, inverse = np.unique(instances, return_inverse=True)
        labels = inverse.reshape(instances.shape).astype(np.int32)
    if present[0] != 0:  # no pixel is free
        labels += 1
    return present[present != 0].astype(np.intp), labels


def _reach(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return how far each pixel's label goes on in its row, to the side where it ends first."""
    height, width = labels.shape
    columns = np.arange(width, dtype=np.int32)
    change = labels[:, 1:] != labels[:, :-1]
    begins, ends = np.zeros((2, height, width), np.int32)
    np.multiply(change, columns[1:], out=begins[:, 1:])
    np.maximum.accumulate(begins, axis=1, out=begins)
    ends[:] = width - 1
    np.copyto(ends[:, :-1], columns[:-1], where=change)
    backwards = ends[:, ::-1]
    np.minimum.accumulate(backwards, axis=1, out=backwards)
    np.subtract(columns, begins, out=begins)
    np.subtract(ends, columns, out=ends)
    return np.minimum(begins, ends, out=begins) + np.float32(0.5)
