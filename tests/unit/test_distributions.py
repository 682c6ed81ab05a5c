"""Distributions and random streams."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
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


def test_weibull_takes_bounds_of_any_size() -> None:
    sample = draws(v.Weibull3dHomogeneous(scale=1e300, shape=2, min=1e-300, max=1.7e308), 10)
    assert sample.min() > 1e290


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


@pytest.mark.parametrize("height", [0, 0.25])
def test_locations_fill_the_lowest_part_of_the_volume(height: float) -> None:
    everywhere = draws(v.UniformlyRandomLocationInMeasurementVolume())
    low = draws(v.UniformlyRandomLocationInMeasurementVolume(height=height))
    assert (low[:, :2] == everywhere[:, :2]).all()
    floor = VOLUME.lower[2]
    assert low[:, 2] - floor == pytest.approx(height * (everywhere[:, 2] - floor), abs=1e-9)


WEIBULL = v.Weibull3dHomogeneous(scale=5, shape=3, min=2, max=8)
NORMAL = v.NormalDistribution3dHomogeneous(mean=5, standard_deviation=2, min=2, max=8)
MEASURED = v.Empirical(values=[1, 4, 2], factor=2)
QUANTILES = v.Empirical(values=[1, 2, 6], fractions=[0, 0.8, 1])


def weibull(r: float) -> float:
    return 1 - math.exp(-((r / 5) ** 3))


def normal(r: float) -> float:
    return 0.5 * (1 + math.erf((r - 5) / 2 / math.sqrt(2)))


LAWS: dict[str, tuple[v.Distribution, Callable[[float], float]]] = {
    "UniformDistribution": (v.UniformDistribution(low=-1, high=3), lambda r: (r + 1) / 4),
    "LogUniform": (v.LogUniform(low=0.01, high=100), lambda r: math.log(r / 0.01) / math.log(1e4)),
    "Weibull": (WEIBULL, lambda r: (weibull(r) - weibull(2)) / (weibull(8) - weibull(2))),
    "normal": (NORMAL, lambda r: (normal(r) - normal(2)) / (normal(8) - normal(2))),
    "values": (MEASURED, lambda r: float(np.interp(r, [2, 4, 8], [0, 0.5, 1]))),
    "quantiles": (QUANTILES, lambda r: float(np.interp(r, [1, 2, 6], [0, 0.8, 1]))),
    "mixture": (
        v.Mixture(
            parts=[
                v.MixturePart(weight=0.5, variability=v.UniformDistribution(low=0, high=1)),
                v.MixturePart(weight=0, variability=v.Constant(value=-7)),
                v.MixturePart(weight=1.5, variability=v.UniformDistribution(low=9, high=10)),
            ]
        ),
        lambda r: float(np.interp(r, [0, 1, 9, 10], [0, 0.25, 0.25, 1])),
    ),
}
"""Name to a distribution, and the fraction of its draws that are less than r."""


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_the_law(name: str) -> None:
    variability, law = LAWS[name]
    sample = draws(variability)
    if sample.ndim > 1:
        assert (sample == sample[:, :1]).all()
        sample = sample[:, 0]
    numbers = np.sort(sample)
    expected = np.array([law(float(number)) for number in numbers])
    steps = np.arange(len(numbers) + 1) / len(numbers)
    distance = max((steps[1:] - expected).max(), (expected - steps[:-1]).max())
    # Kolmogorov-Smirnov: one right sample in a hundred thousand is farther off than this.
    assert distance < 2.47 / math.sqrt(len(numbers))


@pytest.mark.parametrize("name", LAWS)
def test_no_draw_is_beyond_the_extremes(name: str) -> None:
    variability, _ = LAWS[name]
    ends = np.array(variability.extremes(), dtype=float)
    sample = draws(variability, 1000)
    assert ends.min() <= sample.min()
    assert sample.max() <= ends.max()


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=9),
    st.floats(1e-3, 1e3),
    st.integers(0, 2**32),
)
def test_measured_values_are_quantiles_as_numpy_has_them(
    values: list[float], factor: float, seed: int
) -> None:
    drawn = v.Empirical(values=values, factor=factor).sample(np.random.default_rng(seed), VOLUME)
    fraction = np.random.default_rng(seed).random()
    assert drawn == pytest.approx(factor * np.quantile(values, fraction), rel=1e-9, abs=1e-6)


def test_a_mixture_fits_where_all_of_its_parts_do() -> None:
    size = FeatureSpec("size", 1.0, "size", minimum=0.0)
    good, bad = v.Constant(value=1), v.UniformDistribution(low=-1, high=1)
    both = [v.MixturePart(weight=1, variability=part) for part in (good, bad)]
    assert v.Mixture(parts=both[:1]).unfit(size) is None
    assert v.Mixture(parts=both).unfit(size) == bad.unfit(size) is not None
    assert v.Mixture(parts=both).extremes() == (1, -1, 1)


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
        (v.UniformDistribution, {"low": 2, "high": 1}, "low (2.0) must not be above high (1.0)"),
        (v.LogUniform, {"low": 2, "high": 1}, "low (2.0) must not be above high (1.0)"),
        (v.LogUniform, {"low": 0, "high": 1}, "must be greater than 0"),
        (
            v.Weibull3dHomogeneous,
            {"scale": 5, "shape": 2, "min": 50, "max": 60},
            "less than one draw in a thousand",
        ),
        (
            v.Weibull3dHomogeneous,
            {"scale": 1, "shape": 1e300, "min": 2, "max": 1e300},
            "less than one draw in a thousand",
        ),
        (
            v.Weibull3dHomogeneous,
            {"scale": 5, "shape": 2, "min": 6, "max": 6},
            "min (6) must be below max (6)",
        ),
        (v.Empirical, {}, "needs a file, or values"),
        (v.Empirical, {"values": [1, 2], "file": "x.csv"}, "either file or values, not both"),
        (v.Empirical, {"values": [1]}, "must have at least 2 entries, got 1"),
        (v.Empirical, {"values": [1.0] * 1001}, "must have at most 1000 entries, got 1001"),
        (v.Empirical, {"values": [1, math.nan]}, "expected a finite number"),
        (v.Empirical, {"values": [1, 2], "fractions": [0, 0.5, 1]}, "fractions has 3 entries"),
        (v.Empirical, {"values": [1, 2], "fractions": [0.1, 1]}, "the first fraction must be 0"),
        (v.Empirical, {"values": [1, 2, 3], "fractions": [0, 0, 1]}, "fractions must rise"),
        (v.Empirical, {"values": [1, 3, 2], "fractions": [0, 0.5, 1]}, "quantiles must not fall"),
        (v.Mixture, {"parts": []}, "must have at least 1 entries"),
        (
            v.Mixture,
            {"parts": [{"weight": 0, "variability": v.Constant(value=1)}]},
            "one of the weights must be greater than 0",
        ),
        (v.Constant, {"value": {"_target_": "x"}}, "a value that is drawn itself can't stand here"),
        (v.Choice, {"values": [1, [{}]]}, "a value that is drawn itself can't stand here"),
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


@pytest.mark.parametrize(
    ("cls", "parameters", "places"),
    [
        (v.Empirical, {"values": [1, "a"]}, {("values", 1)}),
        (
            v.Mixture,
            {"parts": [{"wieght": 1, "variability": v.Constant(value=1)}]},
            {("parts", 0, "wieght"), ("parts", 0, "weight")},
        ),
    ],
)
def test_a_list_with_a_wrong_entry_is_not_called_too_short(
    cls: type[v.Distribution], parameters: dict[str, Any], places: set[tuple[str | int, ...]]
) -> None:
    with pytest.raises(ValidationError) as caught:
        cls(**parameters)
    assert {error["loc"] for error in caught.value.errors()} == places


def test_a_variability_tells_why_it_does_not_fit_a_feature() -> None:
    size = FeatureSpec("size", 1.0, "size", minimum=0.0)
    assert v.Constant(value=1).unfit(size) is None
    assert v.Constant(value="x").unfit(size) == "size takes numbers, got 'x'"
    assert "must lie in" in str(v.Constant(value=-1).unfit(size))
    assert "not a location" in str(v.UniformlyRandomLocationInMeasurementVolume().unfit(size))


def test_what_takes_whole_numbers_takes_none_that_is_drawn_between_them() -> None:
    switch = FeatureSpec("switch", 0, "a switch", integer=True, minimum=0, maximum=1)
    between = v.UniformDistribution(low=0, high=1)
    parts = [v.MixturePart(weight=1, variability=between)]
    for wrong in (between, v.Empirical(values=(0, 1)), v.Mixture(parts=parts)):
        assert (
            wrong.unfit(switch)
            == "switch takes whole numbers, and any number from 0 to 1 may be drawn"
        )
    always = v.UniformDistribution(low=1, high=1)
    for right in (v.UniformDistributionInt(low=0, high=1), v.Choice(values=(0, 1)), always):
        assert right.unfit(switch) is None


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
