"""Spheres that come to rest on each other in a box, computed without Blender.

This is position-based dynamics (Müller et al., "Position based dynamics", 2007) without inertia or
friction: all spheres are lowered a little, then those that overlap are moved apart, over and over.
A pass resolves all overlaps at once: a sphere moves by the average of what is asked of it, times a
factor (Macklin et al., "Unified particle physics for real-time applications", 2014, section 4.2).

Nothing but sums in a fixed order, products, quotients and square roots decides where spheres go, so
the result is the same to the bit on every processor and with any number of threads.
"""

from __future__ import annotations

import math
from typing import final

import numpy as np
from numpy.typing import NDArray

from scene.errors import SimulationError
from scene.specimen.specimen import MeasurementVolume

type Points = NDArray[np.float64]
type Indices = NDArray[np.int64]

# Lengths are in units of the mean radius.
_FALL = 0.5
_SETTLED = 0.01
_REACH = 0.4
_JITTER = 1e-6

_MOST_ROUNDS = 2000
_FEWEST_FALLS = 200
_COOLING = 0.95
_PASSES = 8
_OVER_RELAXATION = 1.5
_MOST_PAIRS = 20_000_000


def settled(
    centres: Points, radii: Points, volume: MeasurementVolume, largest_overlap: float
) -> Points:
    """Let spheres sink to the floor of a box and onto each other.

    In each round all spheres are lowered by the same length and then moved apart. Once they have
    fallen by the height of the box, that length shrinks from round to round.

    Parameters
    ----------
    centres
        (N, 3), in scene units. Those of spheres that are not in the box are moved into it.
    radii
        (N,), in scene units.
    volume
        The box. A sphere for which it is too narrow stays in the middle.
    largest_overlap
        How deep two spheres may overlap in the end, as a fraction of the smaller one's radius.

    Returns
    -------
    Points
        The centres at rest, (N, 3).

    Raises
    ------
    SimulationError
        If they have no room, or too many are in one place.
    """
    if not radii.size:
        return centres
    filled = 4 / 3 * math.pi * math.fsum(radii**3) / math.prod(volume.sides)
    if filled > 1:
        raise SimulationError(
            f"the spheres have {filled:.2g} times the volume of the measurement volume: make them "
            "fewer or smaller"
        )
    unit, height = math.fsum(radii) / radii.size, volume.sides[2]
    heap = _Heap(centres.T, radii, volume, unit)
    fall, way = max(_FALL * unit, height / _FEWEST_FALLS), 0.0
    for _ in range(_MOST_ROUNDS):
        heap.lower(fall)
        for _ in range(_PASSES):
            heap.part()
        if fall <= _SETTLED * unit and heap.deepest() <= largest_overlap:
            return heap.centres.T
        way += fall
        if way > height:
            fall *= _COOLING
    raise SimulationError(
        f"spheres that fill {filled:.0%} of the measurement volume still overlap by up to "
        f"{heap.deepest():.2g} of a radius after {_MOST_ROUNDS} rounds: make them fewer or smaller"
    )


