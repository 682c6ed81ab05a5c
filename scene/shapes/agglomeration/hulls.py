"""Particles of any shape that collide: as convex pieces of their surface.

Piece B, moved by x, overlaps piece A where x lies in the sum of A and the mirror image of B, which
is convex. So B is a point that moves along its way, and touches A where that enters the sum. A few
directions, tried for all pieces at once, show that most don't meet; for the others `portal` finds
the contact exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final, override

import numpy as np
from numpy.typing import NDArray

from scene.shapes.agglomeration.directions import dot, even_directions
from scene.shapes.agglomeration.portal import Vector, entered
from scene.shapes.agglomeration.shape import Shape
from scene.shapes.agglomeration.solids import Box, Contact, Indices, Meeting, Points, Solids
from scene.shapes.agglomeration.spheres import SphereMeeting

_DIRECTIONS = even_directions(128)
"""Those that are tried for all pieces."""

_TOLERANCE = 1e-6
"""How exact a contact is, as a fraction of both pieces' sizes."""


@final
class Hulls(Solids):
    """Particles of any shape, of density 1."""

    def __init__(self, shapes: Sequence[Shape]) -> None:
        self.centres = np.array([shape.centre for shape in shapes])
        self.turns = np.tile(np.eye(3), (len(shapes), 1, 1))
        self.masses = np.array([shape.mass for shape in shapes])
        self.gyration_radii = np.array([shape.gyration_radius for shape in shapes])
        self._shapes = shapes
        # Coordinates in rows of their own: so they are added up, and compared, the fastest.
        self._points = [np.ascontiguousarray((s.points - s.centre).T) for s in shapes]
        reaches = [np.sqrt((own * own).sum(axis=0).max()) for own in self._points]
        self._radii = np.array(reaches) + [shape.rounding for shape in shapes]

    @override
    def box(self, members: Indices) -> Box:
        own = [(self._placed(n), self._shapes[n].rounding) for n in members.tolist()]
        lower = np.min([points.min(axis=1) - rounding for points, rounding in own], axis=0)
        upper = np.max([points.max(axis=1) + rounding for points, rounding in own], axis=0)
        return lower, upper

    @override
    def meeting(self, first: Indices, second: Indices) -> Meeting:
        near = SphereMeeting(
            first, self.centres[first], self._radii[first],
            second, self.centres[second], self._radii[second],
        )  # fmt: skip
        return _HullMeeting(near, self, first, second)

    def pieces(self, particle: int, sign: float) -> _Pieces:
        """Return a particle's pieces where they are, or what they are mirrored at the origin."""
        shape = self._shapes[particle]
        points = np.split(sign * self._placed(particle), shape.starts[1:], axis=1)
        return _Pieces(points, shape.rounding)

    def _placed(self, particle: int) -> Points:
        x, y, z = self._points[particle]
        turn, centre = self.turns[particle].tolist(), self.centres[particle].tolist()
        rows = zip(turn, centre, strict=True)
        return np.stack([a * x + b * y + c * z + start for (a, b, c), start in rows])


@final
class _Pieces:
    """The pieces of one particle, or of its mirror image."""

    def __init__(self, points: list[Points], rounding: float) -> None:
        self.points, self.rounding = points, rounding
        self.centres = np.array([(own.min(axis=1) + own.max(axis=1)) / 2 for own in points])
        offsets = [own - centre[:, None] for own, centre in zip(points, self.centres, strict=True)]
        reaches = [np.sqrt((own * own).sum(axis=0).max()) for own in offsets]
        self.radii = np.array(reaches) + rounding
        self._supports: dict[int, NDArray[np.float64]] = {}

    def supports(self, pieces: Indices) -> NDArray[np.float64]:
        """Return the support of pieces in all `_DIRECTIONS`, (pieces, directions)."""
        for n in pieces.tolist():
            if n not in self._supports:
                self._supports[n] = _support(self.points[n], _DIRECTIONS) + self.rounding
        return np.array([self._supports[n] for n in pieces.tolist()])


