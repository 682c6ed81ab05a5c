"""Edge brightening: the yield law, its limit at the limb, and curvature for any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from blendsweep.testing.views import seen
from scene.microscopy.edge import FLAT_LIMIT, LIMIT, Edge, curvature, edge_brightening
from scene.microscopy.geometry import GeometryBuffers
from scene.microscopy.raster import Raster
from scene.microscopy.secondary_electrons import SecondaryElectrons
from scene.specimen.streams import Streams

PIXEL = 50.0


def exact_yield(cosine: float, radius: float, escape_depth: float) -> float:
    """Integrate what leaves along a beam through a ball, from the depth below its surface."""

    def leaving(way: float) -> float:
        depth = radius - np.sqrt(radius**2 - 2 * radius * way * cosine + way**2)
        return float(np.exp(-depth / escape_depth)) / escape_depth

    # What is left out has passed more than the radius of the ball, and far more than the layer.
    end = min(2 * radius * cosine, 40 * escape_depth / cosine)
    return float(quad(leaving, 0.0, end, limit=200)[0])


@pytest.mark.parametrize("ratio", [1e-4, 1e-3])
def test_the_limit_is_that_of_the_way_through_a_ball(ratio: float) -> None:
    cosines = np.sqrt(ratio) * np.linspace(0.5, 3, 51)
    largest = max(exact_yield(cosine, 1.0, ratio) for cosine in cosines)
    assert 1 / np.sqrt(LIMIT * ratio) == pytest.approx(largest, rel=0.02)


@pytest.mark.parametrize("cosine", [0.3, 0.6, 0.95])
def test_far_from_the_limb_the_way_is_that_of_the_law(cosine: float) -> None:
    assert exact_yield(cosine, 1.0, 1e-4) == pytest.approx(1 / cosine, rel=0.002)


@given(
    radius=st.floats(12.0, 40.0),
    exponent=st.floats(0.1, 1.5),
    depth=st.floats(0.0, 300.0),
    offset=st.floats(-0.5, 0.5),
)
@settings(max_examples=20, deadline=None)
def test_a_ball_s_radial_profile_follows_the_law(
    radius: float, exponent: float, depth: float, offset: float
) -> None:
    raster = Raster(90, 90, 0, PIXEL)
    view = seen(raster, [(45 + offset, 45.3, radius, radius)])
    signal = SecondaryElectrons(edge=Edge(exponent, depth)).signal(view, Streams(1).counted)
    rows, columns = np.indices(raster.shape)
    distance = np.hypot(columns + 0.5 - 45 - offset, rows + 0.5 - 45.3) / radius
    particle = view.buffers.instance == 1
    limit = FLAT_LIMIT + min(LIMIT * depth / (radius * PIXEL), 1 - FLAT_LIMIT)
    law = ((1 + limit) / (1 - distance[particle] ** 2 + limit)) ** (exponent / 2)
    np.testing.assert_allclose(signal[particle], law, rtol=0.02)
    assert (signal[~particle] == 0).all()


@given(edge=st.builds(Edge, st.floats(0.0, 2.0), st.floats(0.0, 1e4)), bend=st.floats(-1, 1))
def test_level_surfaces_are_not_changed_by_a_bit(edge: Edge, bend: float) -> None:
    level = np.ones((1, 1), np.float32)
    assert (edge_brightening(level, np.full((1, 1), bend, np.float32), edge) == 1).all()


@given(radius=st.floats(3.0, 40.0))
@settings(max_examples=20, deadline=None)
def test_curvature_of_a_ball_is_exact_up_to_its_outline(radius: float) -> None:
    view = seen(Raster(90, 90, 0, PIXEL), [(45, 45, 0, radius), (45 + radius, 45, 2, radius)])
    found = curvature(view.buffers, PIXEL)
    particle = view.buffers.instance > 0
    np.testing.assert_allclose(found[particle], 1 / (radius * PIXEL), rtol=2e-3)
    assert (found[~particle] == 0).all()


def test_curvature_of_a_cylinder_is_that_across_it() -> None:
    """At its limb: its mean curvature is half of it."""
    rows, columns = np.indices((40, 40))
    across = (columns + rows - 39) / np.sqrt(2) / 20  # its axis lies along the diagonal
    normal = np.stack([across, -across, across], axis=-1).astype(np.float32) / np.sqrt(2)
    normal[..., 2] = np.sqrt(np.maximum(1 - across**2, 0))
    particle = np.abs(across) < 1
    buffers = GeometryBuffers(
        np.where(particle, 1, np.inf).astype(np.float32),
        (normal * particle[..., np.newaxis]).astype(np.float32),
        particle.astype(np.uint16),
    )
    found = curvature(buffers, 1.0)
    tilted = particle & (np.abs(across) > 0.3)
    np.testing.assert_allclose(found[tilted], 1 / 20, rtol=0.02)


def test_plane_faces_have_no_curvature_and_a_lone_pixel_that_of_its_size() -> None:
    normal = np.zeros((5, 8, 3), np.float32)
    instance = np.zeros((5, 8), np.uint16)
    normal[1:4, 1:5] = (0.6, 0.0, 0.8)
    instance[1:4, 1:5] = 1
    normal[2, 6] = (0.0, 0.6, 0.8)
    instance[2, 6] = 65_535
    depth = np.where(instance > 0, 1, np.inf).astype(np.float32)
    found = curvature(GeometryBuffers(depth, normal, instance), 10.0)
    assert (found[instance == 1] == 0).all()
    assert found[2, 6] == pytest.approx(0.2)


def test_small_balls_are_brightened_less_than_large_ones() -> None:
    """Where the escape depth meets the curvature: at the same tilt."""
    cosine = np.full((1, 1), 0.05, np.float32)
    small, large = (
        edge_brightening(cosine, np.full((1, 1), 1 / radius, np.float32), Edge(1.0, 50.0))
        for radius in (500.0, 5000.0)
    )
    assert small < large
