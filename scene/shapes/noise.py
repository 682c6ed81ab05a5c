"""Gradient noise in space.

K. Perlin, Improving noise, ACM Transactions on Graphics 21 (2002) 681, with a hash of the lattice
points in the place of a table, so that it does not repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

type Noise = NDArray[np.float64]

_GRADIENTS = np.array(
    [g for g in product((-1.0, 0.0, 1.0), repeat=3) if sum(map(abs, g)) == 2]
    + [(1, 1, 0), (-1, 1, 0), (0, -1, 1), (0, -1, -1)]
).T.copy()
"""Towards the edges of a cube, some of them twice, (3, 16)."""


def gradient_noise(places: NDArray[np.float64], seeds: Sequence[int] = (0,)) -> NDArray[np.float64]:
    """Return smooth noises in about -1 to 1, 0 at whole coordinates.

    Parameters
    ----------
    places
        (N, 3), whose size stays below 2**31.
    seeds
        Each selects one of as many noises as there are whole numbers below 2**32.

    Returns
    -------
    numpy.ndarray
        (seeds, N).
    """
    below = np.floor(places)
    inside = (places - below).T
    fade = inside**3 * (inside * (inside * 6 - 15) + 10)
    lattice = below.T.astype(np.int64).astype(np.uint32)
    start = np.array([seed & 0xFFFFFFFF for seed in seeds], dtype=np.uint32)[:, np.newaxis]

    def between(axis: int, mixed: NDArray[np.uint32], arms: list[Noise]) -> Noise:
        """Return the noise between the lattice points that are chosen along the axes before."""
        if axis == len(lattice):
            which = mixed & np.uint32(15)
            x, y, z = (axis.take(which) * arm for axis, arm in zip(_GRADIENTS, arms, strict=True))
            slope: Noise = x + y + z
            return slope
        low, high = (
            between(axis + 1, _mixed(mixed, lattice[axis] + side), [*arms, inside[axis] - side])
            for side in (np.uint32(0), np.uint32(1))
        )
        mean: Noise = low + fade[axis] * (high - low)
        return mean

    return between(0, start, [])


def fractal_noise(
    places: NDArray[np.float64],
    detail: float,
    roughness: float,
    lacunarity: float,
    seeds: Sequence[int] = (0,),
) -> NDArray[np.float64]:
    """Return means of octaves, (seeds, N), in about -1 to 1.

    Parameters
    ----------
    places
        (N, 3).
    detail
        Octaves beyond the first. If that is not whole, the last one is mixed in by what is left.
    roughness
        Amplitude of an octave over that of the one before.
    lacunarity
        Frequency of an octave over that of the one before.
    seeds
        As of `gradient_noise`.
    """
    whole = int(detail)
    total, weight = np.zeros((len(seeds), len(places))), 0.0
    mean = total
    for octave in range(whole + (detail > whole) + 1):
        amplitude = roughness**octave
        total = total + amplitude * gradient_noise(places * lacunarity**octave, seeds)
        weight += amplitude
        part = 1.0 if octave <= whole else detail - whole
        mean = (1 - part) * mean + part * total / weight
    return mean


def _mixed(mixed: NDArray[np.uint32], coordinate: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return a number for each of two, with all its bits well mixed."""
    mixed = (mixed ^ coordinate) * np.uint32(0x7FEB352D)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(0x846CA68B)
    mixed ^= mixed >> np.uint32(16)
    return mixed
