"""Convex polyhedra whose edges and corners are rounded.

Rounded by a radius, a polyhedron is the set of all points that are at most as far from a smaller
one, its core: a face is a face of the core moved outwards, an edge part of a cylinder, a corner
part of a sphere. Every vertex of the mesh is a corner of the core and a direction to go from there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from typing import final

import numpy as np
from numpy.typing import NDArray

from scene.shapes.mesh import TriangleMesh, outward, unit

_WIDEST_STEP = math.pi / 12
"""Angle between neighbouring normals on a rounding."""


@final
@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of a convex polyhedron round the origin.

    Parameters
    ----------
    loops
        Indices of each face's corners, counter-clockwise seen from outside.
    normals
        (F, 3), outward unit normals.
    distance
        Of the nearest face from the origin: the radius of the largest sphere inside.
    """

    loops: tuple[tuple[int, ...], ...]
    normals: NDArray[np.float64]
    distance: float

    @classmethod
    def of(cls, corners: NDArray[np.float64]) -> Faces:
        """Return those of the convex hull of corners, (N, 3), none of which lies inside it."""
        from scipy.spatial import ConvexHull

        equations = ConvexHull(corners).equations
        normals, loops, distances = [], [], []
        _, first = np.unique(np.round(equations, 6), axis=0, return_index=True)
        for equation in equations[first]:
            height = np.einsum("ni,i->n", corners, equation[:3]) + equation[3]
            own = np.flatnonzero(height > -1e-9)
            middle = corners[own].mean(axis=0)
            right = unit(corners[own[0]] - middle)
            up = np.cross(equation[:3], right)
            arms = corners[own] - middle
            angle = np.arctan2(np.einsum("ni,i->n", arms, up), np.einsum("ni,i->n", arms, right))
            loops.append(tuple(own[np.argsort(angle)].tolist()))
            normals.append(equation[:3])
            distances.append(-equation[3])
        return cls(tuple(loops), np.array(normals), min(distances))


@final
@dataclass(frozen=True, slots=True)
class Roundings:
    """How the mesh of a rounded polyhedron is made, whatever its radius.

    Parameters
    ----------
    corner
        (V,), the corner of the core that each vertex belongs to.
    direction
        (V, 3), the way from there, which is the normal.
    triangles
        (T, 3).
    """

    corner: NDArray[np.int64]
    direction: NDArray[np.float64]
    triangles: NDArray[np.int64]

    def around(self, core: NDArray[np.float64], radius: float) -> TriangleMesh:
        """Return the surface at a positive radius from a core with these corners, (N, 3)."""
        vertices = core[self.corner] + radius * self.direction
        return TriangleMesh(vertices, self.triangles, self.direction)


def rounded(corners: NDArray[np.float64], rounding: float) -> TriangleMesh:
    """Return a polyhedron round the origin, of whose faces the nearest stay where they are.

    Parameters
    ----------
    corners
        (N, 3), of a convex polyhedron.
    rounding
        Radius of the edges over that of the largest sphere inside, 0 to 1.
    """
    faces, roundings = _made(corners.tobytes())
    if rounding == 0:
        triangles = [fan for loop in faces.loops for fan in _fan(loop)]
        return TriangleMesh(corners, np.array(triangles, dtype=np.int64))
    return roundings.around((1 - rounding) * corners, rounding * faces.distance)


def cuboid(sides: tuple[float, float, float], rounding: float) -> TriangleMesh:
    """Return a cuboid round the origin; the radius of its edges is over half the shortest side."""
    if rounding == 0:
        return rounded(_CUBE, 0.0).stretched(sides)
    corners = _CUBE * sides
    radius = rounding * min(sides) / 2
    return _made(_CUBE.tobytes())[1].around(corners - radius * np.sign(corners), radius)


def cuboid_volume(sides: tuple[float, float, float], rounding: float) -> float:
    """Return the volume of a cuboid whose edges are round: Steiner's formula.

    >>> cuboid_volume((1.0, 2.0, 3.0), 0.0)
    6.0
    """
    radius = rounding * min(sides) / 2
    a, b, c = (side - 2 * radius for side in sides)
    moved = a * b * c + 2 * radius * (a * b + b * c + c * a)
    return moved + math.pi * radius**2 * (a + b + c) + 4 / 3 * math.pi * radius**3


