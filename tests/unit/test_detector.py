"""The detector's electronics: bandwidth, gain from line to line, noise of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from scene.microscopy.detector import (
    FORGOTTEN,
    Detector,
    detected,
    limited,
    line_gains,
    with_read_noise,
)
from scene.specimen.streams import Streams

EDGE = 256

correlations = st.floats(0.0, 0.9)
bandwidths = st.floats(0.02, 10.0)
images = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=24),
    elements=st.floats(-100.0, 400.0, width=32),
)


def generator(seed: int = 1) -> np.random.Generator:
    return Streams(seed).counted("test")


def white_noise(width: int = EDGE) -> NDArray[np.float32]:
    return generator().standard_normal((EDGE, width), dtype=np.float32)


def correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


@given(bandwidth=st.floats(0.05, 10.0))
@settings(max_examples=20, deadline=None)
def test_noise_is_correlated_along_lines_as_the_bandwidth_says(bandwidth: float) -> None:
    detector = Detector(video_bandwidth=bandwidth)
    expected = math.exp(-math.tau * bandwidth)
    noise = white_noise(EDGE + detector.lead + detector.delay)
    seen = detected(noise, detector, 1.0, Streams(1).counted)
    assert seen.shape == (EDGE, EDGE)
    assert correlation(seen[:, 1:], seen[:, :-1]) == pytest.approx(expected, abs=0.02)
    assert correlation(seen[:, 2:], seen[:, :-2]) == pytest.approx(expected**2, abs=0.03)
    assert correlation(seen[1:], seen[:-1]) == pytest.approx(0.0, abs=0.03)
    assert seen.var() == pytest.approx((1 - expected) / (1 + expected), rel=0.05)


@pytest.mark.parametrize(("bandwidth", "expected"), [(0.057, 0.7), (0.11, 0.5), (0.256, 0.2)])
def test_bandwidths_of_the_docs(bandwidth: float, expected: float) -> None:
    assert Detector(video_bandwidth=bandwidth).correlation == pytest.approx(expected, abs=0.002)


def test_noise_at_the_left_edge_is_like_elsewhere() -> None:
    """There the filter has been running for long enough, thanks to the margin."""
    detector = Detector(video_bandwidth=0.057)
    noise = generator().standard_normal(
        (20_000, 30 + detector.lead + detector.delay), dtype=np.float32
    )
    deviations = detected(noise, detector, 1.0, Streams(1).counted).std(axis=0)
    np.testing.assert_allclose(deviations, deviations.mean(), rtol=0.03)


@given(bandwidth=bandwidths)
@settings(deadline=None)
def test_the_lead_is_as_long_as_the_amplifier_remembers(bandwidth: float) -> None:
    detector = Detector(video_bandwidth=bandwidth)
    assert detector.correlation**detector.lead <= FORGOTTEN or detector.correlation == 0
    assert detector.lead <= 37
    assert detector.delay <= 8


@given(bandwidth=bandwidths)
@settings(deadline=None)
def test_an_edge_stays_where_it_is_within_half_a_pixel(bandwidth: float) -> None:
    detector = Detector(video_bandwidth=bandwidth)
    width = 400 + detector.lead + detector.delay
    edge = np.zeros((1, width), np.float32)
    edge[:, detector.lead + 100 :] = 1.0
    seen = detected(edge, detector, 1.0, Streams(1).counted)
    assert seen.shape == (1, 400)
    assert abs(float((1.0 - seen.astype(float)).sum()) - 100.0) <= 0.501


@given(value=st.floats(0.0, 300.0, width=32), correlation=correlations)
@settings(deadline=None)
def test_an_even_signal_stays_to_the_bit(value: float, correlation: float) -> None:
    even = np.full((3, 40), value, np.float32)
    assert (limited(even, correlation) == even).all()


@given(image=images, correlation=correlations)
@example(image=np.arange(5, dtype=np.float32)[np.newaxis], correlation=0.5)
@settings(deadline=None)
def test_the_filter_is_its_formula(image: NDArray[np.float32], correlation: float) -> None:
    expected = image.astype(float)
    for x in range(1, image.shape[1]):
        expected[:, x] = correlation * expected[:, x - 1] + (1 - correlation) * expected[:, x]
    before = image.copy()
    np.testing.assert_allclose(limited(image, correlation), expected, rtol=1e-4, atol=1e-3)
    assert (image == before).all()


@pytest.mark.parametrize("length", [0.0, 1.0, 8.0])
def test_gains_vary_as_set_and_are_alike_on_near_lines(length: float) -> None:
    gains = line_gains(200_000, 0.05, length, generator()).astype(float)
    assert gains.shape == (200_000, 1)
    assert gains.mean() == pytest.approx(1.0, abs=0.002)
    assert gains.std() == pytest.approx(0.05, rel=0.03)
    for distance in (1, 2, 5):
        expected = math.exp(-distance / length) if length else 0.0
        assert correlation(gains[distance:], gains[:-distance]) == pytest.approx(expected, abs=0.02)


def test_the_first_line_s_gain_varies_like_any_other() -> None:
    first = [line_gains(1, 0.05, 8.0, generator(seed))[0, 0] for seed in range(400)]
    assert np.std(first) == pytest.approx(0.05, rel=0.15)


def test_no_gain_is_negative() -> None:
    assert line_gains(1000, 1.0, 0.0, generator()).min() == 0.0


@given(deviation=st.floats(0.0, 1.0), white=st.floats(1.0, 255.0))
@settings(max_examples=20, deadline=None)
def test_read_noise_has_its_deviation_wherever(deviation: float, white: float) -> None:
    detector = Detector(read_noise=deviation)
    seen = detected(np.full((128, 128), 9.0, np.float32), detector, white, Streams(1).counted)
    assert seen.std() == pytest.approx(deviation * white, rel=0.03, abs=1e-6)
    assert abs(seen.mean() - 9.0) <= 6 * deviation * white / 128 + 1e-6


@given(image=images, place=st.integers(0, 2**16))
@settings(deadline=None)
def test_read_noise_of_a_pixel_is_its_own(image: NDArray[np.float32], place: int) -> None:
    changed = image.copy()
    changed.flat[place % image.size] += 1
    before, after = (with_read_noise(each, 0.5, generator()) for each in (image, changed))
    differs = np.flatnonzero(before.ravel() != after.ravel())
    assert set(differs.tolist()) <= {place % image.size}


def test_its_defaults_do_nothing() -> None:
    detector = Detector.of({spec.name: spec.default for spec in Detector.FEATURES})
    assert detector == Detector()
    assert detector.is_neutral
    assert (detector.lead, detector.delay) == (0, 0)
    image = white_noise()
    assert detected(image, detector, 255.0, Streams(1).counted) is image


def test_each_part_alone_does_something() -> None:
    for values in ({"video_bandwidth": 0.1}, {"line_noise": 0.1}, {"read_noise": 0.1}):
        assert not Detector(**values).is_neutral
