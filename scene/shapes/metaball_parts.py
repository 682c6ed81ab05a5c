"""The part of each ball in a family of metaballs, as a mesh of its own.

A net of triangles round a ball's centre is blown up until it meets the surface or a neighbour's
part. Where it goes over from one to the other, its triangles are cut, so that neighbours' seams
fall together and their walls leave no room between them.
"""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray

from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.shapes.metaballs import Ball
from scene.shapes.sphere import directions as net

_SEAM_POINTS = np.array([0.25, 0.5, 0.75])
"""Where within a triangle a seam is looked for, beside its ends on two of the sides."""

_WALL_GAP = 5e-4
"""By which fraction of its distance a wall stands back, as a ray may miss one of two in a place."""

_HALVINGS = 11
"""They leave less than a thousandth of a triangle's side."""


def ball_part(ball: Ball, cells: int) -> FusedPart:
    """Return a ball's part of the fused body, round its own centre.

    Parameters
    ----------
    ball
        The ball and its neighbours.
    cells
        Along each edge of the cube that the net is made from, an even number; see
        :func:`scene.shapes.sphere.cube_sphere`.
    """
    sphere = net(cells)
    directions, triangles = sphere.vertices, sphere.triangles
    places = ball.places(directions)
    distances, wall = ball.distances(directions, places), places.wall
    ball, wall = ball.within(float(distances.max()), wall)
    cut = _Cut(ball, directions, triangles, wall)
    if len(cut.directions):
        added = ball.places(cut.directions)
        directions = np.concatenate([directions, cut.directions])
        distances = np.concatenate([distances, ball.distances(cut.directions, added)])
        wall = np.concatenate([wall, added.wall])
    distances = np.where(wall < 0, distances, (1.0 - _WALL_GAP) * distances)
    vertices = distances[:, None] * directions
    mesh = TriangleMesh(vertices, cut.triangles, ball.normals(vertices, wall))
    return FusedPart(mesh, cut.sides < 0)


