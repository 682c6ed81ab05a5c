"""Measures of an image's quality respond to what was set, and give None where there is nothing."""

from __future__ import annotations

import math
import time
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from scene.imaging.quality import Quality, contrast, noise, quality, sharpness
from scene.microscopy.chain import imaged
from scene.microscopy.display import Display
from scene.microscopy.electrons import Electrons
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.probe import Probe
from scene.microscopy.raster import Raster

SIDE = 240
GROUND, PARTICLES = 80.0, 160.0


def discs(side: int = SIDE, radius: float = 14.0) -> NDArray[np.uint16]:
    """Return labels of discs that lie apart."""
    pitch = round(3 * radius)
    rows, columns = np.mgrid[:side, :side]
    number = 1 + rows // pitch * (side // pitch + 1) + columns // pitch
    inside = np.hypot(rows % pitch - pitch / 2, columns % pitch - pitch / 2) < radius
    return np.where(inside, number, 0).astype(np.uint16)


def gray(labels: NDArray[np.uint16], blur: float = 0.0) -> NDArray[np.float64]:
    flat = np.where(labels > 0, PARTICLES, GROUND)
    return gaussian_filter(flat, blur) if blur else flat


def rounded(image: NDArray[np.float64], bits: int = 8) -> NDArray[np.uint8] | NDArray[np.uint16]:
    if bits == 16:
        return np.rint(np.clip(image * 257, 0, 65535)).astype(np.uint16)
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def drawn(deviation: float, along: float = 0.0, side: int = SIDE) -> NDArray[np.float64]:
    """Return noise of a standard deviation, correlated along rows over so many pixels."""
    white = np.random.default_rng(5).standard_normal((side, side))
    if along:
        white = gaussian_filter1d(white, along, axis=1)
    return white * (deviation / white.std())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("along", [0.0, 1.5])
@pytest.mark.parametrize("deviation", [1.0, 2.0, 4.0, 8.0, 16.0])
def test_noise_is_what_was_added_however_it_hangs_together_along_a_line(
    deviation: float, along: float, bits: int
) -> None:
    labels = discs()
    image = rounded(gray(labels) + drawn(deviation, along), bits)
    found = noise(image, labels)
    assert found is not None
    # Rounding is noise, too, of a twelfth of a gray value squared.
    total = math.hypot(deviation, (1 / 12) ** 0.5 if bits == 8 else 0.0)
    assert 255 * found == pytest.approx(total, rel=0.05)
    without = noise(image)
    assert without == pytest.approx(found, rel=0.1)  # edges count little without labels, too


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.4])
def test_an_even_slope_is_no_noise(slope: float) -> None:
    across = slope * np.add.outer(np.arange(SIDE), np.arange(SIDE))
    found = noise(rounded(across + 30 + drawn(4.0), 16))
    assert found is not None
    assert 255 * found == pytest.approx(4.0, rel=0.05)


def test_twice_the_noise_halves_the_signal_to_noise_ratio() -> None:
    labels = discs()
    signal = gray(labels)
    ratios = []
    for deviation in (4.0, 8.0, 16.0):
        found = quality(rounded(signal + drawn(deviation)), labels).snr
        assert found == pytest.approx(signal.std() / deviation, rel=0.05)
        ratios.append(found)
    assert ratios[0] / ratios[1] == pytest.approx(2, rel=0.05)
    assert ratios[1] / ratios[2] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("deviation", [0.0, 12.0])
def test_sharpness_falls_with_every_further_blur(deviation: float) -> None:
    labels = discs(480)
    blurs = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0]
    found = [
        sharpness(rounded(gray(labels, blur) + drawn(deviation, side=480), 16), labels)
        for blur in blurs
    ]
    known = [value for value in found if value is not None]
    assert known == sorted(known, reverse=True)
    assert len(set(known)) == len(blurs)
    assert known[0] == pytest.approx(1.0, abs=0.03)
    assert known[2] == pytest.approx(math.erf(0.5 / 2**0.5), abs=0.06)  # of a straight edge
    assert known[-1] >= 1 / 7 - 0.01


