"""Transmission: what of the beam is left, and how far out of focus that is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from blendsweep.testing.views import PIXEL, Ball, seen
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.raster import Raster
from scene.microscopy.support_film import SupportFilm
from scene.microscopy.thickness import FINER, Thickness
from scene.microscopy.transmission import BrightField, through_disc
from scene.prototypes.measurement_techniques.transmission_electron_microscope import (
    TransmissionElectronMicroscope,
)
from scene.specimen.streams import Streams

RASTER = Raster(64, 48, 8, 100.0)
SHARP = BrightField()


def left(model: BrightField, *balls: Ball, density: float | None = 0.4) -> NDArray[np.float32]:
    view = seen(RASTER, balls, particles=ElectronSurface(absorption_density=density))
    signal = model.signal(view, Streams(1).counted)
    assert signal.dtype == np.float32
    assert signal.shape == RASTER.shape
    return signal


@given(radius=st.floats(4.0, 20.0), density=st.floats(0.0, 3.0))
def test_behind_a_sphere_s_middle_is_what_its_diameter_leaves(
    radius: float, density: float
) -> None:
    signal = left(SHARP, (40.5, 32.5, 30.0, radius), density=density)
    # A pixel shows the mean over its filter, over which a small sphere is not level.
    thickness = 2 * radius - 2 * 0.173 / radius
    assert signal[32, 40] == pytest.approx(math.exp(-0.5 * density * thickness * PIXEL), abs=1e-3)
    assert signal[1, 1] == 1


def test_overlapping_particles_add_up_in_whatever_order() -> None:
    one, two = (34.5, 30.5, 20.0, 10.0), (42.5, 34.5, 24.0, 12.0)
    alone = left(SHARP, one) * left(SHARP, two)
    np.testing.assert_allclose(left(SHARP, one, two), alone, rtol=1e-6)
    np.testing.assert_allclose(left(SHARP, two, one), alone, rtol=1e-6)


def test_a_material_that_does_not_say_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not say how dense it is"):
        left(SHARP, (40.5, 32.5, 30.0, 9.0), density=None)


@pytest.mark.parametrize("elevation", [10.0, 90.0])
def test_the_disc_is_as_wide_as_the_aperture_says(elevation: float) -> None:
    """A small particle becomes a disc, whose points lie half its radius away along each axis."""
    model = BrightField(aperture=0.1, focus_height=50.0 * RASTER.pixel_nm)
    missing = 1 - left(model, (40.5, 32.5, elevation, 1.0), density=0.1)
    sharp = 1 - left(SHARP, (40.5, 32.5, elevation, 1.0), density=0.1)
    assert missing.sum() == pytest.approx(sharp.sum(), rel=0.02)
    away = np.arange(RASTER.shape[1]) + 0.5 - 40.5

    def variance(image: NDArray[np.float32]) -> float:
        return float((image * away**2).sum() / image.sum())

    assert variance(missing) - variance(sharp) == pytest.approx(4.0**2 / 4, rel=0.05)


def test_discs_end_at_the_bound_and_the_reach_covers_them() -> None:
    model = BrightField(aperture=10.0, focus_height=0.0, room=1e6)
    assert model.reach_nm == 1e7
    signal = left(model, (40.5, 32.5, 1000.0, 9.0))
    assert np.isfinite(signal).all()
    assert (signal[:, -10:] == 1).all(), "beyond a sixteenth of the image and the radius"


def test_lengths_are_scaled_once() -> None:
    model = BrightField(0.1, 10.0, 50.0).at_scale(100.0)
    assert model.reach_nm == pytest.approx(0.1 * 40 * 100)
    assert model.at_scale(100.0) == model


def test_an_unspread_image_stays() -> None:
    image = np.zeros((20, 24), np.float32)
    image[8:12, 9:14] = 0.5
    np.testing.assert_allclose(through_disc(image, 1e-6), image, atol=1e-6)


@pytest.mark.parametrize("defocus", [0.0, 0.2, 1.0])
def test_the_microscope_s_focus_is_where_its_defocus_says(defocus: float) -> None:
    features = {spec.name: spec.default for spec in TransmissionElectronMicroscope.features}
    model = TransmissionElectronMicroscope().image_model(features | {"defocus": defocus})
    assert model.focus_height == pytest.approx(51.2 * defocus)
    assert model.aperture * max(51.2 * (1 - defocus), 0.01) == pytest.approx(0.5)


def film(
    raster: Raster, seed: int = 1, unit: float = 10.0, **settings: float
) -> NDArray[np.float32]:
    made = SupportFilm(**{"film_thickness": 20.0, "film_density": 0.1, **settings})
    return made.behind(raster, unit, Streams(seed).counted)


def test_a_film_leaves_what_its_thickness_does_and_has_its_contrast() -> None:
    raster = Raster(256, 256, 0, 0.2)
    grained = film(raster, film_grain_contrast=0.05, film_grain_size=1.0)
    mean = math.exp(-0.5 * 0.1 * 20.0 / 10.0)
    assert grained.mean() == pytest.approx(mean, rel=2e-3)
    damped = math.exp(-((math.pi * 0.2) ** 2) / 6)
    assert grained.std() / grained.mean() == pytest.approx(0.05 * damped, rel=0.1)
    np.testing.assert_array_equal(film(raster, film_grain_contrast=0.0), np.float32(mean))


def test_grains_repeat_over_their_size() -> None:
    """The mean frequency of the spectrum is one wave for each size."""
    raster = Raster(256, 256, 0, 0.2)
    for size in (1.0, 2.0):
        grained = film(raster, film_grain_size=size)
        power = np.abs(np.fft.fft2(grained - grained.mean())) ** 2
        frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(256, 0.2)] * 2))
        assert (power * frequency).sum() / power.sum() == pytest.approx(1 / size, rel=0.12)


def test_a_film_s_grain_stays_in_its_place_whatever_the_margin() -> None:
    alone = film(Raster(40, 30, 0, 0.5))
    within = Raster(40, 30, 7, 0.5)
    np.testing.assert_allclose(within.inner(film(within)), alone, atol=1e-6)
    assert np.abs(film(Raster(40, 30, 0, 0.5), seed=2) - alone).max() > 0.01


def test_grain_finer_than_pixels_averages_out() -> None:
    assert np.ptp(film(Raster(40, 30, 0, 50.0))) == 0


def halves(raster: Raster, heights: tuple[float, float]) -> tuple[list[Thickness], Thickness]:
    """Return a ball that is cut by a slanted wall into two parts, and the whole of it."""
    (whole,) = next(iter(seen(raster, [(40.5, 32.5, 30.0, 12.0)]).thickness()))
    columns = whole.lengths.shape[2]
    along = np.arange(columns * FINER).reshape(columns, FINER)
    share = np.clip((along - 0.4 * columns * FINER) / 3, 0, 1).astype(np.float32)
    parts = [
        Thickness(number, height, whole.top, whole.left, whole.lengths * part)
        for number, height, part in zip((1, 2), heights, (share, 1 - share), strict=True)
    ]
    return parts, whole


INSIDE = np.hypot(*np.ogrid[-31.5:32.5:1, -40.0:40.0:1]) < 7
"""What is well within its rim."""


@pytest.mark.parametrize("density", [0.3, 3.0])
@pytest.mark.parametrize("elevation", [0.0, 60.0])
def test_a_body_of_several_parts_shows_no_seams(density: float, elevation: float) -> None:
    height = elevation * RASTER.pixel_nm
    parts, whole = halves(RASTER, (height, height))
    surface = {ElectronSurface(absorption_density=density): np.array([1, 2])}
    view = replace(seen(RASTER, []), particles=surface)
    model = BrightField(aperture=0.05, focus_height=0.0)
    apart = model.signal(replace(view, thickness=lambda: [parts]), Streams(1).counted)
    one = replace(whole, height=height)
    together = model.signal(replace(view, thickness=lambda: [[one]]), Streams(1).counted)
    if elevation == 0:
        np.testing.assert_allclose(apart, together, atol=1e-5)
    assert np.abs(apart - together)[INSIDE].max() < 3e-3 * max(density, 1.0)
    assert np.abs(apart - together).max() < 0.1 * density


def test_parts_at_different_heights_have_no_seams_either() -> None:
    parts, whole = halves(RASTER, (5000.0, 5300.0))
    surface = {ElectronSurface(absorption_density=0.3): np.array([1, 2])}
    view = replace(seen(RASTER, []), particles=surface)
    model = BrightField(aperture=0.05, focus_height=0.0)
    found = model.signal(replace(view, thickness=lambda: [parts]), Streams(1).counted)
    one = replace(whole, height=5150.0)
    expected = model.signal(replace(view, thickness=lambda: [[one]]), Streams(1).counted)
    assert np.abs(found - expected)[INSIDE].max() < 6e-3
    apart = model.signal(replace(view, thickness=lambda: [[p] for p in parts]), Streams(1).counted)
    assert np.abs(apart - expected)[INSIDE].max() > 0.015, "a seam, without this"
