"""Particles of other shapes that agglomerate: exact contacts of convex pieces."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial import ConvexHull

from scene.errors import SimulationError
from scene.prototypes.geometries.sphere import cube_sphere
from scene.shapes.agglomeration.collision import Throw
from scene.shapes.agglomeration.growth import GROWTHS
from scene.shapes.agglomeration.hulls import Hulls, touching
from scene.shapes.agglomeration.shape import Shape
from scene.shapes.agglomeration.solids import Body
from scene.shapes.agglomeration.spheres import Spheres
from scene.shapes.agglomeration.turns import matrix_of
from scene.shapes.mesh import TriangleMesh

type Points = Any


def sphere(*axes: float, middle: tuple[float, float, float] = (0, 0, 0)) -> TriangleMesh:
    """Return an ellipsoid of these axes."""
    vertices, faces = cube_sphere(8)
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    return TriangleMesh(vertices * axes + middle, triangles)


def convex(points: Points) -> TriangleMesh:
    """Return the convex hull of points."""
    hull = ConvexHull(points)
    corners = points[hull.simplices]
    outwards = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    turned = (outwards * hull.equations[:, :3]).sum(axis=1) < 0
    triangles = np.where(turned[:, None], hull.simplices[:, ::-1], hull.simplices)
    return TriangleMesh(points, triangles.astype(np.int64))


def cup() -> TriangleMesh:
    """Return a cube of side 2 with a shaft from above that is half as wide and leaves a floor."""
    outer = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    inner = outer * [0.5, 0.5, 1.0]
    inner[:, 2] = np.where(inner[:, 2] < 0, -0.8, 1.0)
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4)]
    quads = list(sides) + [tuple(8 + n for n in side[::-1]) for side in sides]
    quads += [(1, 5, 13, 9), (5, 7, 15, 13), (7, 3, 11, 15), (3, 1, 9, 11)]
    triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return TriangleMesh(np.concatenate([outer, inner]), np.array(triangles))


def overlap(one: Points, other: Points) -> bool:
    """Return whether the convex hulls of two point sets have a point in common, exactly."""
    n, m = len(one), len(other)
    rows = np.zeros((5, n + m))
    rows[:3, :n], rows[:3, n:] = one.T, -other.T
    rows[3, :n], rows[4, n:] = 1, 1
    found = linprog(np.zeros(n + m), A_eq=rows, b_eq=[0, 0, 0, 1, 1], method="highs")
    return bool(found.status == 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.3))
def test_convex_pieces_touch_where_they_touch(seed: int, aside: float) -> None:
    """A little earlier they are apart, a little later they overlap; or they never do."""
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(12, 3)), rng.normal(size=(9, 3)) * [1, 2, 0.3]
    start = np.array([10.0, 0, 0])
    edge = np.array([-20.0, 40 * aside * rng.normal(), 40 * aside * rng.normal()])
    fraction = touching(one.T, -other.T, 0.0, start, edge)
    if fraction is None:
        ways = np.linspace(0, 1, 41)
        assert not any(overlap(one, other + start + way * edge) for way in ways)
    else:
        little = 1e-4 / np.linalg.norm(edge)
        assert not overlap(one, other + start + (fraction - little) * edge)
        grazing = 0.02 / np.linalg.norm(edge)
        assert overlap(one, other + start + (fraction + little) * edge) or not overlap(
            one, other + start + (fraction + grazing) * edge
        )


def test_balls_touch_like_spheres() -> None:
    """One point each, thickened, gives what the formula for spheres gives."""
    radii = np.array([1.0, 2, 1.5, 0.7])
    spheres = Spheres(np.zeros((4, 3)), radii)
    hulls = Hulls([Shape.ball(np.zeros(3), radius) for radius in radii])
    for solids in (spheres, hulls):
        bodies = [Body.single(solids, n) for n in range(4)]
        GROWTHS["particle-cluster"](solids, bodies, Throw(0.2, 1.0), np.random.default_rng(3))
    assert np.allclose(spheres.centres, hulls.centres, atol=1e-4)
    assert np.allclose(spheres.turns, hulls.turns)


@pytest.mark.parametrize("mode", sorted(GROWTHS))
def test_ellipsoids_touch_and_do_not_overlap(mode: str) -> None:
    shapes = [Shape.of(sphere(6, 5, 3)) for _ in range(8)]
    hulls = Hulls(shapes)
    bodies = [Body.single(hulls, n) for n in range(8)]
    made = GROWTHS[mode](hulls, bodies, Throw(0.3, 2.0), np.random.default_rng(1))
    placed = [hulls._placed(n).T for n in range(8)]
    for a, b in itertools.combinations(range(8), 2):
        between = hulls.centres[b] - hulls.centres[a]
        if (a, b) in made.contacts or (b, a) in made.contacts:
            assert overlap(placed[a], placed[b] - 2e-3 * between)
        assert not overlap(placed[a], placed[b] + 1e-6 * between)


def test_a_ball_falls_into_a_cup() -> None:
    """Into its hull it could not; and what is inside a hollow shape is reached through its wall."""
    shape = Shape.of(cup())
    assert len(shape.starts) > 1
    assert shape.mass == pytest.approx(8 - 1.8)
    hulls = Hulls([shape, Shape.ball(np.array([0.0, 0, 9]), 0.3)])
    meeting = hulls.meeting(np.array([0]), np.array([1]))
    contact = meeting.first_contact(np.array([[0.0, 0, 0], [0, 0, -20]]))
    assert contact is not None
    assert contact[2:] == (0, 1)
    assert 9 - 20 * contact.fraction == pytest.approx(-0.8 + 0.3, abs=0.02)
    aside = meeting.first_contact(np.array([[0.75, 0, 0], [0.75, 0, -20]]))
    assert aside is not None
    assert 9 - 20 * aside.fraction == pytest.approx(1 + 0.3, abs=0.02)


def test_moments_of_an_ellipsoid() -> None:
    """Of all about its centre: V = pi/6 abc, and 1/20 of the sum of the squared axes."""
    mesh = sphere(6, 4, 2, middle=(5, -3, 1))
    shape = Shape.of(mesh)
    assert shape.centre == pytest.approx(np.array([5, -3, 1]), abs=1e-9)
    assert shape.mass == pytest.approx(np.pi / 6 * 48, rel=0.02)
    assert shape.gyration_radius == pytest.approx(np.sqrt((36 + 16 + 4) / 20), rel=0.01)
    turn = matrix_of((0.3, 0.4, 0.5))
    moved = Shape.of(TriangleMesh(mesh.vertices @ turn.T, mesh.triangles))
    assert moved.gyration_radius == pytest.approx(shape.gyration_radius)


def test_convex_shapes_are_one_piece_and_a_hull_of_few_points_is_nearly_that_of_all() -> None:
    rng = np.random.default_rng(0)
    many = rng.normal(size=(4000, 3))
    mesh = convex(many / np.linalg.norm(many, axis=1)[:, None] * [3, 2, 1])
    shape = Shape.of(mesh)
    assert shape.starts == (0,)
    assert len(shape.points) < 1000
    assert ConvexHull(shape.points).volume == pytest.approx(mesh.volume, rel=0.02)


def test_what_has_no_volume_is_refused() -> None:
    flat = sphere(1, 1, 0)
    with pytest.raises(SimulationError, match="without volume"):
        Shape.of(flat)
    closed = sphere(1, 1, 1)
    with pytest.raises(SimulationError, match="not closed"):
        Shape.of(TriangleMesh(closed.vertices, closed.triangles[:, ::-1]))
