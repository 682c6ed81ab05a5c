"""Metaballs: balls that grow together where they are close.

A ball has a field, s (1 - d²/R²)³ at the distance d from its centre and 0 beyond R, with the
stiffness s = 2. The surface is where the fields of all balls add up to a threshold t (Wyvill,
McPheeters and Wyvill, Data structure for soft objects, 1986, in the form that Blender has).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

STIFFNESS = 2.0

_MOST_STEPS = 60
_EXACT = 1e-12
_SAMPLES = (1.0, 0.25, 0.5, 0.75)
"""Where between two places a field is looked at, to see whether it falls below the threshold."""


def level_radius(threshold: float) -> float:
    """Return at which fraction of R a lone field falls to `threshold`, which lies in (0, s)."""
    return math.sqrt(1.0 - math.cbrt(threshold / STIFFNESS))


def lone_diameter(field_radius: float, threshold: float) -> float:
    """Return the diameter of a ball that is alone."""
    return 2.0 * field_radius * level_radius(threshold)


def field_radius(diameter: float, threshold: float) -> float:
    """Return the R of a ball that has this diameter when it is alone."""
    return diameter / (2.0 * level_radius(threshold))


def neck_diameter(diameters: tuple[float, float], distance: float, threshold: float) -> float:
    """Return the diameter of the neck between two balls with no others near, 0 if they are apart.

    The neck is the circle on the surface where both fields are the same, hence half the threshold:
    at the same fraction of R from both centres, where two spheres meet.

    Parameters
    ----------
    diameters
        Of the balls when they are alone.
    distance
        Between their centres. Where one lies within the other, there is no neck.
    threshold
        Of the family.
    """
    level = level_radius(threshold / 2.0)
    first, second = (level * field_radius(diameter, threshold) for diameter in diameters)
    if not abs(first - second) < distance < first + second:
        return 0.0
    along = (distance * distance + first * first - second * second) / (2.0 * distance)
    return 2.0 * math.sqrt(max(0.0, first * first - along * along))


@final
@dataclass(frozen=True, slots=True)
class Places:
    """Where straight lines from the centre of a ball leave the part of the body that is its own.

    Parameters
    ----------
    lower, upper
        (N,) distances from the centre between which that is; equal at a wall.
    wall
        (N,) intp, the neighbour whose part begins there; -1 at the surface.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    wall: NDArray[np.intp]


