"""The plugin package that comes with Blendsweep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from scene.language.element import Members
from scene.official import (
    ConstantHsvColorAsRgb,
    InCompartment,
    InHsvRange,
    RandomHsvColorAsRgb,
    UniformDistributionInt,
)
from scene.recipe.registry import Registry
from scene.specimen.criteria import FeatureCriterion
from scene.specimen.distributions import Constant, Distribution, UniformDistribution
from scene.specimen.distributions.uniform import UniformDistributionInt as BuiltinInt
from scene.specimen.distributions.uniform import UniformDistributionNdHomogeneous
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.owners import Owner
from scene.specimen.specimen import MeasurementVolume

type WritePlugin = Callable[[Path, str, str], None]

VOLUME = MeasurementVolume((0, 0, 0), (1, 1, 1))
COLOUR = FeatureSpec("color", (0.8, 0.8, 0.8, 1.0), "", 4, minimum=0.0, maximum=1.0)
SWITCH = FeatureSpec("glass_hide", False, "", kind="boolean")
TEXT = FeatureSpec("input_text", "Hello", "", kind="string")


def found(name: str, *folders: Path) -> type[Distribution]:
    return Registry(folders).find(Distribution, name, "variability")


def draws(variability: Distribution, number: int = 2000) -> list[Any]:
    rng = np.random.default_rng(1)
    return [variability.sample(rng, VOLUME) for _ in range(number)]


def test_it_is_found_beside_the_built_in_classes() -> None:
    assert found("$plugins.official.UniformDistributionInt") is UniformDistributionInt
    assert found("$builtins.UniformDistributionInt") is BuiltinInt
    with pytest.raises(ValueError, match="did you mean 'official'"):
        found("$plugins.offical.UniformDistributionInt")
    with pytest.raises(ValueError, match="RandomHsvColorAsRgb'"):
        found("$plugins.official.RandomHsvColorAsRGB")


def test_a_package_of_one_s_own_comes_first(tmp_path: Path, write_plugin: WritePlugin) -> None:
    text = "from blendsweep.plugins import Distribution\n"
    text += "class Mine(Distribution):\n    def sample(self, rng, volume):\n        return 1\n"
    write_plugin(tmp_path, "official", text)
    assert found("$plugins.official.Mine", tmp_path).__name__ == "Mine"


@pytest.mark.parametrize(
    ("parameters", "colour"),
    [
        ({}, (0.5, 1, 1, 1)),
        ({"hue": 0, "saturation": 1, "value": 0.5, "alpha": 0.25}, (0.5, 0, 0, 0.25)),
        ({"saturation": 0, "value": 0.3}, (0.3, 0.3, 0.3, 1)),
    ],
)
def test_a_constant_colour(parameters: dict[str, float], colour: tuple[float, ...]) -> None:
    variability = ConstantHsvColorAsRgb(**parameters)
    assert draws(variability, 2) == [pytest.approx(colour)] * 2
    assert variability.unfit(COLOUR) is None


def test_colours_lie_in_their_range_and_fill_it() -> None:
    red = RandomHsvColorAsRgb(h_min=0, h_max=0, s_min=0.5, v_min=0.2, v_max=0.6, alpha=0.1)
    r, g, b, alpha = np.array(draws(red)).T
    assert (g == b).all()
    assert (alpha == 0.1).all()
    assert 0.2 <= r.min() < 0.21
    assert 0.59 < r.max() <= 0.6
    assert (g <= r / 2).all()
    assert RandomHsvColorAsRgb().unfit(COLOUR) is None
    assert np.ptp(np.array(draws(RandomHsvColorAsRgb())), axis=0) == pytest.approx(
        (1, 1, 1, 0), abs=0.1
    )


def test_whole_numbers_end_before_location_and_scale_add_up() -> None:
    variability = UniformDistributionInt(location=-2, scale=4)
    assert set(draws(variability)) == {-2, -1, 0, 1}
    assert variability.extremes() == (-2, 1)
    assert set(draws(UniformDistributionInt(location=3, scale=1))) == {3}


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (UniformDistributionInt, {"location": 0, "scale": 0}, "must be at least 1"),
        (UniformDistributionInt, {"location": 0.5, "scale": 1}, "location"),
        (UniformDistributionInt, {"location": 2**62, "scale": 2**63 - 1}, "at most 2\\*\\*63"),
        (RandomHsvColorAsRgb, {"s_min": 0.6, "s_max": 0.5}, r"s_min \(0.6\) must not be above"),
        (RandomHsvColorAsRgb, {"h_max": 1.1}, "h_max"),
        (ConstantHsvColorAsRgb, {"hue": -0.1}, "hue"),
    ],
)
def test_parameters_out_of_range_are_refused(
    kind: type[Distribution], parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        kind.model_validate(parameters)


@pytest.mark.parametrize(
    ("variability", "spec", "problem"),
    [
        (UniformDistributionInt(location=0, scale=2), SWITCH, None),
        (UniformDistributionInt(location=0, scale=3), SWITCH, "glass_hide takes true or false"),
        (UniformDistribution(low=0, high=1), SWITCH, "glass_hide takes true or false"),
        (UniformDistribution(low=0, high=1), TEXT, "input_text takes text"),
        (UniformDistribution(low=0, high=1, num_dimensions=4), COLOUR, None),
        (Constant(value=True), SWITCH, None),
        (Constant(value="Goodbye"), TEXT, None),
        (Constant(value=[1, 0, 0, 1]), COLOUR, None),
        (Constant(value=[1, 0, 0]), COLOUR, "color takes 4 numbers"),
        (RandomHsvColorAsRgb(), TEXT, "input_text takes text"),
        (UniformDistributionNdHomogeneous(location=0, scale=0), SWITCH, None),
    ],
)
def test_what_a_feature_takes(
    variability: Distribution, spec: FeatureSpec, problem: str | None
) -> None:
    told = variability.unfit(spec)
    assert told is None if problem is None else str(told).startswith(problem)


@pytest.mark.parametrize("value", [True, "text", [1, 2, 3]])
def test_a_constant_takes_any_value(value: Any) -> None:
    variability = Constant.model_validate({"value": value})
    kept: FeatureValue = tuple(value) if isinstance(value, list) else value
    assert draws(variability, 1) == [kept]


def holds(kind: type[FeatureCriterion], value: Any, **parameters: Any) -> list[bool]:
    """Return a criterion's answers with both defaults."""
    numbers = len(value) if isinstance(value, tuple) else 1
    spec = FeatureSpec(
        "f", value, "", numbers, kind="string" if isinstance(value, str) else "number"
    )
    owner = Owner.of_blueprint(Members.PARTICLE_BLUEPRINTS, "Bead", {"f": spec})
    return [
        kind(feature_name="f", default_return_value=default, **parameters).holds(owner)
        for default in (False, True)
    ]


