"""Thickness: ways through spheres and closed surfaces, against rays that are traced one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scene.imaging.footprint import Topology
from scene.imaging.thickness import Window, through_sphere, through_surface
from scene.microscopy.thickness import FINER, filtered
from scene.prototypes.geometries.sphere import cube_sphere

SHAPE = (14, 17)
WHOLE = Window(0, 0, *SHAPE)
CUBE = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
QUADS = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
BOX = Topology.of(np.array([[(a, b, c), (a, c, d)] for a, b, c, d in QUADS]).reshape(-1, 3))

turns = st.tuples(*[st.floats(0.1, 6.0)] * 3)


def turned(x: float, y: float, z: float) -> NDArray[np.float64]:
    matrix = np.eye(3)
    for axis, angle in enumerate((x, y, z)):
        step = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        step[[first, second], [first, second]] = math.cos(angle)
        step[first, second], step[second, first] = -math.sin(angle), math.sin(angle)
        matrix = step @ matrix
    return matrix


def grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    columns, rows = WHOLE.places
    return np.meshgrid(columns, rows)


@given(angles=turns, sides=st.tuples(*[st.floats(2.0, 8.0)] * 3))
def test_ways_through_a_turned_box_are_those_between_its_planes(
    angles: tuple[float, float, float], sides: tuple[float, float, float]
) -> None:
    matrix, middle = turned(*angles), np.array([8.2, 6.9, 30.0])
    vertices = (CUBE * sides) @ matrix.T + middle
    found = through_surface(vertices, BOX, WHOLE).reshape(SHAPE[0] * FINER, -1)
    # A ray enters a box behind the last of the planes that face it (slab method).
    x, y = grid()
    origin = np.stack([x, y, np.zeros_like(x)], axis=-1) - middle
    begin, end = np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
    for axis, side in enumerate(sides):
        along, start = matrix[2, axis], origin @ matrix[:, axis]
        with np.errstate(divide="ignore"):
            two = np.sort([(-side / 2 - start) / along, (side / 2 - start) / along], axis=0)
        begin, end = np.maximum(begin, two[0]), np.minimum(end, two[1])
    expected = np.maximum(end - begin, 0)
    # Where a ray runs along an edge, rounding decides; beside it a steep side has any length.
    wrong = np.abs(found - expected) > 1e-3
    assert np.count_nonzero(wrong) <= 2


@pytest.mark.parametrize("depth", [40.0, 0.3, -0.2, -9.0])
def test_a_sphere_s_ways_are_chords_and_end_at_the_camera(depth: float) -> None:
    middle, radius = (8.3, 6.8), 5.0
    found = through_sphere(middle, depth, radius / 10, 0.1, WHOLE)
    x, y = grid()
    half = np.sqrt(np.maximum(radius**2 - (x - middle[0]) ** 2 - (y - middle[1]) ** 2, 0)) / 10
    expected = np.maximum(depth + half, 0) - np.maximum(depth - half, 0)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5)


def test_a_fine_mesh_of_a_sphere_is_as_thick_as_the_sphere() -> None:
    vertices, faces = cube_sphere(48)
    topology = Topology.of(np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]))
    # Seen from above: rows count downwards, depth away from the camera.
    seen = vertices * (10.0, -10.0, -1.0) + (8.3, 6.8, 20.0)
    found = through_surface(seen, topology, WHOLE)
    expected = through_sphere((8.3, 6.8), 20.0, 0.5, 0.1, WHOLE)
    assert found.max() == pytest.approx(1.0, abs=1e-3)
    assert np.abs(found - expected).mean() < 1e-3


@given(at=st.tuples(st.floats(-8.0, 25.0), st.floats(-8.0, 25.0)), radius=st.floats(0.05, 12.0))
def test_a_window_holds_all_that_is_seen(at: tuple[float, float], radius: float) -> None:
    middle = np.array(at)
    window = Window.of(middle - radius, middle + radius, SHAPE)
    assert window.top >= 0
    assert window.left >= 0
    assert window.top + window.rows <= SHAPE[0]
    assert window.left + window.columns <= SHAPE[1]
    whole = np.zeros((SHAPE[0], FINER, SHAPE[1], FINER), np.float32)
    for band in window.bands():
        rows = slice(band.top, band.top + band.rows)
        columns = slice(band.left, band.left + band.columns)
        whole[rows, :, columns] = through_sphere(at, 50.0, radius, 1.0, band)
    np.testing.assert_array_equal(whole, through_sphere(at, 50.0, radius, 1.0, WHOLE))


def test_a_large_window_is_worked_on_in_bands() -> None:
    window = Window(3, 5, 1000, 900)
    bands = list(window.bands())
    assert len(bands) > 3
    assert all(band.rows * band.columns <= 200_000 for band in bands)
    assert [band.top for band in bands] == [3, *np.cumsum([band.rows for band in bands[:-1]]) + 3]
    assert sum(band.rows for band in bands) == window.rows
    assert {(band.left, band.columns) for band in bands} == {(5, 900)}
    assert not list(Window(3, 5, 0, 900).bands())
    assert not list(Window(3, 5, 10, 0).bands())


def test_a_filtered_image_keeps_its_sum_and_goes_one_pixel_beyond() -> None:
    finer = np.random.default_rng(1).random((5, FINER, 4, FINER), dtype=np.float32)
    shown = filtered(finer)
    assert shown.shape == (7, 6)
    assert shown.sum() == pytest.approx(finer.sum() / FINER**2, rel=1e-3)


def test_the_filter_is_cycles_with_a_width_of_1_5_pixels_to_either_side() -> None:
    """Its variance is that of Blackman and Harris' window of 3 pixels, 0.173 pixels squared."""
    moment = total = 0.0
    for place in range(FINER):
        finer = np.zeros((9, FINER, 9, FINER), np.float32)
        finer[4, place, 4, 1] = FINER
        shown = filtered(finer)
        away = np.arange(11) - 5 - (place - 1) / FINER
        moment += float((shown.sum(axis=1) * away**2).sum())
        total += float(shown.sum())
    assert moment / total == pytest.approx(0.173, abs=0.002)
    fine, place = np.linspace(0, 1, 1001), (np.linspace(0, 1, 1001) - 0.5) * 3
    window = sum(
        (-1) ** n * a * np.cos(2 * np.pi * n * fine)
        for n, a in enumerate((0.35875, 0.48829, 0.14128, 0.01168))
    )
    assert (window * place**2).sum() / window.sum() == pytest.approx(0.173, abs=0.001)