def test_sharpness_is_the_same_whichever_way_the_image_lies_and_whichever_is_brighter() -> None:
    labels = discs()
    image = rounded(gray(labels, 1.3))
    found = sharpness(image, labels)
    assert found is not None
    for turned in range(4):
        assert sharpness(np.rot90(image, turned), np.rot90(labels, turned)) == pytest.approx(found)
    assert sharpness(255 - image, labels) == pytest.approx(found)
    assert sharpness(image // 2 + 20, labels) == pytest.approx(found, rel=0.02)


def test_only_outlines_between_one_particle_and_the_ground_count() -> None:
    labels = np.zeros((12, 40), np.uint16)
    labels[:, 10:16], labels[:, 26:28], labels[:, 28:] = 1, 2, 3
    image = np.where(labels > 0, 200, 50).astype(np.uint8)
    image[:, 22:32] = np.linspace(50, 200, 10)  # a soft edge, where two particles touch
    assert sharpness(image, labels) == 1.0
    labels[labels == 2] = 3
    assert sharpness(image, labels) == pytest.approx(0.76, abs=0.01)  # one edge of three is soft


def test_contrast_is_of_the_mean_gray_values() -> None:
    labels = discs()
    assert contrast(rounded(gray(labels)), labels) == pytest.approx(80 / 240)
    assert contrast(255 - rounded(gray(labels)), labels) == pytest.approx(-80 / 270)
    assert contrast(rounded(gray(labels), 16), labels) == pytest.approx(80 / 240)
    noisy = rounded(gray(labels) + drawn(10.0))
    assert contrast(noisy, labels) == pytest.approx(80 / 240, abs=0.005)


@pytest.mark.parametrize("bits", [8, 16])
def test_pixels_at_either_end_of_the_range_are_saturated(bits: int) -> None:
    image = rounded(np.full((20, 50), 100.0), bits)
    image[:, :5], image[:, 5:7] = 0, np.iinfo(image.dtype).max
    assert quality(image).saturated == pytest.approx(7 / 50)


def through(side: int = SIDE, **stages: Any) -> Quality:
    """Return the quality of the discs' image after a chain with pixels of 10 nm."""
    labels, chain = discs(side), ImagingChain(**stages)
    raster = Raster(side, side, margin=chain.reach_px(Raster(side, side, 0, 10.0)), pixel_nm=10.0)
    signal = np.pad((gray(labels) / 255).astype(np.float32), raster.margin, mode="reflect")
    heights = np.zeros(raster.shape, np.float32)
    image = imaged(
        signal, raster, chain, lambda name: np.random.default_rng(len(name)), lambda: heights, 16
    )
    return quality(image, labels)


def test_a_quarter_of_the_electrons_is_twice_the_noise() -> None:
    found = [through(electrons=Electrons(current)) for current in (400.0, 100.0, 25.0)]
    levels = [measured.noise for measured in found if measured.noise]
    assert levels[1] / levels[0] == pytest.approx(2, rel=0.05)
    assert levels[2] / levels[1] == pytest.approx(2, rel=0.05)
    # The ground is most of the image, and its noise that of its counts.
    ground = math.sqrt(GROUND / 255 / Electrons(100.0).at_one(ImagingChain().scan.dwell_time))
    assert ground < levels[1] < ground * 1.25
    ratios = [measured.snr for measured in found if measured.snr]
    assert ratios[0] / ratios[1] == pytest.approx(2, rel=0.06)


def test_a_wider_probe_is_less_sharp_and_leaves_the_contrast() -> None:
    found = [through(probe=Probe(diameter)) for diameter in (0.0, 10.0, 20.0, 40.0, 80.0)]
    widths = [measured.sharpness for measured in found if measured.sharpness]
    assert len(widths) == 5
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == pytest.approx(1, abs=0.01)
    assert widths[-1] < 0.25
    assert found[1].contrast == pytest.approx(found[0].contrast, abs=0.01)


def test_contrast_and_saturation_are_those_of_the_display() -> None:
    plain, half = (through(display=Display(contrast=factor)) for factor in (1.0, 0.5))
    bright, dark = (0.5 + 0.5 * (value / 255 - 0.5) for value in (PARTICLES, GROUND))
    assert plain.contrast == pytest.approx(80 / 240, abs=1e-3)
    assert half.contrast == pytest.approx((bright - dark) / (bright + dark), abs=1e-3)
    bright_ones = through(display=Display(brightness=0.5))  # particles go beyond white
    assert bright_ones.saturated == pytest.approx((discs() > 0).mean())
    assert plain.saturated == 0


CONSTANT = Quality(snr=None, contrast=None, noise=0.0, sharpness=None, saturated=0.0)
NO_PIXELS_COUNT = Quality(snr=None, contrast=None, noise=None, sharpness=None, saturated=1.0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_what_can_not_be_measured_is_none(kind: type) -> None:
    high = np.iinfo(kind).max
    image, labels = np.full((32, 32), 7, kind), np.zeros((32, 32), np.uint16)
    assert quality(image, labels) == quality(image) == CONSTANT
    assert quality(image, labels + np.uint16(1)) == CONSTANT  # all particle
    labels[:, 16:] = 1
    assert quality(image, labels) == Quality(None, 0.0, 0.0, None, 0.0)
    assert quality(image * 0, labels) == NO_PIXELS_COUNT
    assert quality(image * 0 + high, labels) == Quality(None, 0.0, None, None, 1.0)
    one = image[:1, :1]
    assert quality(one, labels[:1, :1]) == Quality(None, None, None, None, 0.0)
    assert quality(image[:0], labels[:0]) == Quality(None, None, None, None, None)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), kind=st.sampled_from([np.uint8, np.uint16]))