@final
class _HullMeeting(Meeting):
    """Two bodies of pieces."""

    def __init__(self, near: SphereMeeting, hulls: Hulls, first: Indices, second: Indices) -> None:
        self._near, self._hulls = near, hulls
        self._first, self._second = first, second
        self._known: dict[tuple[int, float], _Pieces] = {}

    @override
    def first_contact(self, path: Points) -> Contact | None:
        for start, stop, near in self._near.near(path):
            found: Contact | None = None
            for index in near:
                a, b = divmod(index, len(self._second))
                pair = int(self._first[a]), int(self._second[b])
                other = self._contact(path[start : stop + 1], start, pair)
                if other is not None and (found is None or other[:2] < found[:2]):
                    found = other
            if found is not None:
                return found
        return None

    def _contact(self, path: Points, start: int, pair: tuple[int, int]) -> Contact | None:
        """Return where two particles first touch on a stretch of the path."""
        one, two = self._pieces(pair[0], 1.0), self._pieces(pair[1], -1.0)
        starts, edges = path[:-1], np.diff(path, axis=0)
        possible = _passing(starts, edges, one, two)
        if not len(possible):
            return None
        edge, a, b = possible.T
        ends = one.supports(a) + two.supports(b)
        earliest = _kept_apart(starts[edge], edges[edge], _DIRECTIONS, ends).max(axis=1)
        found: tuple[int, float] | None = None
        for n in np.lexsort((earliest, edge)).tolist():
            if earliest[n] > 1:
                continue
            here = int(edge[n])
            if found is not None and (here, earliest[n]) >= found:
                break
            pieces = one.points[a[n]], two.points[b[n]], one.rounding + two.rounding
            fraction = touching(*pieces, starts[here], edges[here])
            if fraction is not None and (found is None or (here, fraction) < found):
                found = here, fraction
        return None if found is None else Contact(start + found[0], found[1], *pair)

    def _pieces(self, particle: int, sign: float) -> _Pieces:
        key = particle, sign
        if key not in self._known:
            self._known[key] = self._hulls.pieces(particle, sign)
        return self._known[key]


def _passing(starts: Points, edges: Points, one: _Pieces, two: _Pieces) -> Indices:
    """Return the (edge, piece, mirrored piece) whose bounding spheres come near, (found, 3)."""
    centres = one.centres[:, None] + two.centres
    reaches = np.add.outer(one.radii, two.radii)
    offsets = starts[:, None, None] - centres
    way = edges[:, None, None]
    square = np.maximum((way * way).sum(axis=-1), 1e-300)
    along = np.clip(-(offsets * way).sum(axis=-1) / square, 0.0, 1.0)
    nearest = offsets + along[..., None] * way
    return np.argwhere((nearest * nearest).sum(axis=-1) <= reaches * reaches)


def _kept_apart(
    starts: Points, edges: Points, directions: Points, ends: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far along each edge each direction keeps two pieces apart, (edges, directions)."""
    ahead = dot(starts.T, directions) - ends
    towards = -dot(edges.T, directions)
    ever = np.where(ahead > 0, np.inf, -np.inf)
    return np.where(towards > 0, ahead / np.where(towards > 0, towards, 1.0), ever)


def _support(points: Points, directions: Points) -> NDArray[np.float64]:
    """Return the largest n.p over the points (3, V) for each direction n."""
    found: NDArray[np.float64] = dot(points, directions).max(axis=0)
    return found


def touching(
    points: Points, mirrored: Points, rounding: float, start: Points, edge: Points
) -> float | None:
    """Return how far along an edge a piece touches another one; None if it doesn't.

    In coordinates across the edge and along it the second piece, seen from the first one, is the
    end of a ray that meets the sum of the first piece and of the second one's mirror image.

    Parameters
    ----------
    points, mirrored
        (3, V), (3, W) points of the piece at rest, and of the mirrored one.
    rounding
        By how much both together are thickened.
    start, edge
        (3,) the way of the second piece.
    """
    length = float(np.sqrt((edge * edge).sum()))
    if not length:
        return None
    along = edge / length
    axes = np.stack([*_across(along), along])
    one = dot(points, axes).T - dot(start[:, None], axes).T
    two = dot(mirrored, axes).T

    def support(direction: Vector) -> Vector:
        x, y, z = _outermost_of(one, direction)
        u, v, w = _outermost_of(two, direction)
        thick = rounding / (math.hypot(*direction) or 1.0)
        dx, dy, dz = direction
        return x + u + thick * dx, y + v + thick * dy, z + w + thick * dz

    inside = tuple((one.mean(axis=1) + two.mean(axis=1)).tolist())
    size = float(np.ptp(one, axis=1).max() + np.ptp(two, axis=1).max()) + rounding
    height = entered(support, inside, _TOLERANCE * size)
    if height is None or height > length:
        return None
    return max(height / length, 0.0)


def _outermost_of(points: Points, direction: Vector) -> list[float]:
    x, y, z = points
    heights = direction[0] * x + direction[1] * y + direction[2] * z
    outermost: list[float] = points[:, heights.argmax()].tolist()
    return outermost


def _across(direction: Points) -> Points:
    """Return two unit vectors across a direction and each other, (2, 3)."""
    other = np.zeros(3)
    other[int(np.abs(direction).argmin())] = 1.0
    one = np.cross(direction, other)
    one /= np.sqrt((one * one).sum())
    return np.stack([one, np.cross(direction, one)])
