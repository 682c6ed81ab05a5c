"""Particles of any shape that collide: as convex pieces of their surface.

A particle that is nearly convex is its convex hull. Any other has its surface cut into patches, and
the hull of each patch stands for it: together they hold the whole surface, and only where a patch
is hollow do they hold more. What they leave open inside can't be reached from outside.

Piece B, moved by x, overlaps piece A where x lies in the sum of A and the mirror image of B, which
is convex. So B is a point that moves along its way, and touches A where that enters the sum. A few
directions, tried for all pieces at once, show that most don't meet; for the others `portal` finds
the contact exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final, override

import numpy as np
from numpy.typing import NDArray

from scene.errors import SimulationError
from scene.shapes.agglomeration.portal import Vector, entered
from scene.shapes.agglomeration.solids import Box, Contact, Indices, Meeting, Points, Solids
from scene.shapes.agglomeration.spheres import SphereMeeting
from scene.shapes.mesh import TriangleMesh

_CONVEX = 0.97
"""A surface that fills at least this fraction of its convex hull is taken for convex."""

_PATCHES = 32
_MOST_POINTS = 800
_BINS = 12
"""How many there are along each edge of a cube; the outermost point of each bin is kept."""

_HALF = 64
"""Directions in half a sphere that are tried for all pieces."""

_TOLERANCE = 1e-6
"""How exact a contact is, as a fraction of both pieces' sizes."""


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
    return points[np.unique(_dot(points.T, _MANY_DIRECTIONS).argmax(axis=0))]


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
    ahead = _dot(starts.T, directions) - ends
    towards = -_dot(edges.T, directions)
    ever = np.where(ahead > 0, np.inf, -np.inf)
    return np.where(towards > 0, ahead / np.where(towards > 0, towards, 1.0), ever)


def _support(points: Points, directions: Points) -> NDArray[np.float64]:
    """Return the largest n.p over the points (3, V) for each direction n."""
    found: NDArray[np.float64] = _dot(points, directions).max(axis=0)
    return found


def _dot(points: Points, directions: Points) -> NDArray[np.float64]:
    """Return all products of points (3, V) and directions, whose sums no library may reorder."""
    x, y, z = points[..., None]
    products: NDArray[np.float64] = (
        x * directions[:, 0] + y * directions[:, 1] + z * directions[:, 2]
    )
    return products


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
    one = _dot(points, axes).T - _dot(start[:, None], axes).T
    two = _dot(mirrored, axes).T

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


def _even_directions(number: int) -> Points:
    """Return unit vectors on a spiral over half a sphere, and their opposites."""
    n = np.arange(number)
    z = (n + 0.5) / number
    turn = n * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z * z)
    half = np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=1)
    return np.concatenate([half, -half])


_DIRECTIONS = _even_directions(_HALF)
_MANY_DIRECTIONS = _even_directions(4 * _HALF)
