"""Brightness, fineness, particles and sizes of made images are those that were put in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft, ndimage

from orchestrator.statistics.brightness import clipped, gray_quantiles, histogram
from orchestrator.statistics.gray import gray_levels
from orchestrator.statistics.profiles import radial_profile
from orchestrator.statistics.regions import Regions
from orchestrator.statistics.sharpness import edge_width
from orchestrator.statistics.sizes import granulometry, inscribed_diameters, mean_size
from orchestrator.statistics.spectrum import autocorrelation_length, power_spectrum
from tests.standins.micrographs import CENTRE, GROUND, eight_bit, noise, spheres

FROM_20_TO_80 = 1.6832
SHAPE = (400, 600)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((64, 64, 3), dtype=np.uint8), r"at least 32 x 32 pixels.*\(64, 64, 3\)"),
        (np.zeros((64, 20), dtype=np.uint8), r"\(64, 20\)"),
        (np.zeros((64, 64), dtype=np.int64), "not int64"),
        (np.full((64, 64), 2.0), "floats from 0 to 1"),
        (np.full((64, 64), np.nan), "floats from 0 to 1"),
    ],
)
def test_what_is_no_gray_image_is_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gray_levels(image)


def test_brightness() -> None:
    image = np.repeat(np.arange(64, dtype=np.uint8), 64).reshape(64, 64)
    image[0] = 255
    assert histogram(image)[[0, 1, 63, 64, 255]].tolist() == [0, 1 / 64, 1 / 64, 0, 1 / 64]
    assert gray_quantiles(image, (0.5,)) == pytest.approx([32.5])
    assert clipped(image) == (0, 1 / 64)


@settings(max_examples=10, deadline=None)
@given(slope=st.floats(-3.5, -0.5))
def test_the_slope_of_a_power_law(slope: float) -> None:
    shape = (256, 320)
    frequency = np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1]))
    frequency[0, 0] = 1
    made = fft.irfft2(fft.rfft2(noise(shape)) * frequency ** (slope / 2), s=shape)
    spectrum = power_spectrum(0.5 + 0.1 * made / np.abs(made).max())
    assert spectrum.slope == pytest.approx(slope, abs=0.25)


def test_white_noise_has_its_variance_at_all_frequencies() -> None:
    spectrum = power_spectrum(eight_bit(120 + 8 * noise((256, 256))))
    assert spectrum.power.mean() == pytest.approx(64, rel=0.05)
    assert spectrum.fineness == pytest.approx(0, abs=0.1)
    assert 0 < spectrum.frequency[0] < spectrum.frequency[-1] < 0.5


def test_power_can_be_added_up_to_the_variance() -> None:
    image = eight_bit(120 + 20 * ndimage.gaussian_filter(noise((256, 256)), 2) / 0.14)
    spectrum = power_spectrum(image)
    rings = 2 * np.pi * spectrum.frequency * np.diff(spectrum.frequency).mean()
    assert (rings * spectrum.power).sum() == pytest.approx(image.var(), rel=0.1)


@pytest.mark.parametrize("blur", [0.7, 1.2, 2.0, 3.5])
@pytest.mark.parametrize("grain", [0.0, 6.0])
def test_the_width_of_blurred_edges(blur: float, grain: float) -> None:
    levels = ndimage.gaussian_filter(spheres(30).levels, blur)
    image = eight_bit(levels + grain * noise(levels.shape))
    assert edge_width(image) == pytest.approx(FROM_20_TO_80 * blur, rel=0.15)


def test_no_edges_have_no_width() -> None:
    assert np.isnan(edge_width(np.full((100, 100), 80, dtype=np.uint8)))


@settings(max_examples=12, deadline=None)
@given(radius=st.integers(8, 40), grain=st.floats(0, 10))
def test_particles_are_told_from_ground(radius: int, grain: float) -> None:
    made = spheres(radius)
    regions = Regions(eight_bit(made.levels + grain * noise(made.levels.shape)))
    assert regions.coverage == pytest.approx(made.covered.mean(), abs=0.02)
    assert regions.particle_level == pytest.approx(CENTRE, abs=4)
    assert regions.ground_level == pytest.approx(GROUND, abs=2)
    assert regions.contrast == pytest.approx(0.5, abs=0.02)
    assert regions.ratio == pytest.approx(CENTRE / GROUND, rel=0.05)
    assert regions.separation > 0.85


def test_texture_of_ground_and_particles() -> None:
    made = spheres(25)
    waves = ndimage.gaussian_filter(noise(made.levels.shape), 12)
    waves *= 6 / waves.std()
    grain = ndimage.gaussian_filter(noise(made.levels.shape, seed=9), 1)
    grain *= 8 / grain.std()
    smooth = Regions(eight_bit(made.levels))
    rough = Regions(eight_bit(made.levels + np.where(made.covered, grain, waves)))
    assert smooth.ground_texture < 0.5
    assert rough.ground_texture == pytest.approx(6, rel=0.25)
    assert smooth.particle_texture < 0.005
    assert 0.02 < rough.particle_texture < 8 / CENTRE


def test_an_image_of_one_gray_level_has_neither() -> None:
    regions = Regions(np.full((100, 100), 80, dtype=np.uint8))
    assert (regions.coverage, regions.separation) == (0, 0)
    assert np.isnan(regions.particle_level)
    assert len(inscribed_diameters(regions)) == 0
    assert radial_profile(regions).particles == 0


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("radius", [8.0, 15.0, 30.0])
def test_diameters_of_discs(radius: float, factor: int) -> None:
    """Large images are binned, which changes no size."""
    made = spheres(radius * factor, spread=0.2, shape=(450 * factor, 500 * factor))
    diameters = inscribed_diameters(Regions(eight_bit(made.levels)))
    assert len(diameters) == pytest.approx(len(made.radii), rel=0.05)
    expected = np.quantile(2 * made.radii, (0.1, 0.5, 0.9))
    assert np.quantile(diameters, (0.1, 0.5, 0.9)) == pytest.approx(expected, rel=0.12, abs=1)


@pytest.mark.parametrize("radius", [8.0, 15.0, 30.0])
def test_sizes_by_light(radius: float) -> None:
    made = spheres(radius)
    size, spread = mean_size(*granulometry(eight_bit(made.levels)))
    assert size == pytest.approx(2 * radius, rel=0.25)
    assert 1 <= spread < 1.6


def test_sizes_by_light_know_how_much_sizes_differ() -> None:
    one, other = (granulometry(eight_bit(spheres(14, spread=s).levels)) for s in (0.0, 0.5))
    assert one[1].sum() == pytest.approx(1)
    assert mean_size(*other)[1] > 1.1 * mean_size(*one)[1]
    nothing = granulometry(np.full((100, 100), 80, dtype=np.uint8))
    assert nothing[1].sum() == 0
    assert np.isnan(mean_size(*nothing)).all()


def test_the_autocorrelation_length_grows_with_the_particles() -> None:
    lengths = [
        autocorrelation_length(eight_bit(spheres(r, shape=SHAPE).levels + 5 * noise(SHAPE)))
        for r in (10, 20, 40)
    ]
    assert np.array(lengths) / np.array([20, 40, 80]) == pytest.approx([0.32] * 3, abs=0.1)
    assert np.isnan(autocorrelation_length(np.full((64, 64), 80, dtype=np.uint8)))


def test_the_profile_of_round_particles() -> None:
    made = spheres(20, rim=0.5)
    profile = radial_profile(Regions(eight_bit(made.levels)))
    assert profile.particles > 0.8 * len(made.radii)
    assert profile.beside == pytest.approx(GROUND / CENTRE, abs=0.02)
    inner = profile.radius < 0.8
    expected = 1 + 0.5 * profile.radius[inner] ** 6
    assert profile.level[inner] == pytest.approx(expected, abs=0.05)
    # A pixel or two of the image's blur are at the very edge.
    assert 1.2 < profile.rim < 1.5


def test_particles_that_are_not_round_have_no_profile() -> None:
    image = np.full((400, 600), 40, dtype=np.uint8)
    for left in range(20, 560, 80):
        image[20:380, left : left + 30] = 150
    assert radial_profile(Regions(image)).particles == 0
