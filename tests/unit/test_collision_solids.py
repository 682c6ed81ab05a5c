"""Solids that stand for particles in simulations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from scene.prototypes.geometries.sphere import cube_sphere
from scene.shapes.collision import Hull, is_convex
from scene.shapes.mesh import TriangleMesh

CUBE = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))


def surface(points: NDArray[np.float64]) -> TriangleMesh:
    """The convex hull of points, its triangles facing outwards."""
    hull = ConvexHull(points)
    triangles = hull.simplices.astype(np.int64)
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inwards = np.einsum("ij,ij->i", normals, hull.equations[:, :3]) < 0
    triangles[inwards] = triangles[inwards, ::-1]
    return TriangleMesh(points, triangles)


def test_a_few_corners_stay_as_they_are() -> None:
    hull = Hull.of(np.concatenate([CUBE, 0.3 * CUBE]))
    assert sorted(map(tuple, hull.corners)) == sorted(map(tuple, CUBE))
    corners, radius = hull.rounded(np.array([2.0, 4.0, 6.0]))
    reach = np.abs(corners).max(axis=0) + radius
    np.testing.assert_allclose(reach, (1.0, 2.0, 3.0))
    assert 0 < radius < 0.05


@pytest.mark.parametrize("scale", [(1.0, 1.0, 1.0), (6.0, 6.0, 3.0), (2.0, 5.0, 9.0)])
def test_a_smooth_solid_keeps_its_size_on_average(scale: tuple[float, float, float]) -> None:
    vertices, _ = cube_sphere(16)
    corners, radius = Hull.of(vertices).rounded(np.array(scale))
    assert len(corners) <= 26
    rng = np.random.default_rng(1)
    ways = rng.normal(size=(2000, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    reached = (ways @ corners.T).max(axis=1) + radius
    ratio = reached / np.linalg.norm(ways * scale, axis=1) * 2
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)
    assert 0.9 < ratio.min() < ratio.max() < 1.1


def test_stretched_points_give_stretched_corners() -> None:
    vertices, _ = cube_sphere(8)
    scale = np.array([3.0, 1.0, 0.25])
    np.testing.assert_allclose(Hull.of(vertices * scale).corners, Hull.of(vertices).corners * scale)


def test_what_is_convex() -> None:
    vertices, _ = cube_sphere(8)
    assert is_convex(surface(vertices))
    assert is_convex(surface(CUBE))
    dented = surface(vertices)
    dented.vertices[np.argmax(vertices[:, 2])] = 0.0, 0.0, -0.4
    dented.vertices[vertices[:, 2] > 0.4] *= (1.0, 1.0, 0.2)
    assert not is_convex(dented)


def test_points_in_one_plane_are_left_alone() -> None:
    square = np.array([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)])
    corners, radius = Hull.of(square).rounded(np.array([2.0, 2.0, 2.0]))
    np.testing.assert_allclose(corners, 2 * square)
    assert radius == 0


def test_the_centroid_is_that_of_the_volume() -> None:
    # Half a cube: a prism over a right triangle, off the origin.
    prism = CUBE[CUBE[:, 0] + CUBE[:, 1] <= 0] + 0.5
    found = surface(prism + np.array([10.0, -20.0, 30.0])).centroid
    np.testing.assert_allclose(found, (10 + 1 / 3, -20 + 1 / 3, 30.5), atol=1e-9)
