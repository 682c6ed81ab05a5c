"""Spheres as meshes, and the directions that other shapes are sampled in."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scene.shapes.mesh import TriangleMesh, unit

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


@lru_cache(maxsize=8)
def directions(cells: int) -> TriangleMesh:
    """Return the sphere of radius 1 in triangles: what it is made of can't be changed."""
    vertices, faces = cube_sphere(cells)
    around = unit(vertices)
    triangles = faces[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    for array in (around, triangles):
        array.flags.writeable = False
    return TriangleMesh(around, triangles, around)


def star_shaped(cells: int, radius: NDArray[np.float64]) -> TriangleMesh:
    """Return the smooth surface at `radius`, (V,), in each direction of `directions`."""
    sphere = directions(cells)
    return TriangleMesh(sphere.vertices * radius[:, np.newaxis], sphere.triangles).smooth()
