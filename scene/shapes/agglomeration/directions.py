"""Directions, and how far points lie in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

type Points = NDArray[np.float64]


def even_directions(number: int) -> Points:
    """Return an even number of unit vectors on a spiral over half a sphere, and their opposites."""
    half = number // 2
    n = np.arange(half)
    z = (n + 0.5) / half
    turn = n * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z * z)
    spiral = np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
    return np.concatenate([spiral, -spiral])


def dot(points: Points, directions: Points) -> NDArray[np.float64]:
    """Return all products of points (3, V) and directions, whose sums no library may reorder."""
    x, y, z = points[..., None]
    products: NDArray[np.float64] = (
        x * directions[:, 0] + y * directions[:, 1] + z * directions[:, 2]
    )
    return products
