"""Simpler solids that stand for particles in simulations."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self, final

import numpy as np
from numpy.typing import NDArray

from scene.shapes.mesh import TriangleMesh

if TYPE_CHECKING:
    from scipy.spatial import ConvexHull

_HOLLOW = 0.02
"""Fraction of its convex hull that a solid may lack and still be taken for convex."""

_DIRECTIONS = np.array([d for d in itertools.product((-1.0, 0.0, 1.0), repeat=3) if any(d)])
"""The ways from the middle of a cube to its faces, edges and corners, (26, 3)."""

_ROUNDED = {True: 0.1, False: 0.02}
"""Radius of rounded edges as a fraction of the smallest side, of smooth and of other solids."""


@final
@dataclass(frozen=True, slots=True)
class Hull:
    """A convex solid with few corners.

    Parameters
    ----------
    corners
        (C, 3) float64.
    is_smooth
        Whether it stands for one with more of them.
    """

    corners: NDArray[np.float64]
    is_smooth: bool

    @classmethod
    def of(cls, points: NDArray[np.float64]) -> Self:
        """Return what stands for the convex hull of some points (N, 3).

        Of more than 26 corners, those remain that lie farthest out in as many directions. Their
        hull is grown, so that it reaches as far out on average as the whole one.
        """
        whole = _hull(points)
        if whole is None:  # all in one plane
            return cls(points, is_smooth=False)
        corners: NDArray[np.float64] = points[whole.vertices]
        if len(corners) <= len(_DIRECTIONS):
            return cls(corners, is_smooth=False)
        lower, upper = corners.min(axis=0), corners.max(axis=0)
        centre = (lower + upper) / 2
        even = (corners - centre) / (upper - lower)
        few = np.unique(_heights(even, _DIRECTIONS).argmax(axis=0))
        every_way = _every_way()
        growth = _heights(even, every_way).max(axis=0) / _heights(even[few], every_way).max(axis=0)
        return cls(centre + float(growth.mean()) * (corners[few] - centre), is_smooth=True)

    def rounded(self, scale: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Return corners and a radius: the hull of the former, grown by the latter all round.

        Stretched by `scale` (3,), and as large as this one is then but for its edges. Bullet finds
        the distance of two hulls sooner than how deep they overlap; so they get a margin to do so.
        """
        corners = self.corners * scale
        lower, upper = corners.min(axis=0), corners.max(axis=0)
        centre, sides = (lower + upper) / 2, upper - lower
        radius = _ROUNDED[self.is_smooth] * float(sides.min())
        shrunk = 1.0 - 2.0 * radius / np.where(sides > 0, sides, np.inf)
        return centre + shrunk * (corners - centre), radius


def is_convex(surface: TriangleMesh) -> bool:
    """Return whether a closed surface fills its convex hull but for two hundredths."""
    hull = _hull(surface.vertices)
    return hull is not None and surface.volume >= (1.0 - _HOLLOW) * hull.volume


def _hull(points: NDArray[np.float64]) -> ConvexHull | None:
    """Return the convex hull of points; None if they are in one plane."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return ConvexHull(points)
    except QhullError:
        return None


def _heights(points: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far out points (N, 3) lie in directions (D, 3), as (N, D)."""
    heights: NDArray[np.float64] = np.einsum("ni,di->nd", points, directions)
    return heights


@cache
def _every_way() -> NDArray[np.float64]:
    """Return unit vectors (200, 3), as good as even over the sphere: a Fibonacci lattice."""
    steps = np.arange(200)
    z = 1.0 - (2.0 * steps + 1.0) / len(steps)
    angles = np.pi * (3.0 - math.sqrt(5.0)) * steps
    level = np.sqrt(1.0 - z * z)
    return np.stack([level * np.cos(angles), level * np.sin(angles), z], axis=1)