@final
class _Heap:
    """Spheres in a box, each coordinate an array of its own."""

    def __init__(
        self, centres: Points, radii: Points, volume: MeasurementVolume, unit: float
    ) -> None:
        lower, upper = np.array([volume.lower, volume.upper])[:, :, None]
        middle = (lower + upper) / 2
        self._lowest = np.minimum(lower + radii, middle)
        self._highest = np.maximum(upper - radii, middle)
        self._radii = radii
        self._reach = _REACH * unit
        # So that spheres in one place part, and those exactly upon each other fall to a side.
        odd = np.sqrt([[2.0], [3.0], [5.0]]) * np.arange(1, radii.size + 1) % 1
        inside = self._inside(centres)
        self.centres = inside + _JITTER * unit * np.where(inside > middle, -odd, odd)
        self._find_pairs()

    def lower(self, fall: float) -> None:
        """Move all spheres down, as far as the floor."""
        moved = self.centres.copy()
        moved[2] -= fall
        self.centres = self._inside(moved)
        self._look_around()

    def part(self) -> None:
        """Move overlapping spheres apart."""
        first, second, offsets, distances, overlaps = self._overlapping()
        pushes = offsets * (overlaps / (2 * np.maximum(distances, 1e-300)))
        number = self._radii.size
        asked = np.bincount(first, minlength=number) + np.bincount(second, minlength=number)
        factor = _OVER_RELAXATION / np.maximum(asked, 1)
        moves = [
            np.bincount(first, push, number) - np.bincount(second, push, number) for push in pushes
        ]
        self.centres = self._inside(self.centres + factor * np.stack(moves))

    def deepest(self) -> float:
        """Return how deep two spheres overlap, as a fraction of the smaller one's radius."""
        self._look_around()
        first, second, _, _, overlaps = self._overlapping()
        smaller = np.minimum(self._radii[first], self._radii[second])
        return float((overlaps / smaller).max(initial=0.0))

    def _overlapping(self) -> tuple[Indices, Indices, Points, Points, Points]:
        """Return pairs, vectors (3, pairs) from second to first, their lengths, and overlaps."""
        first, second = self._pairs
        offsets = self.centres[:, first] - self.centres[:, second]
        x, y, z = offsets
        distances = np.sqrt(x * x + y * y + z * z)
        overlaps = self._touching - distances
        here = np.flatnonzero(overlaps > 0)
        return first[here], second[here], offsets[:, here], distances[here], overlaps[here]

    def _inside(self, centres: Points) -> Points:
        return np.clip(centres, self._lowest, self._highest)

    def _look_around(self) -> None:
        """Find pairs again if two spheres may have come nearer than those that are known."""
        x, y, z = self.centres - self._searched
        if (x * x + y * y + z * z).max() > self._reach**2 / 4:
            self._find_pairs()

    def _find_pairs(self) -> None:
        self._searched = self.centres
        self._pairs = first, second = close_pairs(self.centres, self._radii, self._reach)
        self._touching = self._radii[first] + self._radii[second]


def close_pairs(centres: Points, radii: Points, reach: float) -> Indices:
    """Return the pairs of spheres whose surfaces are less than `reach` apart, (2, pairs).

    Parameters
    ----------
    centres
        (3, N), one row for each coordinate.
    radii
        (N,).
    reach
        In scene units.

    Raises
    ------
    SimulationError
        If there are too many.
    """
    pairs = [np.empty((2, 0), dtype=np.int64)]
    rest = np.arange(radii.size)
    while rest.size:
        # The largest among themselves and with all smaller ones, then the next largest: cells
        # that fit the large would hold too many of the small.
        large = radii[rest] > radii[rest].max() / 2
        own, rest = rest[large], rest[~large]
        among = _near(centres, radii, own, own, reach)
        pairs += [among[:, among[0] < among[1]], _near(centres, radii, own, rest, reach)]
    return np.concatenate(pairs, axis=1)


def _near(centres: Points, radii: Points, some: Indices, others: Indices, reach: float) -> Indices:
    """Return the pairs of one of `some` and one of `others` that are near each other."""
    if not (some.size and others.size):
        return np.empty((2, 0), dtype=np.int64)
    size = radii[some].max() + radii[others].max() + reach
    origin = centres.min(axis=1, keepdims=True) - size
    cells = ((centres - origin) / size).astype(np.int64)
    _, rows, columns = cells.max(axis=1) + 2
    keys = (cells[0] * rows + cells[1]) * columns + cells[2]
    others = others[np.argsort(keys[others], kind="stable")]
    shifts = [(x * rows + y) * columns for x in (-1, 0, 1) for y in (-1, 0, 1)]
    wanted = np.add.outer(shifts, keys[some])  # the middle of three cells in a row along z
    start = np.searchsorted(keys[others], wanted - 1, "left").ravel()
    count = np.searchsorted(keys[others], wanted + 1, "right").ravel() - start
    if (total := int(count.sum())) > _MOST_PAIRS:
        raise SimulationError(
            f"too many spheres in one place ({total} pairs of neighbours): spread them out first"
        )
    first = np.repeat(np.tile(some, len(shifts)), count)
    second = others[np.arange(total) + np.repeat(start - np.cumsum(count) + count, count)]
    x, y, z = centres[:, first] - centres[:, second]
    near = x * x + y * y + z * z < np.square(radii[first] + radii[second] + reach)
    return np.stack([first, second])[:, near]
