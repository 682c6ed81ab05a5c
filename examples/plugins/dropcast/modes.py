"""Targets for networks that tell touching particles apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from blendsweep.plugins import Frame, Image, RenderingMode

INSIDE, BOUNDARY = 128, 255


@final
class Contours(RenderingMode):
    """Three classes, background, inside and boundary; and each pixel's distance to its centre."""

    name: ClassVar[str] = "contours"
    outputs: ClassVar[Mapping[str, str]] = {"contours": "png", "centre_distance": "tiff"}

    def render(self, frame: Frame) -> Mapping[str, Image]:
        """Return ``contours`` and ``centre_distance``.

        ``contours`` is uint8: 0 where nothing is, 128 inside a particle, 255 on its boundary.
        ``centre_distance`` is float32: 0 at the centroid of a particle's visible pixels, 1 at the
        farthest of them, inf where nothing is.
        """
        instance = frame.buffers.instance
        contours = np.where(instance > 0, INSIDE, 0).astype(np.uint8)
        contours[boundary(instance)] = BOUNDARY
        return {"contours": contours, "centre_distance": centre_distance(instance)}


def boundary(instance: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Return which pixels of particles have a neighbour, of four, that belongs to something else.

    Parameters
    ----------
    instance
        (height, width) particle ids, 0 where nothing is. Beyond the image's edge nothing is known,
        so the edge itself makes no boundary.
    """
    around = np.pad(instance, 1, mode="edge")
    neighbours = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    differs = np.any([neighbour != instance for neighbour in neighbours], axis=0)
    return differs & (instance > 0)


def centre_distance(instance: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return (height, width) distances to the centroid, relative to the particle's largest."""
    rows, columns = np.nonzero(instance)
    ids = instance[rows, columns].astype(np.intp)
    pixels = np.maximum(np.bincount(ids), 1)
    row = np.bincount(ids, weights=rows) / pixels
    column = np.bincount(ids, weights=columns) / pixels
    distance = np.hypot(rows - row[ids], columns - column[ids])
    largest = np.zeros(len(pixels))
    np.maximum.at(largest, ids, distance)
    result = np.full(instance.shape, np.inf, dtype=np.float32)
    # A particle of one pixel is its own centre.
    result[rows, columns] = distance / np.where(largest > 0, largest, 1)[ids]
    return result
