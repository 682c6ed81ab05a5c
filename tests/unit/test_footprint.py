"""Footprints against a slow and obvious test of every pixel's centre."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from scene.imaging.footprint import Footprint, Topology, footprints

WIDTH, HEIGHT = 9, 7

corners = st.permutations(range(6)).map(lambda order: order[:3])
triangle_soups = st.lists(corners, min_size=1, max_size=8).map(np.array)
# No vertex at the height of a pixel's centre or beside one: there, rounding decides.
places = arrays(
    np.float64,
    (2, 6, 2),
    elements=st.integers(-30, 120).map(lambda value: value / 10 + 0.03),
)


def whole(footprint: Footprint) -> NDArray[np.bool_]:
    image = np.zeros((HEIGHT, WIDTH), dtype=bool)
    height, width = footprint.mask.shape
    image[footprint.top : footprint.top + height, footprint.left : footprint.left + width] = (
        footprint.mask
    )
    return image


def inside_any(triangles: NDArray[np.intp], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much each pixel's centre lies inside one of the triangles, below 0 outside."""
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    best = np.full((HEIGHT, WIDTH), -np.inf)
    for a, b, c in points[triangles]:
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) < 1e-9:
            continue
        sides = [
            ((q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])) / area
            for p, q in ((a, b), (b, c), (c, a))
        ]
        best = np.maximum(best, np.min(sides, axis=0))
    return best


@given(triangles=triangle_soups, points=places)
def test_a_pixel_is_covered_where_its_centre_lies_in_a_triangle(
    triangles: NDArray[np.intp], points: NDArray[np.float64]
) -> None:
    found = list(footprints(Topology.of(triangles), points, WIDTH, HEIGHT))
    assert len(found) == 2
    for footprint, seen in zip(found, points, strict=True):
        depth = inside_any(triangles, seen)
        clear = np.abs(depth) > 1e-9
        np.testing.assert_array_equal(whole(footprint)[clear], (depth > 0)[clear])


def test_many_particles_are_worked_on_in_parts_with_the_same_result() -> None:
    chance = np.random.default_rng(3)
    triangles = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])
    points = chance.uniform(-2.0, 10.0, (60_000, 4, 2))
    found = list(footprints(Topology.of(triangles), points, WIDTH, HEIGHT))
    assert len(found) == len(points)
    for index in (0, 41_665, 41_667, 59_999):
        (alone,) = footprints(Topology.of(triangles), points[index : index + 1], WIDTH, HEIGHT)
        np.testing.assert_array_equal(whole(found[index]), whole(alone))


def test_memory_does_not_grow_with_the_area_of_all_particles() -> None:
    # 40 discs of 1,600 pixels in a frame of 4,096 x 4,096: all masks together are 100 MB, and
    # sums along their rows 800 MB.
    turn = np.linspace(0.0, 2 * np.pi, 48, endpoint=False)
    disc = 800.0 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    centres = np.random.default_rng(5).uniform(800.0, 3296.0, (40, 1, 2))
    fan = np.array([(0, k, k + 1) for k in range(1, 47)])
    tracemalloc.start()
    try:
        pixels = [
            int(found.mask.sum())
            for found in footprints(Topology.of(fan), centres + disc, 4096, 4096)
        ]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    area = 0.5 * 48 * 800.0**2 * np.sin(2 * np.pi / 48)
    np.testing.assert_allclose(pixels, area, rtol=1e-3)
    assert most < 40 * 2**20


def test_a_particle_larger_than_what_is_filled_at_once_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    triangles = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])
    points = np.random.default_rng(3).uniform(-2.0, 10.0, (500, 4, 2))
    together = list(footprints(Topology.of(triangles), points, WIDTH, HEIGHT))
    monkeypatch.setattr("scene.imaging.footprint._MOST_PIXELS", 13)
    in_bands = list(footprints(Topology.of(triangles), points, WIDTH, HEIGHT))
    for one, other in zip(together, in_bands, strict=True):
        np.testing.assert_array_equal(whole(one), whole(other))
