"""Noise of gray images: what was put into made images is found in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from orchestrator.statistics.noise import Noise
from tests.standins.micrographs import CENTRE, GROUND, eight_bit, noise, spheres

SHAPE = (300, 400)


@settings(max_examples=15, deadline=None)
@given(sd=st.floats(1.5, 20.0), along=st.floats(0.0, 0.48), across=st.floats(0.0, 0.3))
def test_the_noise_of_an_even_image(sd: float, along: float, across: float) -> None:
    found = Noise(eight_bit(120 + sd * noise(SHAPE, along=along, across=across)))
    assert found.curve.typical == pytest.approx(sd, rel=0.08)
    assert found.correlation.along == pytest.approx(along, abs=0.05)
    assert found.correlation.across == pytest.approx(across, abs=0.05)
    assert found.correlation.along_2 == pytest.approx(0, abs=0.05)


def test_particles_and_their_edges_are_no_noise() -> None:
    levels = ndimage.gaussian_filter(spheres(20, rim=0.3).levels, 0.8)
    found = Noise(eight_bit(levels + 4 * noise(levels.shape)))
    assert found.curve.typical == pytest.approx(4, rel=0.12)
    assert found.correlation.along == pytest.approx(0, abs=0.06)


def test_gray_values_that_only_edges_pass_through_say_nothing_of_noise() -> None:
    levels = spheres(20).levels
    found = Noise(eight_bit(levels + 4 * noise(levels.shape))).curve
    assert not ((found.brightness > 64) & (found.brightness < 112)).any()
    assert found.brightness[[0, -1]] == pytest.approx([GROUND, CENTRE], abs=3)


def test_the_law_of_counted_electrons() -> None:
    ramp = np.tile(np.linspace(30, 220, 600), (400, 1))
    found = Noise(eight_bit(ramp + np.sqrt(0.3 * ramp + 6) * noise(ramp.shape)))
    slope, intercept = found.curve.law
    assert slope == pytest.approx(0.3, rel=0.1)
    assert intercept == pytest.approx(6, abs=4)
    assert (np.diff(found.curve.brightness) > 0).all()
    assert (np.diff(found.curve.sd) > 0).all()


def test_a_law_needs_three_brightnesses() -> None:
    found = Noise(eight_bit(120 + 3 * noise(SHAPE)))
    assert len(found.curve.sd) == 1
    assert np.isnan(found.curve.law).all()


def test_the_noise_of_lines_is_told_from_that_of_pixels() -> None:
    lines = np.random.default_rng(5).standard_normal((600, 1))
    shape = (600, 800)
    without = Noise(eight_bit(120 + 5 * noise(shape, along=0.4))).of_lines
    having = Noise(eight_bit(120 + 5 * noise(shape, along=0.4) + 1.5 * lines)).of_lines
    assert without < 0.5
    assert having == pytest.approx(1.5, rel=0.2)


def test_clipped_pixels_hide_their_noise() -> None:
    """Half of the image is black, with noise cut off at 0."""
    levels = np.full(SHAPE, -20.0)
    levels[:, 200:] = 120
    found = Noise(eight_bit(levels + 6 * noise(SHAPE))).curve
    assert found.brightness == pytest.approx([120], abs=1)
    assert found.typical == pytest.approx(6, rel=0.1)


def test_an_image_without_anything_has_no_noise_to_measure() -> None:
    black = Noise(np.zeros(SHAPE, dtype=np.uint8))
    assert np.isnan(black.curve.typical)
    assert np.isnan(black.correlation.along)
    assert np.isnan(black.of_lines)
    gray = Noise(np.full(SHAPE, round(GROUND), dtype=np.uint8))
    assert gray.curve.typical == 0
    assert gray.of_lines == 0


def test_bits_do_not_matter() -> None:
    levels = np.clip(120 + 5 * noise(SHAPE, along=0.3), 0, 255)
    eight = Noise(eight_bit(levels)).curve.typical
    sixteen = Noise(np.rint(levels * 257).astype(np.uint16)).curve.typical
    fraction = Noise(levels / 255).curve.typical
    assert sixteen == pytest.approx(fraction, rel=1e-3)
    assert eight == pytest.approx(sixteen, rel=0.02)
