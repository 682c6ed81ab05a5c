"""Counted electrons: Poisson's distribution, one draw a pixel."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr, ndtri, pdtr

from scene.microscopy.electrons import EXACT_BELOW, Electrons, counted, poisson_quantile
from scene.specimen.streams import Streams

EDGE = 256

seeds = st.integers(0, 2**63 - 1)
doses = st.floats(-2.0, 6.0).map(lambda exponent: 10.0**exponent)
signals = st.floats(0.0, 4.0, width=32)
images = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=24), elements=signals
)


def generator(seed: int = 1) -> np.random.Generator:
    return Streams(seed).counted("electrons")


@given(dose=doses, signal=st.floats(0.25, 2.0), seed=seeds)
@settings(max_examples=40, deadline=None)
def test_the_mean_stays_and_the_variance_is_the_signal_over_the_dose(
    dose: float, signal: float, seed: int
) -> None:
    seen = counted(np.full((EDGE, EDGE), signal, np.float32), dose, generator(seed)).astype(float)
    expected = signal / dose
    assert abs(seen.mean() - signal) < 6 * np.sqrt(expected) / EDGE
    # The standard error of a variance, with Poisson's excess kurtosis.
    error = expected * np.sqrt(2 + 1 / (signal * dose)) / EDGE
    assert abs(seen.var() - expected) < 6 * error


def test_variance_is_a_line_in_the_mean_of_the_set_slope() -> None:
    beam = Electrons(beam_current=20.0, collection_efficiency=0.4)
    levels = np.linspace(0.1, 2.0, 20, dtype=np.float32)
    image = np.repeat(levels[:, None], 20_000, axis=1)
    seen = counted(image, beam.at_one(dwell_time=1.5), generator()).astype(float)
    slope, offset = np.polyfit(seen.mean(axis=1), seen.var(axis=1), 1)
    # 20 pA for 1.5 us are 187.2 electrons, of which 0.4 are seen.
    assert slope == pytest.approx(1 / (0.4 * 187.24), rel=0.02)
    assert offset == pytest.approx(0.0, abs=2e-4)


@pytest.mark.parametrize("expected", [0.003, 0.7, 4.0, 9.99])
def test_few_counts_are_quantiles_of_the_distribution(expected: float) -> None:
    normal = np.linspace(-5.5, 5.5, 4001)
    counts = poisson_quantile(np.full(normal.shape, expected), normal)
    np.testing.assert_array_equal(counts, stats.poisson.ppf(ndtr(normal), expected))


@given(expected=st.floats(EXACT_BELOW, 1e6))
@settings(max_examples=25, deadline=None)
def test_many_counts_are_off_by_one_in_fewer_than_one_of_2000(expected: float) -> None:
    probability = (np.arange(20_000) + 0.5) / 20_000
    counts = poisson_quantile(np.full(probability.shape, expected), ndtri(probability))
    # A quantile is the smallest count whose cumulative probability is large enough.
    too_low = pdtr(counts, expected) < probability
    too_high = (counts > 0) & (pdtr(counts - 1, expected) >= probability)
    assert np.mean(too_low | too_high) < 1 / 2000
    assert abs(np.mean(too_low) - np.mean(too_high)) < 2e-4
    assert (pdtr(counts + 1, expected)[too_low] >= probability[too_low]).all()
    assert (pdtr(counts - 2, expected)[too_high] < probability[too_high]).all()


@given(image=images, dose=doses, place=st.integers(0, 2**16), up=st.booleans())
@settings(deadline=None)
def test_a_last_bit_of_one_pixel_changes_that_pixel_alone(
    image: NDArray[np.float32], dose: float, place: int, up: bool
) -> None:
    changed = image.copy()
    place %= image.size
    changed.flat[place] = np.nextafter(changed.flat[place], np.float32(9 if up else -9))
    before, after = (counted(each, dose, generator()) for each in (image, changed))
    differs = np.flatnonzero(before.ravel() != after.ravel())
    assert set(differs.tolist()) <= {place}


@given(image=images, dose=doses, other=signals, place=st.integers(0, 2**16))
@settings(deadline=None)
def test_a_brighter_pixel_counts_no_fewer_and_others_keep_theirs(
    image: NDArray[np.float32], dose: float, other: float, place: int
) -> None:
    changed = image.copy()
    place %= image.size
    changed.flat[place] = max(other, float(image.flat[place]))
    before, after = (counted(each, dose, generator()).ravel() for each in (image, changed))
    assert after[place] >= before[place]
    assert (np.delete(after, place) == np.delete(before, place)).all()


def test_blocks_do_not_show() -> None:
    """Images are worked on in parts; what a pixel counts does not depend on where these begin."""
    image = np.linspace(0.0, 30.0, 200 * 400, dtype=np.float32).reshape(200, 400)
    whole = counted(image, 1.0, generator())
    normal = generator().standard_normal(image.shape, dtype=np.float32).astype(float)
    at_once = poisson_quantile(image.astype(float), normal)
    np.testing.assert_array_equal(whole, at_once.astype(np.float32))


@given(image=images, dose=doses)
@settings(deadline=None)
def test_any_signal_gives_whole_counts(image: NDArray[np.float32], dose: float) -> None:
    seen = counted(image - 1, dose, generator())
    assert seen.dtype == np.float32
    assert seen.shape == image.shape
    assert (seen[image <= 1] == 0).all()
    counts = seen.astype(float) * dose
    np.testing.assert_allclose(counts, np.rint(counts), rtol=1e-6, atol=1e-6)


def test_counting_is_cheap() -> None:
    """At most 0.15 s of CPU for 960 x 960 pixels: here a sixteenth, at the dearest dose."""
    image = np.full((240, 240), 1.0, np.float32)
    counted(image, 9.9, generator())  # SciPy is imported once
    times = []
    for _ in range(5):
        began = time.process_time()
        counted(image, 9.9, generator())
        times.append(time.process_time() - began)
    assert min(times) < 0.15 / 16


def test_no_current_is_no_noise() -> None:
    features = {spec.name: spec.default for spec in Electrons.FEATURES}
    assert Electrons.of(features) == Electrons()
    assert Electrons().is_neutral
    assert not Electrons(beam_current=1e-3).is_neutral
