"""A sphere with smaller ones fused to it, as one surface."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np
from numpy.typing import NDArray

from scene.shapes.mesh import TriangleMesh, outward, unit
from scene.shapes.sphere import directions

_TRIES = 50
"""Places that are tried for a satellite, before it is left out."""

_SMALLEST, _LARGEST = 0.02, 0.6

_FEWEST, _MOST = 14, 24
"""Corners of the circle in which a satellite meets the sphere."""

_RING = math.pi / 9
"""Angle between the rings of a satellite's mesh."""


@final
@dataclass(frozen=True, slots=True)
class Satellites:
    """Where the small spheres are on a sphere of radius 1; none of them touch each other.

    Parameters
    ----------
    towards
        (N, 3) unit vectors.
    distance
        (N,) of their centres from that of the sphere.
    radius
        (N,)
    """

    towards: NDArray[np.float64]
    distance: NDArray[np.float64]
    radius: NDArray[np.float64]

    @classmethod
    def drawn(
        cls, number: int, ratio: float, spread: float, embedding: float, seed: int
    ) -> Satellites:
        """Draw their sizes and places.

        Parameters
        ----------
        number
            Those that find no room, each in 50 tries, are left out.
        ratio
            Median of their diameters over that of the sphere.
        spread
            Standard deviation of the diameters' logarithm.
        embedding
            How deep they lie in the sphere, over their diameter.
        seed
            The same for the same satellites.
        """
        generator = np.random.Generator(np.random.Philox(seed))
        radii = ratio * np.exp(spread * generator.standard_normal(number))
        radii = np.sort(np.clip(radii, _SMALLEST, _LARGEST))[::-1]
        distances = 1 + radii * (1 - 2 * embedding)
        tried = unit(generator.standard_normal((number, _TRIES, 3)))
        kept: list[int] = []
        towards = np.empty((number, 3))
        for index in range(number):
            centres = tried[index] * distances[index]
            others = towards[kept] * distances[kept, np.newaxis]
            apart = np.sqrt(((centres[:, np.newaxis] - others) ** 2).sum(axis=-1))
            free = (apart > radii[index] + radii[kept]).all(axis=1)
            if free.any():
                towards[index] = tried[index, np.argmax(free)]
                kept.append(index)
        return cls(towards[kept], distances[kept], radii[kept])

    @property
    def cosines(self) -> NDArray[np.float64]:
        """Cosines of the circles where they meet the sphere, (N,), as angles from their middles."""
        return (1 + self.distance**2 - self.radius**2) / (2 * self.distance)

    def balls(self) -> NDArray[np.float64]:
        """Return all of them, the sphere first: centres and radii, (N + 1, 4)."""
        centres = self.towards * self.distance[:, np.newaxis]
        return np.vstack([(0.0, 0.0, 0.0, 1.0), np.column_stack([centres, self.radius])])

    def volume(self) -> float:
        """Return the volume of everything: spheres, but what lies in two of them only once."""
        own = 4 / 3 * np.pi * self.radius**3
        inside = self.cosines
        caps = np.pi / 3 * (1 - inside) ** 2 * (2 + inside)
        deep = self.radius - (self.distance - inside)
        caps += np.pi / 3 * deep**2 * (3 * self.radius - deep)
        return 4 / 3 * math.pi + float((own - caps).sum())

    def surface(self, cells: int) -> TriangleMesh:
        """Return the surface, on a sphere of radius 1.

        The sphere's part is the convex hull of points on it, those of the circles included, less
        the facets that lie in the circles; a convex hull of points on a sphere is their Delaunay
        triangulation. Circles have the sphere's normals: a neck as wide as a face.
        """
        from scipy.spatial import ConvexHull

        spacing = math.pi / 2 / cells
        angles = np.arccos(self.cosines)
        points = directions(cells).vertices
        gaps = np.einsum("vi,ni->vn", points, self.towards)
        free = (gaps < np.cos(angles + spacing / 2)).all(axis=1)
        points = points[free]
        owner, vertices = [np.full(len(points), -1)], [points]
        caps = []
        begin = len(points)
        for index, angle in enumerate(angles):
            corners = round(2 * math.pi * math.sin(angle) / spacing)
            circle, rings = self._cap(index, min(max(corners, _FEWEST), _MOST))
            owner.append(np.full(len(circle), index))
            vertices.append(circle)
            caps.append((begin, len(circle), rings))
            begin += len(circle)
        own, on_sphere = np.concatenate(owner), np.concatenate(vertices)
        hull = ConvexHull(on_sphere).simplices.astype(np.int64)
        first, second, third = own[hull].T
        hull = hull[~((first >= 0) & (first == second) & (first == third))]
        triangles, parts, normals = [outward(on_sphere, hull)], [on_sphere], [on_sphere]
        centres = self.towards * self.distance[:, np.newaxis]
        for (start, corners, rings), centre in zip(caps, centres, strict=True):
            triangles.append(_dome(start, begin, corners, len(rings) // corners))
            parts.append(rings)
            normals.append(unit(rings - centre))
            begin += len(rings)
        return TriangleMesh(*map(np.concatenate, (parts, triangles, normals)))

    def _cap(self, index: int, corners: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the circle of a satellite, and its rings from there outwards with the pole."""
        axis, distance, radius = self.towards[index], self.distance[index], self.radius[index]
        side = unit(np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))]))
        turn = np.arange(corners) * (2 * math.pi / corners)
        around = np.cos(turn)[:, np.newaxis] * side + np.sin(turn)[:, np.newaxis] * np.cross(
            axis, side
        )
        cosine = self.cosines[index]
        widest = math.acos(np.clip((cosine - distance) / radius, -1, 1))
        steps = math.ceil(widest / _RING)
        polar = widest * (1 - np.arange(steps) / steps)[:, np.newaxis, np.newaxis]
        rings = axis * (distance + radius * np.cos(polar)) + radius * np.sin(polar) * around
        pole = axis * (distance + radius)
        # On the sphere to the last bit that can be.
        circle = axis * cosine + math.sqrt(1 - cosine**2) * around
        return circle, np.concatenate([rings[1:].reshape(-1, 3), pole[np.newaxis]])


def _dome(circle: int, rings: int, corners: int, number: int) -> NDArray[np.int64]:
    """Return the triangles between a circle, `number` rings and a pole, by their first vertices."""
    here = np.arange(corners)
    after = (here + 1) % corners
    starts = [circle, *(rings + corners * ring for ring in range(number))]
    found = []
    for lower, upper in pairwise(starts):
        a, b, c, d = lower + here, lower + after, upper + here, upper + after
        found += [np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)]
    pole = np.full(corners, rings + corners * number)
    found.append(np.stack([starts[-1] + here, starts[-1] + after, pole], axis=1))
    return np.concatenate(found)