_CUBE = np.array(list(product((-0.5, 0.5), repeat=3)))


@lru_cache(maxsize=32)
def _made(corners: bytes) -> tuple[Faces, Roundings]:
    points = np.frombuffer(corners).reshape(-1, 3)
    faces = Faces.of(points)
    return faces, roundings_of(faces, points)


def _fan(loop: tuple[int, ...]) -> list[tuple[int, int, int]]:
    return [(loop[0], b, c) for b, c in pairwise(loop[1:])]


def roundings_of(faces: Faces, corners: NDArray[np.float64]) -> Roundings:
    """Return the vertices and triangles: all faces, then the edges, then the corners."""
    made = _Made()
    at = {
        (face, corner): made.vertex(corner, faces.normals[face])
        for face, loop in enumerate(faces.loops)
        for corner in loop
    }
    for face, loop in enumerate(faces.loops):
        made.triangles += _fan(tuple(at[face, corner] for corner in loop))
    beyond = {
        (start, end): face
        for face, loop in enumerate(faces.loops)
        for start, end in zip(loop, (*loop[1:], loop[0]), strict=True)
    }
    arcs: dict[tuple[int, int], list[int]] = {}  # by corner and first face, round the corner
    for (start, end), face in beyond.items():
        other = beyond[end, start]
        if face < other:
            between = _arc(faces.normals[face], faces.normals[other])
            sides = []
            for corner in (start, end):
                inner = [made.vertex(corner, normal) for normal in between]
                sides.append([at[face, corner], *inner, at[other, corner]])
            made.strip(*sides)
            # Round a corner, counter-clockwise, comes the face beyond the edge that leads to it.
            arcs[end, face] = sides[1]
            arcs[start, other] = sides[0][::-1]
    for corner in range(len(corners)):
        own = {face: arc for (place, face), arc in arcs.items() if place == corner}
        face = next(iter(own))
        rim: list[int] = []
        while face in own:
            arc = own.pop(face)
            rim += arc[:-1]
            face = next(f for f, loop in enumerate(faces.loops) if at.get((f, corner)) == arc[-1])
        made.cap(corner, rim)
    owner, direction = np.array(made.corner), np.array(made.direction)
    # With a core of half the size, no triangle is flat.
    vertices = corners[owner] / 2 + direction * (faces.distance / 2)
    return Roundings(owner, direction, outward(vertices, np.array(made.triangles)))


def _arc(one: NDArray[np.float64], other: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return directions between two, evenly spaced."""
    angle = math.acos(float(np.clip(np.einsum("i,i->", one, other), -1, 1)))
    steps = math.ceil(angle / _WIDEST_STEP - 1e-9)
    turns = (np.arange(1, steps) / steps) * angle
    return [(math.sin(angle - t) * one + math.sin(t) * other) / math.sin(angle) for t in turns]


class _Made:
    """Vertices and triangles so far."""

    def __init__(self) -> None:
        self.corner: list[int] = []
        self.direction: list[NDArray[np.float64]] = []
        self.triangles: list[tuple[int, int, int]] = []

    def vertex(self, corner: int, direction: NDArray[np.float64]) -> int:
        self.corner.append(corner)
        self.direction.append(direction)
        return len(self.corner) - 1

    def strip(self, one: list[int], other: list[int]) -> None:
        for (a, b), (c, d) in zip(pairwise(one), pairwise(other), strict=True):
            self.triangles += [(a, b, d), (a, d, c)]

    def cap(self, corner: int, rim: list[int]) -> None:
        """Close a corner: rings from the rim inwards, and one vertex in the middle."""
        bounds = np.array([self.direction[index] for index in rim])
        middle = unit(bounds.sum(axis=0))
        widest = float(np.arccos(np.clip(np.einsum("ni,i->n", bounds, middle), -1, 1)).max())
        steps = math.ceil(widest / _WIDEST_STEP)
        outer = rim
        for step in range(1, steps):
            part = step / steps
            inner = [
                self.vertex(corner, unit((1 - part) * direction + part * middle))
                for direction in bounds
            ]
            self.strip([*outer, outer[0]], [*inner, inner[0]])
            outer = inner
        tip = self.vertex(corner, middle)
        self.triangles += [(a, b, tip) for a, b in pairwise([*outer, outer[0]])]
