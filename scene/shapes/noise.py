"""Gradient noise in space.

K. Perlin, Improving noise, ACM Transactions on Graphics 21 (2002) 681, with a hash of the lattice
points in the place of a table, so that it does not repeat.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

_GRADIENTS = np.array(
    [g for g in product((-1.0, 0.0, 1.0), repeat=3) if sum(map(abs, g)) == 2]
    + [(1, 1, 0), (-1, 1, 0), (0, -1, 1), (0, -1, -1)]
)
"""Towards the edges of a cube, some of them twice, so that there are 16."""

_CORNERS = np.array(list(product((0, 1), repeat=3)))


def gradient_noise(places: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """Return smooth noise in about -1 to 1, 0 at whole coordinates.

    Parameters
    ----------
    places
        (..., 3), whose size stays below 2**31.
    seed
        Selects one of as many fields as there are whole numbers below 2**32.
    """
    below = np.floor(places)
    inside = places - below
    fade = inside**3 * (inside * (inside * 6 - 15) + 10)
    lattice = below.astype(np.int64).astype(np.uint32)
    total = np.zeros(places.shape[:-1])
    for corner in _CORNERS:
        gradient = _GRADIENTS[_hash(lattice + corner.astype(np.uint32), seed) & 15]
        height = np.einsum("...i,...i->...", gradient, inside - corner)
        weight = np.where(corner, fade, 1 - fade)
        total += height * weight[..., 0] * weight[..., 1] * weight[..., 2]
    return total


def fractal_noise(
    places: NDArray[np.float64], detail: float, roughness: float, lacunarity: float, seed: int = 0
) -> NDArray[np.float64]:
    """Return a mean of octaves in about -1 to 1.

    Parameters
    ----------
    places
        (..., 3).
    detail
        Octaves beyond the first; of a last one that is not whole, so much is mixed in.
    roughness
        Amplitude of an octave over that of the one before.
    lacunarity
        Frequency of an octave over that of the one before.
    seed
        As of `gradient_noise`.
    """
    whole = int(detail)
    total, weight, mean = np.zeros(places.shape[:-1]), 0.0, np.zeros(places.shape[:-1])
    for octave in range(whole + (detail > whole) + 1):
        amplitude = roughness**octave
        total = total + amplitude * gradient_noise(places * lacunarity**octave, seed)
        weight += amplitude
        part = 1.0 if octave <= whole else detail - whole
        mean = (1 - part) * mean + part * total / weight
    return mean


def _hash(lattice: NDArray[np.uint32], seed: int) -> NDArray[np.uint32]:
    """Return a number for each lattice point, (..., 3), with all its bits well mixed."""
    mixed = np.full(lattice.shape[:-1], seed & 0xFFFFFFFF, dtype=np.uint32)
    for axis in range(3):
        mixed = (mixed ^ lattice[..., axis]) * np.uint32(0x7FEB352D)
        mixed ^= mixed >> np.uint32(15)
        mixed *= np.uint32(0x846CA68B)
        mixed ^= mixed >> np.uint32(16)
    return mixed
