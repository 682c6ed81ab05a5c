"""The probe: how wide the beam is at every height, and what its cone meets first."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr

from scene.microscopy.probe import FULL_WIDTH, MOST_LAYERS, REACH, Probe, blurred, reach_px
from scene.microscopy.raster import Raster

type Image = NDArray[np.float32]

SIDE = 96
RASTER = Raster(SIDE, SIDE, margin=0, pixel_nm=10.0)
COLUMN = np.arange(SIDE)
INSIDE = slice(24, -24)
"""Rows and columns that no kernel of these tests reaches from beyond the edges."""

angles = st.floats(-math.tau, math.tau)
probes = st.builds(
    Probe,
    probe_diameter=st.floats(0.0, 200.0),
    convergence_angle=st.floats(0.0, 50.0),
    focus_height=st.floats(-3000.0, 3000.0),
    astigmatism=st.floats(0.0, 2000.0),
    astigmatism_angle=angles,
)
seeds = st.integers(0, 2**31)


def level(height: float) -> Image:
    return np.full(RASTER.shape, height, np.float32)


def edge(dark: float = 0.2, bright: float = 0.9) -> Image:
    """Return an image that is bright from its middle to the right."""
    return np.broadcast_to(np.where(COLUMN < SIDE // 2, dark, bright), RASTER.shape).astype(
        np.float32
    )


def blocks(seed: int) -> Image:
    """Return heights from 0 to 3000 nm, each of a block of pixels."""
    rough = np.random.default_rng(seed).uniform(0, 3000, (SIDE // 8, SIDE // 8))
    return np.kron(rough, np.ones((8, 8))).astype(np.float32)


def disc(radius: float, column: float = SIDE / 2) -> NDArray[np.bool_]:
    return np.hypot(COLUMN[:, None] - SIDE / 2, COLUMN - column) < radius


def test_the_features_defaults_are_a_beam_without_width() -> None:
    probe = Probe.of({spec.name: spec.default for spec in Probe.FEATURES})
    assert probe == Probe()
    assert probe.is_neutral
    assert not probe.needs_height
    assert reach_px(RASTER, probe, 0.0, 1e5) == 0


def test_every_setting_is_a_feature_of_its_name() -> None:
    values = {spec.name: 0.5 + place for place, spec in enumerate(Probe.FEATURES)}
    assert {name: getattr(Probe.of(values), name) for name in values} == values


@given(deviation=st.floats(0.05, 5.0))
@settings(max_examples=50, deadline=None)
def test_an_edge_is_an_error_function_of_the_set_width(deviation: float) -> None:
    probe = Probe(probe_diameter=FULL_WIDTH * deviation * RASTER.pixel_nm)
    image = blurred(edge(0.0, 1.0), None, RASTER, probe)
    distance = COLUMN - (SIDE / 2 - 0.5)  # from where one pixel ends and the next begins
    expected = np.broadcast_to(ndtr(distance / deviation), image.shape)
    np.testing.assert_allclose(image[INSIDE, INSIDE], expected[INSIDE, INSIDE], atol=0.01)


@given(
    height=st.floats(0.0, 2000.0),
    focus=st.floats(-2000.0, 2000.0),
    angle=st.floats(1.0, 20.0),
    diameter=st.floats(0.0, 50.0),
)
@settings(max_examples=50, deadline=None)
def test_blur_grows_with_the_distance_from_the_focus(
    height: float, focus: float, angle: float, diameter: float
) -> None:
    probe = Probe(diameter, angle, focus_height=focus)
    image = blurred(edge(0.0, 1.0), level(height), RASTER, probe)
    disc = abs(height - focus) * angle * 1e-3  # radius in nm
    deviation = math.hypot(diameter / FULL_WIDTH, disc / 2) / RASTER.pixel_nm
    expected = ndtr((COLUMN - (SIDE / 2 - 0.5)) / max(deviation, 1e-9))
    np.testing.assert_allclose(image[SIDE // 2, INSIDE], expected[INSIDE], atol=0.01)


@given(probe=probes, gray=st.floats(0.0, 100.0, width=32), seed=seeds)
@settings(max_examples=50, deadline=None)
def test_a_flat_image_stays_flat_to_the_bit(probe: Probe, gray: float, seed: int) -> None:
    flat = level(gray)
    np.testing.assert_array_equal(blurred(flat, blocks(seed), RASTER, probe), flat)


@given(probe=probes, seed=seeds)
@settings(max_examples=50, deadline=None)
def test_nothing_gets_brighter_or_darker_than_what_is_there(probe: Probe, seed: int) -> None:
    signal = np.random.default_rng(seed).random(RASTER.shape, dtype=np.float32)
    image = blurred(signal, blocks(seed), RASTER, probe)
    assert image.dtype == np.float32
    assert image.min() >= signal.min()
    assert image.max() <= signal.max()
    np.testing.assert_array_equal(blurred(signal, blocks(seed), RASTER, probe), image)


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_layers_of_one_blur_are_the_gaussian_of_the_whole(seed: int) -> None:
    """So far out of focus everything has the widest blur there is, in whatever layer it is."""
    signal = np.random.default_rng(seed).random(RASTER.shape, dtype=np.float32)
    low = Probe(convergence_angle=100.0, focus_height=-3000.0)
    widest = Probe(probe_diameter=FULL_WIDTH * SIDE / 16 * RASTER.pixel_nm)
    np.testing.assert_allclose(
        blurred(signal, blocks(seed), RASTER, low),
        blurred(signal, None, RASTER, widest),
        atol=1e-4,
    )


def test_a_sharp_bead_over_a_blurred_ground_has_no_fringe() -> None:
    bead = disc(20)
    signal = np.where(bead, np.float32(0.9), np.float32(0.2))
    height = np.where(bead, np.float32(2000.0), np.float32(0.0))
    probe = Probe(convergence_angle=50.0, focus_height=2000.0)  # 5 pixels on the ground
    image = blurred(signal, height, RASTER, probe)
    inner, outer = disc(18), ~disc(22)
    np.testing.assert_allclose(image[inner], 0.9, atol=0.002)
    np.testing.assert_allclose(image[outer], 0.2, atol=0.002)


def test_a_blurred_bead_over_a_sharp_ground_is_transparent_at_its_rim_alone() -> None:
    bead = np.broadcast_to(COLUMN >= SIDE // 2, RASTER.shape)
    stripes = np.broadcast_to(0.2 + 0.2 * (COLUMN[:, None] // 8 % 2), RASTER.shape)
    signal = np.where(bead, 0.9, stripes).astype(np.float32)
    height = np.where(bead, np.float32(2000.0), np.float32(0.0))
    probe = Probe(convergence_angle=40.0)  # 4 pixels at the bead's height
    image = blurred(signal, height, RASTER, probe)
    cover = ndtr((COLUMN - (SIDE / 2 - 0.5)) / 4)
    for row, ground in ((36, 0.2), (44, 0.4)):  # the middle of two stripes
        expected = ground + cover * (0.9 - ground)
        outside = slice(24, SIDE // 2)
        np.testing.assert_allclose(image[row, outside], expected[outside], atol=0.01)
        # Beneath the bead the ground is not known but from nearby.
        np.testing.assert_allclose(image[row, INSIDE], expected[INSIDE], atol=0.06)
        assert (np.diff(image[row, INSIDE]) > -1e-3).all()


@pytest.mark.parametrize("focus", [0.0, 1000.0, 2000.0, 3000.0])
def test_discs_look_as_rays_through_the_cone_see_them(focus: float) -> None:
    """Each ray of the cone sees what stands at a height shifted alike."""
    discs = [(disc(30, 40), 1000.0, 0.5), (disc(18, 60), 2000.0, 0.9)]
    signal, height = level(0.2), level(0.0)
    for mask, rise, gray in discs:
        signal[mask], height[mask] = gray, rise
    probe = Probe(convergence_angle=40.0, focus_height=focus)
    rays = np.random.default_rng(1).normal(size=(2000, 2)) * 0.04 / 2 / RASTER.pixel_nm
    seen = np.zeros(RASTER.shape)
    for across, along in rays:
        ray = level(0.2)
        for (column, radius), (_, rise, gray) in zip([(40, 30), (60, 18)], discs, strict=True):
            away = np.hypot(
                COLUMN[:, None] - SIDE / 2 - across * (rise - focus),
                COLUMN - column - along * (rise - focus),
            )
            ray[away < radius] = gray
        seen += ray / len(rays)
    image = blurred(signal, height, RASTER, probe)
    differences = np.abs(image - seen)[8:-8, 8:-8]
    assert differences.mean() < 0.003
    # How the edge of the lower disc goes on beneath the rim of the higher one is a guess.
    assert differences.max() < 0.15


@given(angle=angles, upper=st.booleans())
@settings(max_examples=25, deadline=None)
def test_an_astigmatic_point_is_a_line_at_the_set_angle(angle: float, upper: bool) -> None:
    dot = np.zeros(RASTER.shape, np.float32)
    dot[SIDE // 2, SIDE // 2] = 1.0
    probe = Probe(FULL_WIDTH * 5.0, 40.0, 500.0, astigmatism=1000.0, astigmatism_angle=angle)
    image = blurred(dot, level(1000.0 if upper else 0.0), RASTER, probe).astype(float)
    right, up = COLUMN - SIDE // 2, SIDE // 2 - COLUMN[:, None]
    along = right * math.cos(angle) + up * math.sin(angle)
    across = up * math.cos(angle) - right * math.sin(angle)
    assert image.sum() == pytest.approx(1.0, abs=1e-3)
    long, short = (across, along) if upper else (along, across)
    focus = 0.5**2 + 1 / 12  # of the beam itself, and within a pixel
    # 40 mrad at 1000 nm from the other line's height: a radius of 4 pixels.
    assert (image * long**2).sum() == pytest.approx(focus + (4 / 2) ** 2, rel=0.01)
    assert (image * short**2).sum() == pytest.approx(focus, rel=0.05)


@given(probe=probes, seed=seeds)
@settings(max_examples=25, deadline=None)
def test_what_lies_beyond_the_reach_adds_nothing(probe: Probe, seed: int) -> None:
    reach = reach_px(RASTER, probe, 0.0, 3000.0)
    signal = np.random.default_rng(seed).random(RASTER.shape, dtype=np.float32)
    other = signal.copy()
    other[:, reach + 1 :] = 0.5  # all but the first columns' surroundings
    height = blocks(seed)
    whole, part = (blurred(image, height, RASTER, probe) for image in (signal, other))
    np.testing.assert_allclose(part[:, 0], whole[:, 0], atol=2e-3 * MOST_LAYERS)


def test_a_blur_is_held_at_a_sixteenth_of_the_image() -> None:
    probe = Probe(probe_diameter=1e4, convergence_angle=100.0)
    assert reach_px(RASTER, probe, 0.0, 1e6) == REACH * SIDE / 16 + 1
