"""One particle of any shape, as convex pieces of its surface.

A particle that is nearly convex is its convex hull. Any other has its surface cut into patches, and
the hull of each patch stands for it: together they hold the whole surface, and only where a patch
is hollow do they hold more. What they leave open inside can't be reached from outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self, final

import numpy as np

from scene.errors import SimulationError
from scene.shapes.agglomeration.directions import dot, even_directions
from scene.shapes.agglomeration.solids import Indices, Points
from scene.shapes.mesh import TriangleMesh

_CONVEX = 0.97
"""A surface that fills at least this fraction of its convex hull is taken for convex."""

_PATCHES = 32
_MOST_POINTS = 800
_BINS = 12
"""How many there are along each edge of a cube; the outermost point of each bin is kept."""

_DIRECTIONS = even_directions(512)
"""Those in which the points of a patch that are kept are the outermost."""


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """One particle.

    Parameters
    ----------
    points
        (V, 3) points of its pieces, piece by piece.
    starts
        Where each piece begins among the points.
    rounding
        By how much the pieces are to be thickened: the radius of a ball, which is one point; else
        0.
    centre
        (3,) centre of mass.
    mass
        Volume.
    gyration_radius
        About the centre.
    """

    points: Points
    starts: tuple[int, ...]
    rounding: float
    centre: Points
    mass: float
    gyration_radius: float

    @classmethod
    def ball(cls, centre: Points, radius: float) -> Self:
        """Return a ball."""
        volume = 4 / 3 * np.pi * radius**3
        return cls(centre[None], (0,), radius, centre, volume, np.sqrt(0.6) * radius)

    @classmethod
    def of(cls, mesh: TriangleMesh) -> Self:
        """Return what a closed surface encloses.

        Raises
        ------
        SimulationError
            If it has no volume.
        """
        from scipy.spatial import ConvexHull, QhullError

        middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
        own = TriangleMesh(mesh.vertices - middle, mesh.triangles)
        outermost = _outermost(own.vertices)
        try:
            hull = ConvexHull(outermost)
        except QhullError as error:
            raise SimulationError("a particle without volume can't agglomerate") from error
        volume = own.volume
        if not 0.01 * hull.volume < volume:
            raise SimulationError("a particle whose surface is not closed can't agglomerate")
        if volume > _CONVEX * hull.volume:
            pieces = [outermost[hull.vertices]]
        else:
            patches = (own.vertices[np.unique(own.triangles[n])] for n in _patches(own))
            pieces = [_extreme(points) for points in patches]
        starts = np.cumsum([0, *map(len, pieces)])[:-1]
        return cls(
            points=np.concatenate(pieces) + middle,
            starts=tuple(starts.tolist()),
            rounding=0.0,
            centre=own.centroid + middle,
            mass=volume,
            gyration_radius=own.gyration_radius,
        )


def _outermost(points: Points) -> Points:
    """Return points of about the same convex hull; all of them where they are few."""
    if len(points) <= _MOST_POINTS:
        return points
    size = np.abs(points).max(axis=1)
    face = np.abs(points).argmax(axis=1)
    side = np.take_along_axis(points, face[:, None], axis=1)[:, 0] > 0
    on_cube = points / np.where(size > 0, size, 1.0)[:, None]
    cells = np.minimum(((on_cube + 1) * (_BINS / 2)).astype(np.int64), _BINS - 1)
    first, second = (np.take_along_axis(cells, ((face + n) % 3)[:, None], axis=1) for n in (1, 2))
    keys = ((face * 2 + side) * _BINS + first[:, 0]) * _BINS + second[:, 0]
    order = np.lexsort(((points * points).sum(axis=1), keys))
    last = np.append(keys[order][1:] != keys[order][:-1], True)
    kept = set(order[last].tolist())
    for axis in range(3):
        kept |= {int(points[:, axis].argmin()), int(points[:, axis].argmax())}
    return points[sorted(kept)]


def _extreme(points: Points) -> Points:
    """Return those points of a small piece that are the outermost in some direction."""
    return points[np.unique(dot(points.T, _DIRECTIONS).argmax(axis=0))]


def _patches(mesh: TriangleMesh) -> list[Indices]:
    """Cut a surface: the largest patch is halved across its longest side, over and over."""
    middles = mesh.vertices[mesh.triangles].mean(axis=1)
    patches = [np.arange(len(middles))]
    while len(patches) < _PATCHES:
        patches.sort(key=len)
        own = patches.pop()
        if len(own) < 2:
            return [*patches, own]
        axis = int(np.ptp(middles[own], axis=0).argmax())
        order = own[np.argsort(middles[own, axis], kind="stable")]
        patches += np.split(order, [len(order) // 2])
    return patches
