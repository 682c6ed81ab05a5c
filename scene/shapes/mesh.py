"""A closed surface as triangles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray


@final
@dataclass(frozen=True, slots=True)
class TriangleMesh:
    """A closed surface.

    Parameters
    ----------
    vertices
        (V, 3) float64.
    triangles
        (T, 3) int64, indices of vertices, counter-clockwise seen from outside.
    normals
        (V, 3) float64, outward unit normals of the shape that the triangles stand for; None where
        they are to be taken from the triangles.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    normals: NDArray[np.float64] | None = None

    @property
    def volume(self) -> float:
        """The enclosed volume, as a sum of the tetrahedra between the origin and each triangle."""
        a, b, c = np.moveaxis(self.vertices[self.triangles], 1, 0)
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    @property
    def is_closed(self) -> bool:
        """Whether it has no rim, so that triangles run along each edge as often forth as back."""
        ends = np.concatenate([self.triangles[:, [i, (i + 1) % 3]] for i in range(3)])
        low, high = ends.min(axis=1), ends.max(axis=1)
        edges = low * len(self.vertices) + high
        _, owner = np.unique(edges, return_inverse=True)
        return not np.bincount(owner, weights=np.sign(ends[:, 1] - ends[:, 0])).any()

    @property
    def centroid(self) -> NDArray[np.float64]:
        """Centre (3,) of the enclosed volume, that of the same tetrahedra weighed by theirs."""
        corners = self.vertices[self.triangles]
        a, b, c = np.moveaxis(corners, 1, 0)
        volumes = np.einsum("ij,ij->i", a, np.cross(b, c))
        moment: NDArray[np.float64] = np.einsum("i,ij->j", volumes, corners.sum(axis=1))
        moment /= 4.0 * volumes.sum()
        return moment

    @property
    def gyration_radius(self) -> float:
        """Root of the mean squared distance of the enclosed volume from its centre.

        Over a tetrahedron with one corner at the centre and the others p, the integral of ``|x|^2``
        is ``V / 20 (sum |p|^2 + |sum p|^2)``.
        """
        corners = self.vertices[self.triangles] - self.centroid
        a, b, c = np.moveaxis(corners, 1, 0)
        volumes = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
        squares = (corners * corners).sum(axis=(1, 2)) + (corners.sum(axis=1) ** 2).sum(axis=1)
        return float(np.sqrt((volumes * squares).sum() / 20 / volumes.sum()))

    @property
    def extent(self) -> NDArray[np.float64]:
        """Sides of the bounding box, (3,)."""
        sides: NDArray[np.float64] = np.ptp(self.vertices, axis=0)
        return sides

    def stretched(self, factors: ArrayLike) -> TriangleMesh:
        """Return it stretched along the axes by three positive factors, or by one along all."""
        factors = np.asarray(factors, dtype=np.float64)
        normals = self.normals
        if normals is not None:
            normals = unit(normals / factors)
        return replace(self, vertices=self.vertices * factors, normals=normals)

    def smooth(self) -> TriangleMesh:
        """Return it with normals: the mean of a vertex's triangles, the larger ones counting more.

        For shapes without edges, however steep a mesh shows their slopes.
        """
        a, b, c = np.moveaxis(self.vertices[self.triangles], 1, 0)
        facing = np.repeat(np.cross(b - a, c - a), 3, axis=0)
        owner, number = self.triangles.ravel(), len(self.vertices)
        sums = [np.bincount(owner, weights=axis, minlength=number) for axis in facing.T]
        return replace(self, normals=unit(np.stack(sums, axis=-1)))

    def in_unit_cube(self) -> TriangleMesh:
        """Return it moved and stretched such that its bounding box is the unit cube round 0."""
        low, high = self.vertices.min(axis=0), self.vertices.max(axis=0)
        centred = replace(self, vertices=self.vertices - (low + high) / 2)
        return centred.stretched(1 / (high - low))


def joint(surfaces: Sequence[TriangleMesh]) -> TriangleMesh:
    """Return several surfaces as one, without normals."""
    starts = np.cumsum([0, *(len(surface.vertices) for surface in surfaces[:-1])])
    corners = [one.triangles + start for one, start in zip(surfaces, starts, strict=True)]
    return TriangleMesh(
        np.concatenate([surface.vertices for surface in surfaces]), np.concatenate(corners)
    )


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return vectors, (..., 3), with length 1."""
    lengths = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
    made: NDArray[np.float64] = vectors / lengths[..., np.newaxis]
    return made


def outward(vertices: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the triangles of a surface that is star-shaped about the origin, turned outwards."""
    a, b, c = np.moveaxis(vertices[triangles], 1, 0)
    inward = np.einsum("ij,ij->i", a, np.cross(b, c)) < 0
    return np.where(inward[:, np.newaxis], triangles[:, ::-1], triangles)
