"""Figures of agglomerates: closed formulas, known lattices, and the columns of the table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene.execution.agglomerates import agglomerate_columns, membership
from scene.prototypes.geometries.meta_ball_sphere import MetaBallSphere
from scene.prototypes.geometries.sphere import Sphere
from scene.shapes.agglomerates import (
    FEWEST_PARTICLES,
    TOLERANCE,
    contacts,
    coordination_numbers,
    fractal_dimension,
    gyration_radius,
    largest_of_each,
)
from scene.shapes.metaballs import neck_diameter
from scene.specimen.columns import AGGLOMERATE_COLUMNS
from scene.specimen.specimen import Particle

type Points = Any


def row(number: int, distance: float = 2.0) -> Points:
    """Return the centres of spheres in a row."""
    return np.arange(number)[:, None] * np.array([[distance, 0.0, 0.0]])


def lattice(side: int) -> Points:
    """Return the centres of a cube of spheres of radius 1 that touch."""
    return 2.0 * np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3)


def test_the_middle_of_a_row_touches_two() -> None:
    found = contacts(row(4), np.ones(4))
    assert found.pairs.tolist() == [[0, 1, 2], [1, 2, 3]]
    assert coordination_numbers(found, 5).tolist() == [1, 2, 2, 1, 0]
    assert np.array_equal(found.overlaps, np.zeros(3))
    assert np.array_equal(found.neck_diameters, np.zeros(3))


def test_a_gap_within_the_tolerance_is_a_contact() -> None:
    for factor, touch in ((0.99, 1), (1.01, 0)):
        centres = np.array([[0.0, 0, 0], [4 + factor * TOLERANCE, 0, 0]])
        assert contacts(centres, np.array([3.0, 1.0])).pairs.shape == (2, touch)


@given(st.floats(0.5, 2), st.floats(0.5, 2), st.floats(0.01, 0.99))
def test_a_neck_is_the_circle_of_intersection(one: float, two: float, part: float) -> None:
    """Its points are at either radius from either centre."""
    nearest = abs(one - two)
    distance = nearest + part * (one + two - nearest)
    found = contacts(np.array([[0.0, 0, 0], [0, distance, 0]]), np.array([one, two]))
    (neck,) = found.neck_diameters / 2
    (overlap,) = found.overlaps
    assert overlap == pytest.approx(one + two - distance)
    from_first = math.sqrt(max(one**2 - neck**2, 0))
    from_second = math.sqrt(max(two**2 - neck**2, 0))
    ways = [from_first + from_second, abs(from_first - from_second)]
    assert min(abs(way - distance) for way in ways) < 1e-6


def test_a_sphere_inside_another_has_an_overlap_and_no_neck() -> None:
    found = contacts(np.array([[0.0, 0, 0], [0.5, 0, 0]]), np.array([2.0, 1.0]))
    assert found.overlaps.tolist() == [2.5]
    assert np.isnan(found.neck_diameters).all()
    assert np.isnan(largest_of_each(found, found.neck_diameters, 2)).all()


def test_gyration_radius_of_one_sphere_and_of_a_row() -> None:
    assert gyration_radius(row(1), np.array([2.0])) == pytest.approx(2 * math.sqrt(0.6))
    assert gyration_radius(row(2), np.ones(2)) == pytest.approx(math.sqrt(1 + 0.6))


def test_gyration_radius_is_that_of_points_in_the_spheres() -> None:
    rng = np.random.default_rng(0)
    radii = np.array([1.0, 2, 1.5])
    centres = np.array([[0.0, 0, 0], [3, 0, 0], [3, 3.5, 0]])
    points = rng.uniform(-3, 7, (200_000, 3))
    inside = (np.linalg.norm(points[:, None] - centres, axis=-1) <= radii).any(axis=1)
    own = points[inside]
    sampled = math.sqrt(((own - own.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert gyration_radius(centres, radii) == pytest.approx(sampled, rel=0.01)


def test_fractal_dimension_of_a_row_and_of_a_cube() -> None:
    rows = fractal_dimension(row(300), np.ones(300))
    cube = fractal_dimension(lattice(12), np.ones(12**3))
    assert rows is not None
    assert cube is not None
    assert rows == pytest.approx(1, abs=0.15)
    assert cube == pytest.approx(3, abs=0.4)
    assert fractal_dimension(row(FEWEST_PARTICLES - 1), np.ones(FEWEST_PARTICLES - 1)) is None
    assert fractal_dimension(0 * row(50), np.ones(50)) is None


@given(st.integers(0, 20), st.floats(0.01, 100))
def test_figures_do_not_depend_on_the_unit(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    centres, radii = rng.normal(size=(40, 3)) * 3, rng.uniform(0.5, 1, 40)
    one, other = contacts(centres, radii), contacts(unit * centres, unit * radii)
    assert np.array_equal(one.pairs, other.pairs)
    assert np.allclose(other.neck_diameters, unit * one.neck_diameters, equal_nan=True)
    figure = fractal_dimension(centres, radii)
    assert fractal_dimension(unit * centres, unit * radii) == pytest.approx(figure)


def ball(particle_id: int, x: float, parent: int | None = None, **features: Any) -> Particle:
    own = {"dimensions": (2.0, 2.0, 2.0), "location": (x, 0.0, 0.0), "subdivisions": 1}
    return Particle(
        particle_id, "Bead", particle_id - 1, "sphere", "m", own | features, parent=parent
    )


def test_the_table_describes_each_agglomerate() -> None:
    particles = [ball(1, 9.0), ball(2, 1.5, 3), ball(3, 0.0), ball(4, 3.5, 3), ball(5, 7.0)]
    columns = agglomerate_columns(particles, {"sphere": Sphere()})
    assert columns.keys() == set(AGGLOMERATE_COLUMNS)
    assert membership(particles) == {
        "parent_id": [None, 3, None, 3, None],
        "agglomerate_id": [1, 3, 3, 3, 5],
    }
    assert columns["agglomerate_particles"] == [1, 3, 3, 3, 1]
    # Particles of other agglomerates are no neighbours, even if they touch.
    assert columns["coordination_number"] == [0, 2, 1, 1, 0]
    assert columns["agglomerate_coordination"] == pytest.approx([0, 4 / 3, 4 / 3, 4 / 3, 0])
    assert columns["largest_overlap"] == [None, 0.5, 0.5, 0.0, None]
    neck = 2 * math.sqrt(1 - 0.75**2)
    assert columns["largest_neck_diameter"] == [
        None,
        pytest.approx(neck),
        pytest.approx(neck),
        0,
        None,
    ]
    assert columns["agglomerate_fractal_dimension"] == [None] * 5
    lone, *_ = columns["agglomerate_gyration_radius"]
    assert lone == pytest.approx(math.sqrt(0.6))


def test_metaballs_have_the_necks_of_fused_bodies() -> None:
    def metaball(n: int, x: float, blueprint: str = "Soot") -> Particle:
        own: Any = {"influence_threshold": 0.6, "render_resolution": 0.2, "resolution": 0.4}
        own |= {"dimensions": (2.0, 2.0, 2.0), "location": (x, 0.0, 0.0)}
        return Particle(n, blueprint, n, "meta_ball_sphere", "m", own)

    near, far = 2.1, 3.5
    particles = [
        metaball(1, 0.0),
        metaball(2, near),
        metaball(3, near + far),
        metaball(4, -1.5, "O"),
    ]
    columns = agglomerate_columns(particles, {"meta_ball_sphere": MetaBallSphere()})
    # They have grown together without touching alone; those of another blueprint can't.
    assert columns["coordination_number"] == [1, 1, 0, 0]
    neck = neck_diameter((2.0, 2.0), near, 0.6)
    assert neck > 0.5
    assert columns["largest_neck_diameter"] == [
        pytest.approx(neck),
        pytest.approx(neck),
        None,
        None,
    ]
    assert columns["largest_overlap"] == [0.0, 0.0, None, None]
    assert columns["agglomerate_particles"] == [1] * 4
    del particles[3]
    for particle in particles:
        particle.parent = None if particle.id == 1 else 1
    joined = agglomerate_columns(particles, {"meta_ball_sphere": MetaBallSphere()})
    assert joined["coordination_number"] == [1, 1, 0]


def test_other_shapes_have_sizes_and_no_contacts() -> None:
    flat = ball(2, 1.0, 1, dimensions=(2.0, 2.0, 1.0))
    columns = agglomerate_columns([ball(1, 0.0), flat], {"sphere": Sphere()})
    assert columns["coordination_number"] == [None, None]
    assert columns["agglomerate_particles"] == [2, 2]
    centres, radii = np.array([[0.0, 0, 0], [1, 0, 0]]), np.array([1, 0.5 ** (1 / 3)])
    assert (
        columns["agglomerate_gyration_radius"]
        == [pytest.approx(gyration_radius(centres, radii))] * 2
    )
