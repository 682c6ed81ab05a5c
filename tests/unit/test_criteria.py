"""What criteria answer for particles, techniques and blueprints."""

from __future__ import annotations

from typing import Any, cast

import pytest

from scene.language.element import Members
from scene.specimen.criteria import (
    BUILTIN_CRITERIA,
    ContainsString,
    IsEqualTo,
    IsGreaterThan,
    IsSmallerThan,
)
from scene.specimen.features import FeatureSpec
from scene.specimen.owners import Owner
from scene.specimen.specimen import MeasurementTechnique, Particle

SPECS = {"size": FeatureSpec("size", 1.0, "")}
OWNERS = {
    kind: Owner(kind, item, SPECS)
    for kind, item in {
        Members.PARTICLES: Particle(1, "Bead", 0, "sphere", "plain", {"size": 2.0}),
        Members.TECHNIQUES: MeasurementTechnique("SEM", "sem", None, {"size": 2.0}),
    }.items()
} | {
    kind: Owner.of_blueprint(kind, "Bead", SPECS)
    for kind in (Members.PARTICLE_BLUEPRINTS, Members.TECHNIQUE_BLUEPRINTS)
}


def particle(value: Any) -> Owner:
    features = {} if value is None else {"f": value}
    kind = {str: "string", bool: "boolean"}.get(type(value), "number")
    count = len(value) if isinstance(value, tuple) else 1
    specs = (
        {} if value is None else {"f": FeatureSpec("f", value, "", count, kind=cast("Any", kind))}
    )
    return Owner(Members.PARTICLES, Particle(1, "Bead", 0, "sphere", "plain", features), specs)


def answer(kind: type[Any], value: Any, **parameters: Any) -> bool | None:
    """Return a criterion's answer; None if it is the default, whatever that is."""
    answers = [
        kind(feature_name="f", default_return_value=default, **parameters).holds(particle(value))
        for default in (False, True)
    ]
    assert answers != [True, False]
    return None if answers == [False, True] else answers[0]


@pytest.mark.parametrize(
    ("value", "comparand", "expected"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (0.1, 0.1, True),
        (1, 1.0000001, False),
        (True, True, True),
        (True, False, False),
        ("a", "a", True),
        ("a", "A", False),
        ("1", 1, False),
        ((1.0, 2.0, 3.0), [1, 2, 3], True),
        ((1.0, 2.0, 3.0), [1, 2, 4], False),
        ((1.0, 2.0, 3.0), [1, 2], False),
        ((1.0, 2.0, 3.0), 1, False),
        (1.0, [1], False),
        (None, 1, None),
    ],
)
def test_equal(value: Any, comparand: Any, expected: bool | None) -> None:
    assert answer(IsEqualTo, value, comparand=comparand) is expected


@pytest.mark.parametrize(
    ("value", "comparand", "smaller", "greater"),
    [
        (1.0, 2, True, False),
        (2.0, 2, False, False),
        (2.1, 2, False, True),
        (-1, -1.5, False, True),
        ("a", "b", True, False),
        ("b", "b", False, False),
        ("1", 2, None, None),
        (1, "2", None, None),
        ((1.0, 1.0, 1.0), 2, None, None),
        (None, 2, None, None),
    ],
)
def test_order_is_strict(
    value: Any, comparand: Any, smaller: bool | None, greater: bool | None
) -> None:
    assert answer(IsSmallerThan, value, comparand=comparand) is smaller
    assert answer(IsGreaterThan, value, comparand=comparand) is greater


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("xabcx", True),
        ("abc", True),
        ("ab", False),
        ("ABC", False),
        ((1.0, 2.0), False),
        (1.0, None),
        (None, None),
    ],
)
def test_contained_text(value: Any, expected: bool | None) -> None:
    assert answer(ContainsString, value, search_string="abc") is expected


def test_a_blueprint_has_the_values_that_its_objects_begin_with() -> None:
    criterion = IsEqualTo(feature_name="size", default_return_value=False, comparand=1)
    assert {kind for kind, owner in OWNERS.items() if criterion.holds(owner)} == {
        Members.PARTICLE_BLUEPRINTS,
        Members.TECHNIQUE_BLUEPRINTS,
    }


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("IsParticle", Members.PARTICLES),
        ("IsParticleBlueprint", Members.PARTICLE_BLUEPRINTS),
        ("IsMeasurementTechnique", Members.TECHNIQUES),
        ("IsMeasurementTechniqueBlueprint", Members.TECHNIQUE_BLUEPRINTS),
        ("AlwaysTrue", ~Members.NOTHING),
        ("IsUltimateParent", Members.PARTICLES),
    ],
)
def test_criteria_of_kind(name: str, kinds: Members) -> None:
    criterion = BUILTIN_CRITERIA[name]
    for kind, owner in OWNERS.items():
        assert criterion.holds(owner) is (kind in kinds)
        assert criterion.known(kind) in {kind in kinds, None}


def test_a_particle_with_a_parent_is_no_ultimate_one() -> None:
    child = Particle(2, "Bead", 1, "sphere", "plain", {}, parent=1)
    assert not BUILTIN_CRITERIA["IsUltimateParent"].holds(Owner(Members.PARTICLES, child, {}))