def test_no_measure_is_ever_nan_or_out_of_its_range(data: st.DataObject, kind: type) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))
    high = int(np.iinfo(kind).max)
    extremes = st.sampled_from([0, 1, high // 2, high - 1, high]) | st.integers(0, high)
    image = data.draw(hnp.arrays(kind, shape, elements=extremes))
    labels = data.draw(hnp.arrays(np.uint16, shape, elements=st.integers(0, 2)))
    found = quality(image, labels)
    assert all(value is None or math.isfinite(value) for value in astuple(found))
    bounds = {"snr": (0, math.inf), "contrast": (-1, 1), "noise": (0, 3), "sharpness": (0, 1)}
    for name, (low, most) in (bounds | {"saturated": (0, 1)}).items():
        value = getattr(found, name)
        assert value is None or low <= value <= most


def test_images_that_are_no_images_are_refused() -> None:
    labels = np.zeros((4, 4), np.uint16)
    with pytest.raises(ValueError, match="gray image of 8 or 16 bits, got float32"):
        quality(np.zeros((4, 4), np.float32), labels)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"got uint8 \(4, 4, 3\)"):
        quality(np.zeros((4, 4, 3), np.uint8), labels)
    with pytest.raises(ValueError, match=r"labels are \(4, 4\), but the image is \(4, 5\)"):
        quality(np.zeros((4, 5), np.uint8), labels)


def test_a_large_image_takes_a_tenth_of_a_second_of_one_core_at_most() -> None:
    labels = discs(960)
    for bits in (8, 16):
        image = rounded(gray(labels, 1.0) + drawn(10.0, side=960), bits)
        seconds = []
        for _ in range(3):
            start = time.thread_time()
            quality(image, labels)
            seconds.append(time.thread_time() - start)
        assert min(seconds) < 0.1