@final
class _Cut:
    """A net cut where it goes over from one side of a part to the next.

    Parameters
    ----------
    ball
        Whose part it is.
    directions
        (V, 3), of length 1.
    triangles
        (T, 3).
    side
        (V,) on which side of the part a direction ends: a neighbour, or -1 for the surface.

    Attributes
    ----------
    directions
        (S, 3), those added, which come after the given ones.
    triangles
        (U, 3).
    sides
        (U,) on which side each triangle lies.
    """

    def __init__(
        self,
        ball: Ball,
        directions: NDArray[np.float64],
        triangles: NDArray[np.int64],
        side: NDArray[np.intp],
    ) -> None:
        self._ball, self._given, self._side = ball, directions, side
        self._added: list[NDArray[np.float64]] = []
        self._parts: list[NDArray[np.int64]] = []
        self._of: list[NDArray[np.intp]] = []
        corners = side[triangles]
        unlike = corners != np.roll(corners, -1, axis=1)  # along each edge
        number = unlike.sum(axis=1)
        self._add(triangles[number == 0], corners[number == 0, 0])
        # Turn a triangle so that the corner that is alone on its side comes first, or the lowest.
        two, three = np.flatnonzero(number == 2), np.flatnonzero(number == 3)
        alone = np.argmax(unlike[two] & np.roll(unlike[two], 1, axis=1), axis=1)
        one_way = _turned(triangles[two], alone)
        each_way = _turned(triangles[three], np.argmin(corners[three], axis=1))
        edges = np.concatenate(
            [
                one_way[:, [0, 1]],
                one_way[:, [0, 2]],
                *(each_way[:, [k, (k + 1) % 3]] for k in range(3)),
            ]
        )
        pairs, place = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
        points = self._between(directions[pairs[:, 0]], directions[pairs[:, 1]], *side[pairs].T)
        on_edges = self._new(points)[place.ravel()]
        first, second, *on_three = np.split(
            on_edges, np.cumsum([len(two), len(two), len(three), len(three)])
        )
        # Between two walls the line is straight, or nearly so.
        is_seam = side[one_way].min(axis=1) < 0
        for chosen, fractions in ((is_seam, _SEAM_POINTS), (~is_seam, _SEAM_POINTS[:0])):
            self._cut_in_two(one_way[chosen], first[chosen], second[chosen], fractions)
        self._cut_in_three(each_way, on_three)
        self.directions = np.concatenate(self._added)
        every, sides = np.concatenate(self._parts), np.concatenate(self._of)
        has_area = (every != np.roll(every, 1, axis=1)).all(axis=1)
        self.triangles, self.sides = every[has_area], sides[has_area]

    def _cut_in_two(
        self,
        corners: NDArray[np.int64],
        first: NDArray[np.int64],
        second: NDArray[np.int64],
        fractions: NDArray[np.float64],
    ) -> None:
        """Cut triangles along a line from their first edge to their last."""
        a, b, c = corners.T
        inner = len(fractions)
        given, side = self._given, self._side
        across = _mixed(given[b, None], given[c, None], fractions[:, None]).reshape(-1, 3)
        near = np.repeat(given[a], inner, axis=0)
        near_side, far_side = np.repeat(side[a], inner), np.repeat(side[b], inner)
        points = self._between(near, across, near_side, far_side)
        line = np.empty((inner + 2, len(a)), dtype=np.int64)
        line[0], line[-1] = first, second
        line[1:-1] = self._new(points).reshape(len(a), inner).T
        # An edge may be of one side at both ends and not in between; nothing is found from there.
        lost = self._ball.places(points).wall != np.minimum(near_side, far_side)
        for k in range(inner):
            line[k + 1] = np.where(lost[k::inner], line[k], line[k + 1])
        steps = range(inner + 1)
        middle = (inner + 1) // 2
        for k in steps:
            self._add(np.stack([a, line[k], line[k + 1]], axis=1), side[a])
            self._add(np.stack([line[k], b if k < middle else c, line[k + 1]], axis=1), side[b])
        self._add(np.stack([line[middle], b, c], axis=1), side[b])

    def _cut_in_three(self, corners: NDArray[np.int64], cuts: list[NDArray[np.int64]]) -> None:
        """Cut triangles from a point on each side to one in the middle, where three sides meet."""
        a = corners[:, 0]
        found = np.concatenate([self._given, *self._added])
        facing = found[cuts[1]]
        beyond = np.full(len(a), np.iinfo(np.intp).max)
        middle = self._new(self._between(self._given[a], facing, self._side[a], beyond))
        for k in range(3):
            corner, side = corners[:, k], self._side[corners[:, k]]
            self._add(np.stack([corner, cuts[k], middle], axis=1), side)
            self._add(np.stack([corner, middle, cuts[k - 1]], axis=1), side)

    def _between(
        self,
        one: NDArray[np.float64],
        two: NDArray[np.float64],
        one_side: NDArray[np.intp],
        two_side: NDArray[np.intp],
    ) -> NDArray[np.float64]:
        """Return the last directions on the lower of two sides, on the way to the other."""
        swapped = (one_side > two_side)[:, None]
        start, end = np.where(swapped, two, one), np.where(swapped, one, two)
        side = np.minimum(one_side, two_side)
        low, high = np.zeros(len(one)), np.ones(len(one))
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_there = self._ball.places(_mixed(start, end, middle[:, None])).wall == side
            low, high = np.where(is_there, middle, low), np.where(is_there, high, middle)
        return _mixed(start, end, low[:, None])

    def _new(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Add directions and return their indices."""
        begin = len(self._given) + sum(map(len, self._added))
        self._added.append(points)
        return begin + np.arange(len(points))

    def _add(self, triangles: NDArray[np.int64], side: NDArray[np.intp]) -> None:
        self._parts.append(triangles)
        self._of.append(side)


def _turned(triangles: NDArray[np.int64], first: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return triangles, (T, 3), that begin with another of their corners."""
    return np.take_along_axis(triangles, (first[:, None] + np.arange(3)) % 3, axis=1)


def _mixed(
    one: NDArray[np.float64], two: NDArray[np.float64], fraction: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return directions on the way from one to two, of length 1."""
    mixed = one + fraction * (two - one)
    mixed /= np.sqrt(np.einsum("...i,...i->...", mixed, mixed))[..., None]
    return mixed
