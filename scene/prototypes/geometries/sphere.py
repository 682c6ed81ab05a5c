"""The sphere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.prototypes.base import GeometryPrototype
from scene.specimen.features import FeatureSpec, FeatureValue

if TYPE_CHECKING:
    import bpy

_CELLS_PER_EDGE = 8

# Each cube face as (axis that is fixed, its sign, first and second running axis), ordered so that
# first x second points outwards.
_CUBE_FACES = (
    (0, 1, 1, 2),
    (0, -1, 2, 1),
    (1, 1, 2, 0),
    (1, -1, 0, 2),
    (2, 1, 0, 1),
    (2, -1, 1, 0),
)


@final
class Sphere(GeometryPrototype):
    """A cube whose faces are divided into 8 x 8 cells and blown up to diameter 1.

    386 vertices and 384 faces at level 0; every further level splits each face into four. Where it
    is drawn as a point, it is exact, whatever its level.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            name="subdivisions",
            default=1,
            description="levels of subdivision beyond 384 faces",
            integer=True,
            minimum=0,
            maximum=5,
        ),
    )

    def build(self, features: Mapping[str, FeatureValue]) -> bpy.types.Mesh:
        """Return a new smooth-shaded mesh of diameter 1 round the origin."""
        import bpy

        subdivisions = features["subdivisions"]
        assert isinstance(subdivisions, int)
        vertices, faces = cube_sphere(_CELLS_PER_EDGE * 2**subdivisions)
        mesh = bpy.data.meshes.new("Sphere")
        mesh.from_pydata(vertices.tolist(), [], faces.tolist(), shade_flat=False)
        return mesh

    def is_sphere(self, features: Mapping[str, FeatureValue]) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:  # noqa: ARG002
        """Return pi / 6, that of the sphere which the mesh stands for."""
        return math.pi / 6


def cube_sphere(cells: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return vertices and faces of a sphere of diameter 1 made of six square grids.

    Grid lines lie at equal angles (x = tan(pi t / 4) on the cube's face, the equiangular
    cubed-sphere projection), so that cells have nearly equal size.

    Parameters
    ----------
    cells
        Cells along each edge of the cube, an even number, so that the six poles are vertices and
        the bounding box is exactly the unit cube.

    Returns
    -------
    vertices
        (6 * cells**2 + 2, 3) float64.
    faces
        (6 * cells**2, 4) int64, counter-clockwise seen from outside.
    """
    ticks = np.arange(-cells, cells + 1, 2)
    first, second = np.meshgrid(ticks, ticks, indexing="ij")
    corners = []
    for axis, sign, first_axis, second_axis in _CUBE_FACES:
        grid = np.empty((cells + 1, cells + 1, 3), dtype=np.int64)
        grid[..., axis] = sign * cells
        grid[..., first_axis] = first
        grid[..., second_axis] = second
        quads = (grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:])
        corners.append(np.stack(quads, axis=2).reshape(-1, 3))
    # Integer coordinates make the vertices that neighbouring faces share exactly equal.
    lattice, faces = np.unique(np.concatenate(corners), axis=0, return_inverse=True)
    points = np.tan(np.pi / 4 * lattice / cells)
    vertices = 0.5 * points / np.linalg.norm(points, axis=1, keepdims=True)
    return vertices, faces.reshape(-1, 4)
