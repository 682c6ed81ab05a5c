"""Distributions and random streams."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scene.specimen import distributions as v
from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import MeasurementVolume
from scene.specimen.streams import Streams

VOLUME = MeasurementVolume((-60, -60, 0), (60, 60, 51.2))


def draws(variability: v.Distribution, number: int = 4000) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(1)
    return np.array([variability.sample(rng, VOLUME) for _ in range(number)])


def test_uniform_3d_is_one_draw_for_all_axes() -> None:
    sample = draws(v.UniformDistribution3dHomogeneous(location=5, scale=2))
    assert (sample == sample[:, :1]).all()
    assert 5 <= sample.min() < 5.01
    assert 6.99 < sample.max() < 7
    assert sample.mean() == pytest.approx(6, abs=0.05)


@pytest.mark.parametrize(("dimensions", "shape"), [(1, ()), (2, (2,)), (3, (3,))])
def test_uniform_nd_repeats_its_draw(dimensions: int, shape: tuple[int, ...]) -> None:
    variability = v.UniformDistributionNdHomogeneous(
        location=0.05, scale=0.05, num_dimensions=dimensions
    )
    sample = draws(variability, 10)
    assert sample.shape == (10, *shape)
    assert len(np.unique(sample)) == 10


def test_uniform_int_reaches_both_ends() -> None:
    sample = draws(v.UniformDistributionInt(low=-1, high=2))
    assert sample.dtype.kind == "i"
    assert set(sample.tolist()) == {-1, 0, 1, 2}


def test_normal_is_truncated_by_redrawing() -> None:
    sample = draws(v.NormalDistribution(mean=0, standard_deviation=1, min=-0.5, max=2))
    assert sample.min() >= -0.5
    assert sample.max() <= 2
    # Mean of a standard normal truncated to [a, b]: (pdf(a) - pdf(b)) / (cdf(b) - cdf(a)).
    pdf = [math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi) for x in (-0.5, 2)]
    share = 0.5 * (math.erf(2 / math.sqrt(2)) + math.erf(0.5 / math.sqrt(2)))
    assert sample.mean() == pytest.approx((pdf[0] - pdf[1]) / share, abs=0.04)


def test_log_normal_has_its_geometric_mean() -> None:
    sample = draws(
        v.LogNormal3dHomogeneous(
            geometric_mean=5, geometric_standard_deviation=1.2, min=0, max=1000
        )
    )
    assert (sample == sample[:, :1]).all()
    logs = np.log(sample[:, 0])
    assert math.exp(logs.mean()) == pytest.approx(5, rel=0.02)
    assert math.exp(logs.std()) == pytest.approx(1.2, rel=0.02)


@pytest.mark.parametrize(("low", "high"), [(0.0, 5.0), (5.5, 6.5), (7.0, 1e6), (5.9, 6.0)])
def test_log_normal_is_truncated_by_redrawing(low: float, high: float) -> None:
    variability = v.LogNormal3dHomogeneous(
        geometric_mean=6, geometric_standard_deviation=1.5, min=low, max=high
    )
    sample = draws(variability, 1000)
    assert low < sample.min()
    assert sample.max() < high
    # Half of the draws lie below the median of the truncated distribution, whose place between the
    # bounds is in the middle of the normal distribution's.
    cdf = [
        0.5 * (1 + math.erf(math.log(x / 6) / math.log(1.5) / math.sqrt(2))) if x else 0.0
        for x in (low, np.median(sample[:, 0]), high)
    ]
    assert (cdf[1] - cdf[0]) / (cdf[2] - cdf[0]) == pytest.approx(0.5, abs=0.06)


def test_log_normal_takes_bounds_of_any_size() -> None:
    variability = v.LogNormal3dHomogeneous(
        geometric_mean=1e300, geometric_standard_deviation=2, min=1e-300, max=1.7e308
    )
    assert draws(variability, 10).min() > 1e290


def test_a_choice_among_many_values_is_prepared_once() -> None:
    values = [[float(number)] * 3 for number in range(20_000)]
    for probabilities in (None, [1 / len(values)] * len(values)):
        variability = v.Choice(values=values, probabilities=probabilities)
        draws(variability, 1)
        start = time.process_time()
        sample = draws(variability, 200)
        assert time.process_time() - start < 0.2, "a draw takes a millisecond at most"
        assert len(np.unique(sample, axis=0)) > 180
        assert variability.extremes() == tuple(map(tuple, values))


def test_choice_follows_probabilities() -> None:
    variability = v.Choice(values=(1, 2, 3), probabilities=(0.5, 0.0, 0.5))
    sample = draws(variability).tolist()
    assert set(sample) == {1, 3}
    assert sample.count(1) == pytest.approx(2000, abs=150)
    assert set(draws(v.Choice(values=([1, 1, 1], [2, 2, 2])))[:, 0].tolist()) == {1, 2}


def test_locations_fill_the_volume() -> None:
    sample = draws(v.UniformlyRandomLocationInMeasurementVolume())
    assert (sample >= VOLUME.lower).all()
    assert (sample <= VOLUME.upper).all()
    assert sample.mean(axis=0) == pytest.approx([0, 0, 25.6], abs=2)


@pytest.mark.parametrize(
    ("cls", "parameters", "message"),
    [
        (v.UniformDistributionInt, {"low": 2, "high": 1}, "low (2) must not be above high (1)"),
        (
            v.NormalDistribution,
            {"mean": 0, "standard_deviation": 1, "min": 2, "max": 1},
            "min (2) must be below max (1)",
        ),
        (
            v.NormalDistribution,
            {"mean": 0, "standard_deviation": 1, "min": 9, "max": 10},
            "less than one draw in a thousand",
        ),
        (
            v.LogNormal3dHomogeneous,
            {"geometric_mean": 5, "geometric_standard_deviation": 1.1, "min": 50, "max": 60},
            "less than one draw in a thousand",
        ),
        (v.Choice, {"values": (1, 2), "probabilities": (1.0,)}, "probabilities has 1 entries"),
        (v.Choice, {"values": (1, 2), "probabilities": (0.5, 0.6)}, "must add up to 1"),
    ],
)
def test_parameters_that_do_not_fit_are_told(
    cls: type[v.Distribution], parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        cls(**parameters)
    assert message in str(caught.value)


def test_a_variability_tells_why_it_does_not_fit_a_feature() -> None:
    size = FeatureSpec("size", 1.0, "size", minimum=0.0)
    assert v.Constant(value=1).unfit(size) is None
    assert v.Constant(value="x").unfit(size) == "size takes numbers, got 'x'"
    assert "must lie in" in str(v.Constant(value=-1).unfit(size))
    assert "not a location" in str(v.UniformlyRandomLocationInMeasurementVolume().unfit(size))


def test_a_stream_depends_on_its_key_alone() -> None:
    alone = Streams(3).generator("ParticleDimension", "Bead", 6).random(4)
    busy = Streams(3)
    for index in range(600):
        busy.generator("ParticleDimension", "Bead", index) if index != 6 else None
        busy.generator("Other", "Bead", index)
    assert (busy.generator("ParticleDimension", "Bead", 6).random(4) == alone).all()
    assert (Streams(4).generator("ParticleDimension", "Bead", 6).random(4) != alone).all()


def test_drawing_again_from_a_stream_gives_new_numbers_integers_stay() -> None:
    streams = Streams(3)
    assert streams.generator("a").random() != streams.generator("a").random()
    assert streams.integer("cycles") == streams.integer("cycles")
    assert 0 <= streams.integer("cycles") < 2**31


parts = st.text(max_size=6) | st.integers(min_value=0, max_value=10**6)
keys = st.lists(parts, min_size=1, max_size=4).map(tuple)


@given(first=keys, second=keys, seed=st.integers(min_value=0, max_value=2**63 - 1))
def test_different_keys_are_different_streams(
    first: tuple[str | int, ...], second: tuple[str | int, ...], seed: int
) -> None:
    same = Streams(seed).generator(*first).random() == Streams(seed).generator(*second).random()
    assert same == (first == second)