@final
@dataclass(frozen=True, slots=True)
class Ball:
    """A ball among its neighbours, its centre at the origin.

    A point of the body is its own where its field is the strongest. Between two balls that is so
    up to a plane, or to a sphere round the smaller one (of Apollonius), hence known in closed form.

    Parameters
    ----------
    radius
        R.
    centres
        (K, 3), the neighbours': all whose fields meet its own.
    radii
        (K,), their R.
    threshold
        t.
    """

    radius: float
    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    threshold: float

    def within(self, distance: float, wall: NDArray[np.intp]) -> tuple[Ball, NDArray[np.intp]]:
        """Return it without neighbours that have no effect up to a distance.

        Parameters
        ----------
        distance
            From the centre; R at most.
        wall
            Neighbours (see `Places`), which are returned as they are counted then.
        """
        lengths = np.sqrt(np.einsum("ki,ki->k", self.centres, self.centres))
        near = lengths < distance + self.radii
        near[wall[wall >= 0]] = True
        counted = np.append(np.cumsum(near) - 1, -1)  # the last one is that of -1
        nearer = Ball(self.radius, self.centres[near], self.radii[near], self.threshold)
        return nearer, counted[wall]

    def places(self, directions: NDArray[np.float64]) -> Places:
        """Return where lines in these directions, (N, 3) of length 1, leave its part."""
        along = self._along(directions)
        begins, ends = self._foreign(along)
        number = len(directions)
        lower, upper = np.zeros((2, number))
        wall = np.full(number, -1, dtype=np.intp)
        lone = self.radius * level_radius(self.threshold)
        lines, reached = np.arange(number), np.zeros(number)
        while True:
            ahead = np.where(begins > reached, begins, np.inf)
            last = np.minimum(ahead.min(axis=0, initial=np.inf), self.radius)
            first = np.minimum(np.maximum(reached, lone), last)
            lower[lines], upper[lines] = first, self._first_below(along, first, last)
            inside = np.flatnonzero(np.isinf(upper[lines]))
            if not len(inside):
                break
            lines, along, last, ahead = (
                lines[inside],
                along[:, inside],
                last[inside],
                ahead[:, inside],
            )
            begins, ends = begins[:, inside], ends[:, inside]
            lower[lines] = upper[lines] = last
            wall[lines] = np.argmin(ahead, axis=0)
            # A neighbour's part may end within the body again: a small ball inside a large one.
            if np.isinf(ends).all():
                break
            end = _joint_end(last, begins, ends)
            left = np.flatnonzero(np.isfinite(end))
            left = left[np.isinf(self._first_below(along[:, left], last[left], end[left]))]
            if not len(left):
                break
            lines, reached, along = lines[left], end[left], along[:, left]
            begins, ends = begins[:, left], ends[:, left]
            wall[lines] = -1
        return Places(lower, upper, wall)

    def distances(self, directions: NDArray[np.float64], places: Places) -> NDArray[np.float64]:
        """Return where exactly the lines meet the surface, or a wall: (N,)."""
        along = self._along(directions)
        at = places.lower.copy()
        todo = np.flatnonzero(places.upper > places.lower)
        along, lower, upper = along[:, todo], places.lower[todo], places.upper[todo]
        for _ in range(_MOST_STEPS):
            here = at[todo]
            excess, slope = self._excess(along, here), self._slope(along, here)
            lower = np.where(excess >= 0, here, lower)
            upper = np.where(excess < 0, here, upper)
            # Newton's step, or half the way where it leads astray.
            step = np.divide(excess, slope, out=np.full_like(here, -np.inf), where=slope < 0)
            new = here - step
            new = np.where((new >= lower) & (new <= upper), new, (lower + upper) / 2)
            at[todo] = new
            left = np.flatnonzero(np.abs(new - here) > _EXACT * self.radius)
            if not len(left):
                break
            todo, along, lower, upper = todo[left], along[:, left], lower[left], upper[left]
        return at

    def normals(self, points: NDArray[np.float64], wall: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the unit normals at points, (N, 3), of the surface or of a wall (see `Places`)."""
        outward = -_gradient(points, self.radius)
        for index, (centre, radius) in enumerate(zip(self.centres, self.radii, strict=True)):
            away = points - centre
            near = np.flatnonzero(np.einsum("ij,ij->i", away, away) < radius * radius)
            # Of a wall, that neighbour alone decides: the difference of two fields is 0 there.
            sign = np.where(wall[near] == index, 1.0, np.where(wall[near] < 0, -1.0, 0.0))
            outward[near] += sign[:, None] * _gradient(away[near], radius)
        length = np.sqrt(np.einsum("ij,ij->i", outward, outward))
        flat = length < _EXACT
        outward[flat], length[flat] = np.array([0.0, 0.0, 1.0]), 1.0
        normals: NDArray[np.float64] = outward / length[:, None]
        return normals

    def _along(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far the neighbours' centres lie along directions: (K, N)."""
        along: NDArray[np.float64] = np.einsum("ki,ni->kn", self.centres, directions)
        return along

    def _excess(self, along: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what the fields sum up to above the threshold at (N,) places on lines."""
        own = np.maximum(1.0 - (at / self.radius) ** 2, 0.0)
        others = self._insides(along, at)
        return STIFFNESS * (own**3 + (others * others * others).sum(axis=0)) - self.threshold

    def _slope(self, along: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how `_excess` changes along the lines."""
        own = np.maximum(1.0 - (at / self.radius) ** 2, 0.0)
        others = self._insides(along, at)
        inverse = 1.0 / (self.radii * self.radii)[:, None]
        theirs = (others * others * (at - along) * inverse).sum(axis=0)
        return -6.0 * STIFFNESS * (own**2 * at / self.radius**2 + theirs)

    def _insides(self, along: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 1 - d² / R² of each neighbour, 0 beyond R: (K, N)."""
        squares = np.einsum("ki,ki->k", self.centres, self.centres)[:, None]
        inside = at - 2.0 * along
        inside *= at
        inside += squares
        inside *= -1.0 / (self.radii * self.radii)[:, None]
        inside += 1.0
        return np.maximum(inside, 0.0, out=inside)

    def _foreign(
        self, along: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return between which distances on lines each neighbour's field is the stronger: (K, N).

        Both are infinite where it never is. With d² = r² - 2 r u·v + v² that is where
        (1/R'² - 1/R²) r² - 2 (u·v/R'²) r + v²/R'² is negative.
        """
        inverse = 1.0 / (self.radii * self.radii)[:, None]
        a = inverse - 1.0 / (self.radius * self.radius)
        b = along * inverse
        c = np.einsum("ki,ki->k", self.centres, self.centres)[:, None] * inverse
        inner = b * b - a * c
        reach = b + np.sqrt(np.maximum(inner, 0.0))
        exists = (inner >= 0) & (reach > 0) & (c > 0)
        begins = np.divide(c, reach, out=np.full_like(b, np.inf), where=exists)
        ends = np.divide(reach, a, out=np.full_like(b, np.inf), where=exists & (a > 0))
        return begins, ends

    def _first_below(
        self,
        along: NDArray[np.float64],
        first: NDArray[np.float64],
        last: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return a place from `first` to `last` where the sum is below the threshold, or infinity.

        It is looked for at the end, and for a dip at a few places before.
        """
        below = np.full_like(last, np.inf)
        left = np.flatnonzero(last > first)  # at the first place it is not below
        for sample in _SAMPLES:
            here = first[left] + sample * (last[left] - first[left])
            found = self._excess(along[:, left], here) < 0
            below[left[found]] = here[found]
            left = left[~found]
        return below


def _joint_end(
    at: NDArray[np.float64], begins: NDArray[np.float64], ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return where the intervals, (K, N), that places, (N,), lie in end together."""
    while True:
        reached = np.where(begins <= at, ends, -np.inf).max(axis=0, initial=-np.inf)
        further: NDArray[np.float64] = np.maximum(at, reached)
        if (further == at).all():
            return further
        at = further


def _gradient(away: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Return the gradient of a field, but for a factor common to all, at points from its centre."""
    squares = np.einsum("ij,ij->i", away, away) / (radius * radius)
    strength = np.maximum(1.0 - squares, 0.0) ** 2 / (radius * radius)
    gradient: NDArray[np.float64] = -strength[:, None] * away
    return gradient
