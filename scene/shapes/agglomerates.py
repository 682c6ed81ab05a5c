"""Figures of agglomerates of spheres: size, fractal dimension, contacts, necks. Pure functions.

Lengths are in the unit of the given centres and radii.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

from scene.specimen.settling import close_pairs

type Points = NDArray[np.float64]
type Lengths = NDArray[np.float64]

TOLERANCE = 1e-3
"""Spheres touch if the gap between them is at most this fraction of the smaller one's radius.

Contacts are made exactly; this is room for what a simulation in single precision does to them.
"""

FEWEST_PARTICLES = 30
"""Agglomerates of fewer have no fractal dimension that means something."""

_DISTANCES = 8


@final
@dataclass(frozen=True, slots=True)
class Contacts:
    """Which spheres touch or overlap.

    Parameters
    ----------
    pairs
        (2, pairs) their positions, the smaller one first.
    overlaps
        (pairs,) how deep they overlap: sum of the radii less the distance, 0 where they touch.
    neck_diameters
        (pairs,) diameter of the circle in which their surfaces intersect, 0 where they touch; NaN
        where one lies inside the other.
    """

    pairs: NDArray[np.int64]
    overlaps: Lengths
    neck_diameters: Lengths

    @classmethod
    def joined(cls, parts: Sequence[Contacts]) -> Self:
        """Return all contacts of several."""
        return cls(
            np.concatenate([np.empty((2, 0), np.int64), *(p.pairs for p in parts)], axis=1),
            np.concatenate([np.empty(0), *(p.overlaps for p in parts)]),
            np.concatenate([np.empty(0), *(p.neck_diameters for p in parts)]),
        )

    def chosen(self, which: NDArray[np.bool_]) -> Contacts:
        """Return some of them."""
        return Contacts(self.pairs[:, which], self.overlaps[which], self.neck_diameters[which])

    def renumbered(self, positions: NDArray[np.int64]) -> Contacts:
        """Return them with other positions of the spheres."""
        return replace(self, pairs=positions[self.pairs])


def contacts(centres: Points, radii: Lengths, lone_radii: Lengths | None = None) -> Contacts:
    """Return the contacts between spheres.

    With the distance d, the circle of intersection has the radius sqrt(r1^2 - x^2), where
    x = (d^2 + r1^2 - r2^2) / 2 d is how far its plane is from the first centre.

    Parameters
    ----------
    centres
        (N, 3).
    radii
        (N,).
    lone_radii
        (N,) the radii that overlaps are counted from; `radii` unless the spheres are those in which
        necks lie.
    """
    lone = radii if lone_radii is None else lone_radii
    largest = float(radii.max(initial=0.0))
    pairs = np.sort(close_pairs(centres.T, radii, 1.001 * TOLERANCE * largest), axis=0)
    pairs = pairs[:, np.lexsort(pairs[::-1])]
    one, two = radii[pairs]
    x, y, z = (centres[pairs[0]] - centres[pairs[1]]).T
    distances = np.sqrt(x * x + y * y + z * z)
    gaps = distances - one - two
    touch = gaps <= TOLERANCE * np.minimum(one, two)
    pairs, one, two, distances = pairs[:, touch], one[touch], two[touch], distances[touch]
    overlaps = np.maximum(lone[pairs].sum(axis=0) - distances, 0.0)
    inside = distances <= np.abs(one - two)
    apart = np.where(inside, 1.0, distances)
    plane = (apart * apart + one * one - two * two) / (2 * apart)
    necks = 2 * np.sqrt(np.maximum(one * one - plane * plane, 0.0))
    return Contacts(pairs, overlaps, np.where(inside, np.nan, necks))


def coordination_numbers(found: Contacts, number: int) -> NDArray[np.int64]:
    """Return how many others each of `number` spheres touches."""
    return np.bincount(found.pairs.ravel(), minlength=number)


def largest_of_each(found: Contacts, values: Lengths, number: int) -> Lengths:
    """Return each sphere's largest value over its contacts, (number,); NaN where there is none."""
    largest = np.full(number, -np.inf)
    known = ~np.isnan(values)
    for ends in found.pairs:
        np.maximum.at(largest, ends[known], values[known])
    return np.where(np.isinf(largest), np.nan, largest)


def gyration_radius(centres: Points, radii: Lengths) -> float:
    """Return the radius of gyration of spheres of one density.

    The mean over the whole volume of the squared distance from the common centre of mass, which for
    a sphere on its own is 3/5 r^2. Where spheres overlap, both count.
    """
    masses = radii**3
    total = math.fsum(masses)
    offsets = centres - [math.fsum(masses * column) / total for column in centres.T]
    squares = (offsets * offsets).sum(axis=1) + 0.6 * radii * radii
    return math.sqrt(math.fsum(masses * squares) / total)


def fractal_dimension(centres: Points, radii: Lengths) -> float | None:
    """Return the fractal dimension of one agglomerate; None if it is too small to have one.

    The correlation dimension (Grassberger and Procaccia, "Measuring the strangeness of strange
    attractors", Physica D 9, 1983): the number of pairs of particles that are no farther apart than
    r grows like r to the power of it. It is the slope of a straight line through the logarithms at
    eight distances from a mean diameter to the radius of gyration. Unlike the law N = k (Rg / r)^D
    it assumes no prefactor k. A single agglomerate is one sample, and its edge is near: compare
    means of many. How far both are off is measured in docs/agglomerates.md.

    Parameters
    ----------
    centres
        (N, 3).
    radii
        (N,).
    """
    number = len(radii)
    if number < FEWEST_PARTICLES:
        return None
    from scipy.spatial import KDTree

    shortest = (1 + TOLERANCE) * 2 * math.fsum(radii) / number
    longest = gyration_radius(centres, radii)
    if longest < 1.3 * shortest:
        return None
    distances = np.geomspace(shortest, longest, _DISTANCES)
    tree = KDTree(centres)
    pairs = tree.count_neighbors(tree, distances) - number  # each twice, and with itself
    if pairs[0] == 0:
        return None
    x, y = np.log(distances), np.log(pairs)
    x -= x.mean()
    return float((x * y).sum() / (x * x).sum())
