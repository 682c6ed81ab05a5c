"""Kinds of features, and features that are other names for parts of others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.specimen.columns import Declared, absorbed, clash, differing
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.values import changed_by, initial, read, values, write

COLOUR = FeatureSpec("color", (0.8, 0.8, 0.8, 1.0), "", 4, minimum=0.0)
HIDDEN = FeatureSpec("glass_hide", False, "", kind="boolean")
TEXT = FeatureSpec("input_text", "Hello", "", kind="string")
NAME = FeatureSpec("blueprint_name", "Bean", "", kind="string", constant=True)

ELLIPSOID = {
    spec.name: spec
    for spec in (
        FeatureSpec("dimensions", (1.0, 1.0, 0.5), "", 3, minimum=1e-3, maximum=1e5),
        *(spec for spec in PARTICLE_FEATURES if spec.name != "dimensions"),
        FeatureSpec("location_z", 0.0, "", alias_of=("location", 2)),
        FeatureSpec("width", 1.0, "", minimum=1e-3, alias_of=("dimensions", 1), ratio=True),
        FeatureSpec("height", 0.5, "", minimum=1e-3, alias_of=("dimensions", 2), ratio=True),
        NAME,
    )
}

SIZES = st.floats(2.0**-4, 1e2, width=32)  # ratios of sizes stay in range, too


@pytest.mark.parametrize(
    ("spec", "given", "kept"),
    [
        (HIDDEN, True, True),
        (HIDDEN, np.bool_(True), True),
        (HIDDEN, 1, True),
        (HIDDEN, 0.0, False),
        (TEXT, "true", "true"),
        (TEXT, np.array("x"), "x"),
        (COLOUR, [1, 0.5, 0, 1], (1.0, 0.5, 0.0, 1.0)),
    ],
)
def test_values_are_kept_in_the_feature_s_kind(
    spec: FeatureSpec, given: object, kept: FeatureValue
) -> None:
    value = spec.checked(given)
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(
    ("spec", "given", "message"),
    [
        (HIDDEN, 2, "glass_hide takes true or false, got 2"),
        (HIDDEN, "yes", "glass_hide takes true or false, got 'yes'"),
        (HIDDEN, math.nan, "glass_hide takes true or false, got nan"),
        (HIDDEN, (True, False), r"glass_hide takes true or false, got \(True, False\)"),
        (TEXT, 3, "input_text takes text, got 3"),
        (TEXT, "x" * 1001, "input_text takes at most 1000 characters, got 1001"),
        (COLOUR, "red", "color takes 4 numbers, got 'red'"),
        (COLOUR, (1, 1, 1), r"color takes 4 numbers, got \(1, 1, 1\)"),
        (COLOUR, (1, 1, -1, 1), "color must lie in"),
        (COLOUR, (1, 1, True, 1), "color takes numbers, got True"),
    ],
)
def test_a_value_of_another_kind_is_refused(spec: FeatureSpec, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spec.checked(given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"default": "x", "kind": "text"}, "is a number, boolean or string, got the kind 'text'"),
        ({"default": 3, "kind": "string"}, "takes text, got 3"),
        ({"default": "x", "kind": "string", "components": 3}, "so it has one component, not 3"),
        ({"default": (0, 0, 0), "components": 3, "alias_of": ("v", 0)}, "so it is one number"),
        ({"default": 1, "ratio": True, "minimum": 0.1}, "so it needs alias_of and a minimum"),
        ({"default": 1, "ratio": True, "alias_of": ("v", 0)}, "so it needs alias_of and a minimum"),
    ],
)
def test_a_feature_that_contradicts_itself_is_refused(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        FeatureSpec("f", description="", **arguments)


def test_columns_of_each_kind() -> None:
    assert COLOUR.columns == ("color_r", "color_g", "color_b", "color_a")
    assert HIDDEN.columns == ("glass_hide",)
    assert ELLIPSOID["location_z"].columns == ()
    assert ELLIPSOID["width"].columns == ("width",)
    assert NAME.columns == ()


def test_a_new_object_holds_what_is_stored() -> None:
    held = initial(ELLIPSOID.values())
    assert held == {
        "dimensions": (1.0, 1.0, 0.5),
        "location": (0.0, 0.0, 0.0),
        "rotation": (0.0, 0.0, 0.0),
        "width": 1.0,
        "height": 0.5,
    }
    assert values(held, ELLIPSOID.values()) == held | {"location_z": 0.0, "blueprint_name": "Bean"}


def test_an_alias_and_its_vector_are_one() -> None:
    held = initial(ELLIPSOID.values())
    write(held, ELLIPSOID, "location_z", 7)
    assert held["location"] == (0.0, 0.0, 7.0)
    write(held, ELLIPSOID, "location", (1, 2, 3))
    assert read(held, ELLIPSOID["location_z"]) == 3.0


def test_a_vector_s_bounds_hold_for_its_aliases() -> None:
    held = initial(ELLIPSOID.values())
    with pytest.raises(ValueError, match="location must lie in"):
        write(held, ELLIPSOID, "location_z", 1e9)
    assert held == initial(ELLIPSOID.values())


@given(size=SIZES, ratios=st.lists(st.tuples(st.sampled_from(["width", "height"]), SIZES)))
def test_ratios_count_from_the_size(size: float, ratios: list[tuple[str, float]]) -> None:
    """Whatever is set before `dimensions` is lost, and of several ratios the last counts."""
    held = initial(ELLIPSOID.values())
    write(held, ELLIPSOID, "height", 0.125)
    write(held, ELLIPSOID, "dimensions", (size, size, size))
    assert (held["width"], held["height"]) == (1.0, 1.0)
    for name, ratio in ratios:
        write(held, ELLIPSOID, name, ratio)
    last = {"width": 1.0, "height": 1.0} | dict(ratios)
    assert held["dimensions"] == pytest.approx((size, size * last["width"], size * last["height"]))
    assert (held["width"], held["height"]) == (last["width"], last["height"])


def test_the_name_of_the_blueprint_can_t_be_set() -> None:
    held = initial(ELLIPSOID.values())
    with pytest.raises(ValueError, match="blueprint_name can't be set"):
        write(held, ELLIPSOID, "blueprint_name", "Pea")
    assert read(held, NAME) == "Bean"


def test_setting_an_alias_changes_its_vector() -> None:
    assert changed_by(["location_z", "absent"], ELLIPSOID) == {"location"}
    assert changed_by(["height"], ELLIPSOID) == {"height", "dimensions"}
    assert changed_by(["dimensions"], ELLIPSOID) == {"dimensions"}


def test_a_particle_s_own_features_absorb_those_of_its_shape() -> None:
    flat = FeatureSpec("dimensions", (1.0, 1.0, 0.5), "", 3)
    own, shape = absorbed(
        [Declared("every particle", PARTICLE_FEATURES), Declared("shape", (flat, HIDDEN))]
    )
    assert {spec.name: spec.default for spec in own.specs}["dimensions"] == (1.0, 1.0, 0.5)
    assert own.specs[0].maximum == PARTICLE_FEATURES[0].maximum
    assert shape.specs == [HIDDEN]


def test_an_alias_called_like_its_column_is_no_clash() -> None:
    def problem(*specs: FeatureSpec) -> tuple[int, str] | None:
        own = Declared("every particle", PARTICLE_FEATURES)
        return clash([own, Declared("shape", specs)], reserved=True)

    assert problem(ELLIPSOID["location_z"], ELLIPSOID["width"]) is None
    assert problem(FeatureSpec("location_y", 0.0, "", alias_of=("location", 2))) is not None
    assert problem(FeatureSpec("location_z", 0.0, "")) is not None


@pytest.mark.parametrize(
    "alias", [("place", 0), ("location", 3), ("location", -1), ("width", 0), ("blueprint_name", 0)]
)
def test_an_alias_stands_for_something_that_is_there(alias: tuple[str, int]) -> None:
    own = Declared("every particle", list(ELLIPSOID.values()))
    found = clash(
        [own, Declared("shape", [FeatureSpec("x", 0.0, "", alias_of=alias)])], reserved=True
    )
    vector, index = alias
    assert found == (
        1,
        f"feature 'x' of shape stands for component {index} of {vector!r}, "
        "which the object does not have",
    )


def test_a_feature_is_of_one_kind_in_all_blueprints() -> None:
    def sources(spec: FeatureSpec) -> list[Declared]:
        return [Declared("shape", (spec,))]

    ((blueprint, text),) = differing(
        {"A": sources(HIDDEN), "B": sources(FeatureSpec("glass_hide", 0.0, ""))}
    )
    assert blueprint == "B"
    assert "is a number, but a boolean in shape" in text


def test_a_text_that_is_none_of_the_choices_is_reported_with_the_nearest() -> None:
    spec = FeatureSpec("polyhedron", "cube", "", kind="string", choices=("cube", "octahedron"))
    assert spec.checked("octahedron") == "octahedron"
    with pytest.raises(ValueError, match=r"unknown polyhedron 'octohedron'.*'octahedron'"):
        spec.checked("octohedron")