@pytest.mark.parametrize(
    ("value", "compartment"),
    [(0, 1), (0.99, 1), (1, 2), (2.5, 3), (3, 1), (4, 2), (-0.5, 3), (-3, 1), (-1e-300, 3)],
)
def test_compartments_repeat_for_ever(value: float, compartment: int) -> None:
    for number in (1, 2, 3):
        answers = holds(
            InCompartment, value, compartment_no=number, compartments_total=3, interval_length=3
        )
        assert answers == [number == compartment] * 2


@given(st.floats(-1e6, 1e6), st.integers(1, 12), st.floats(1e-3, 1e3))
def test_every_number_is_in_one_compartment(value: float, total: int, length: float) -> None:
    inside = [
        holds(
            InCompartment,
            value,
            compartment_no=number,
            compartments_total=total,
            interval_length=length,
        )[0]
        for number in range(1, total + 1)
    ]
    assert sum(inside) == 1


@pytest.mark.parametrize("value", ["1", (1.0, 2.0, 3.0)])
def test_what_can_t_be_divided_gives_the_default(value: Any) -> None:
    assert holds(InCompartment, value, compartment_no=1, compartments_total=1) == [False, True]


@pytest.mark.parametrize(
    ("colour", "ranges", "inside"),
    [
        ((1.0, 0.0, 0.0, 1.0), {"s_max": 1.1, "v_max": 1.1}, True),
        ((1.0, 0.0, 0.0, 1.0), {}, False),  # saturation 1 is not below 1
        ((0.5, 0.25, 0.25), {"s_min": 0.5}, True),
        ((0.5, 0.25, 0.25), {"s_max": 0.5}, False),
        ((0.5, 0.25, 0.25), {"v_min": 0.6}, False),
        ((0.25, 0.5, 0.25), {"h_min": 0.3, "h_max": 0.4}, True),
        ((0.25, 0.25, 0.5), {"h_min": 0.3, "h_max": 0.4}, False),
    ],
)
def test_a_range_of_colours(colour: Any, ranges: dict[str, float], inside: bool) -> None:
    assert holds(InHsvRange, colour, **ranges) == [inside, inside]


@pytest.mark.parametrize("value", [0.5, "red", (0.5, 0.5)])
def test_what_is_no_colour_gives_the_default(value: Any) -> None:
    assert holds(InHsvRange, value) == [False, True]


@pytest.mark.parametrize(
    ("kind", "parameters", "sentence"),
    [
        (InCompartment, {"compartment_no": 3, "compartments_total": 2}, "must be at most"),
        (InCompartment, {"compartment_no": 0, "compartments_total": 2}, "must be at least 1"),
        (InHsvRange, {"h_min": 0.5, "h_max": 0.2}, "must not be above h_max"),
    ],
)
def test_criteria_that_make_no_sense(kind: Any, parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        kind(feature_name="f", default_return_value=False, **parameters)
