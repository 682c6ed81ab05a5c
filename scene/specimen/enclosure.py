"""Whether a point lies inside a closed surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

type Triangles = tuple[tuple[tuple[float, float, float], ...], ...]
"""The three corners of each triangle."""


def encloses(triangles: Triangles, point: NDArray[np.float64]) -> bool:
    """Return whether a surface goes round a point (3,), whichever way its triangles face.

    By the sum of the solid angles that the triangles take up, after van Oosterom and Strackee
    (1983), which is 4 pi inside and 0 outside.
    """
    a, b, c = np.moveaxis(np.array(triangles) - point, 1, 0)
    lengths = [np.sqrt(np.einsum("ij,ij->i", side, side)) for side in (a, b, c)]
    products = [np.einsum("ij,ij->i", *pair) for pair in ((b, c), (c, a), (a, b))]
    below = np.prod(lengths, axis=0)
    below += np.sum([dot * length for dot, length in zip(products, lengths, strict=True)], axis=0)
    angles = 2.0 * np.arctan2(np.einsum("ij,ij->i", a, np.cross(b, c)), below)
    return bool(abs(angles.sum()) > 2.0 * np.pi)
