"""Metaballs: the field's figures, and each ball's part of a fused body."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq

from scene.execution.agglomerates import agglomerate_columns
from scene.prototypes.geometries.meta_ball_sphere import MetaBallSphere
from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.shapes.metaball_parts import ball_part
from scene.shapes.metaballs import Ball, field_radius, lone_diameter, neck_diameter
from scene.specimen.specimen import Particle

type Array = NDArray[np.float64]

THRESHOLDS = st.floats(0.001, 1.5)


def fields(points: Array, centres: Array, radii: Array) -> Array:
    """Return the field of each ball, (N, K), written down once more from the formula."""
    squares = ((points[:, None] - centres) ** 2).sum(axis=-1)
    return 2.0 * np.clip(1.0 - squares / radii**2, 0.0, None) ** 3


def part(index: int, centres: Array, radii: Array, threshold: float) -> FusedPart:
    others = np.delete(centres, index, axis=0) - centres[index]
    near = np.linalg.norm(others, axis=1) < radii[index] + np.delete(radii, index)
    ball = Ball(radii[index], others[near], np.delete(radii, index)[near], threshold)
    return ball_part(ball, 12)


def seam(part: FusedPart) -> Array:
    triangles = part.mesh.triangles
    both = np.intersect1d(triangles[part.is_outer], triangles[~part.is_outer])
    return part.mesh.vertices[both]


@pytest.mark.parametrize(("threshold", "diameter"), [(0.6, 2.30), (0.001, 3.84)])
def test_a_lone_ball_is_as_large_as_blenders(threshold: float, diameter: float) -> None:
    assert lone_diameter(2.0, threshold) == pytest.approx(diameter, rel=0.003)


@given(st.floats(0.01, 100.0), THRESHOLDS)
def test_diameter_and_radius_of_the_field_follow_from_each_other(
    diameter: float, threshold: float
) -> None:
    assert lone_diameter(field_radius(diameter, threshold), threshold) == pytest.approx(diameter)


@pytest.mark.parametrize("threshold", [0.001, 0.6, 1.2])
@pytest.mark.parametrize("distance", [0.8, 1.0])
def test_a_neck_is_where_the_field_falls_to_the_threshold_on_the_contact_plane(
    threshold: float, distance: float
) -> None:
    radius = field_radius(1.0, threshold)
    centres = np.array([[-distance / 2, 0.0, 0.0], [distance / 2, 0.0, 0.0]])

    def excess(off_axis: float) -> float:
        point = np.array([[0.0, off_axis, 0.0]])
        return float(fields(point, centres, np.array([radius, radius])).sum()) - threshold

    expected = 2.0 * brentq(excess, 0.0, radius, xtol=1e-14)
    assert neck_diameter((1.0, 1.0), distance, threshold) == pytest.approx(expected, rel=1e-9)


def test_balls_far_apart_or_inside_each_other_have_no_neck() -> None:
    assert neck_diameter((1.0, 1.0), 2.0, 0.6) == 0.0
    assert neck_diameter((1.0, 0.2), 0.1, 0.6) == 0.0


def test_a_lone_part_is_the_sphere() -> None:
    lone = part(0, np.zeros((1, 3)), np.array([field_radius(3.0, 0.6)]), 0.6)
    lengths = np.linalg.norm(lone.mesh.vertices, axis=1)
    assert lengths == pytest.approx(1.5, abs=1e-12)
    assert lone.mesh.normals == pytest.approx(lone.mesh.vertices / 1.5, abs=1e-9)
    assert lone.is_outer.all()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-0.8, 0.8)] * 3, st.floats(0.5, 1.5)), min_size=2, max_size=6),
    THRESHOLDS,
)
@example([(0.0, 0.0, -0.5, 1.0), (0.0, 0.5, -0.5, 0.5)], 1.0)
@example([(0.0, 0.0, 0.0, 1.201171875), (0.25, 0.3671875, 0.361328125, 0.5)], 1.0)
def test_parts_are_closed_and_end_at_the_surface_or_at_a_neighbour(
    balls: list[tuple[float, ...]], threshold: float
) -> None:
    table = np.array(balls)
    centres = table[:, :3]
    assume((np.linalg.norm(centres[1:] - centres[0], axis=1) > 1e-6).all())
    radii = np.array([field_radius(diameter, threshold) for diameter in table[:, 3]])
    own = part(0, centres, radii, threshold)
    sides = Counter(
        (int(triangle[side]), int(triangle[(side + 1) % 3]))
        for triangle, side in product(own.mesh.triangles, range(3))
    )
    assert all(sides[b, a] == count == 1 for (a, b), count in sides.items())
    assert np.linalg.norm(own.mesh.normals, axis=1) == pytest.approx(1.0)
    strengths = fields(own.mesh.vertices + centres[0], centres, radii)
    is_surface = np.zeros(len(strengths), dtype=bool)
    is_surface[own.mesh.triangles[own.is_outer]] = True
    surface = strengths[is_surface]
    # On the surface but for what is left of the search for a seam, and its own but for that.
    assert surface.sum(axis=1) == pytest.approx(threshold, abs=0.02)
    assert (surface[:, 0] >= surface.max(axis=1) - 0.02).all()
    walls = strengths[~is_surface]
    assert (walls.sum(axis=1) >= threshold - 1e-9).all()
    assert walls[:, 0] == pytest.approx(walls[:, 1:].max(axis=1, initial=0.0), abs=0.02)


def test_the_seams_of_two_parts_are_the_same_circle() -> None:
    threshold, centres = 0.6, np.array([[0.0, 0.0, 0.0], [0.5, 0.6, 0.1]])
    radii = np.array([field_radius(diameter, threshold) for diameter in (1.0, 0.7)])
    for index in range(2):
        points = seam(part(index, centres, radii, threshold)) + centres[index]
        strengths = fields(points, centres, radii)
        assert len(points) > 100
        assert strengths == pytest.approx(threshold / 2, abs=5e-4)
        distance = float(np.linalg.norm(centres[1]))
        axis = centres[1] / distance
        off_axis = points - np.outer(points @ axis, axis)
        neck = neck_diameter((1.0, 0.7), distance, threshold)
        assert 2.0 * np.linalg.norm(off_axis, axis=1) == pytest.approx(neck, rel=1e-3)


@pytest.mark.parametrize("threshold", [0.02, 0.6])
def test_parts_fill_the_body(threshold: float) -> None:
    centres = np.array([[0.0, 0.0, 0.0], [0.9, 0.1, 0.0], [0.4, 0.7, 0.2], [-0.2, 0.3, 0.7]])
    radii = np.array([field_radius(diameter, threshold) for diameter in (1.0, 1.2, 0.8, 0.6)])
    ticks = np.linspace(-1.2, 2.2, 120)
    grid = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = fields(grid, centres, radii).sum(axis=1) >= threshold
    expected = np.count_nonzero(inside) * float(ticks[1] - ticks[0]) ** 3
    volumes = [part(index, centres, radii, threshold).mesh.volume for index in range(4)]
    assert sum(volumes) == pytest.approx(expected, rel=0.01)


def test_a_small_ball_inside_a_large_one_leaves_no_hole() -> None:
    centres = np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0]])
    radii = np.array([field_radius(2.0, 0.6), field_radius(0.2, 0.6)])
    large = part(0, centres, radii, 0.6)
    assert large.is_outer.all()
    assert large.mesh.vertices[:, 0].max() > 0.99
    assert not part(1, centres, radii, 0.6).is_outer.any()


def test_what_lies_on_the_surface_can_be_had_alone() -> None:
    centres = np.array([[0.0, 0.0, 0.0], [0.9, 0.0, 0.0]])
    radius = field_radius(1.0, 0.6)
    own = part(0, centres, np.array([radius, radius]), 0.6)
    outer: TriangleMesh = own.outer
    assert len(outer.triangles) == np.count_nonzero(own.is_outer) < len(own.mesh.triangles)
    assert (outer.vertices[:, 0] < 0.45 + 1e-9).all()


def ball_at(x: float, number: int) -> Particle:
    features = {"dimensions": (1.0, 1.0, 1.0), "location": (x, 0.0, 0.0)}
    return Particle(number, "Ball", number - 1, "meta_ball_sphere", "default", features)


def test_the_table_has_the_neck_that_fused_balls_have() -> None:
    particles = [ball_at(0.0, 1), ball_at(1.1, 2), ball_at(5.0, 3)]
    columns = agglomerate_columns(particles, {"meta_ball_sphere": MetaBallSphere()})
    neck = neck_diameter((1.0, 1.0), 1.1, 0.6)
    assert neck > 0.3  # though they do not touch as spheres
    assert columns["largest_neck_diameter"] == [pytest.approx(neck), pytest.approx(neck), None]
