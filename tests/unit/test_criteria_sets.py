"""Sets by criteria in recipes: what is wrong is reported, who is a member follows the features."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from scene.errors import ConfigurationError
from scene.execution.context import step_context
from scene.execution.stopwatch import Stopwatch
from scene.language.element import Members
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.steps.context import StepContext


def criterion(feature: str, kind: str, comparand: Any, default: bool = False) -> dict[str, Any]:
    return {
        "_target_": f"$builtins.{kind}",
        "feature_name": feature,
        "default_return_value": default,
        "comparand": comparand,
    }


def constant(feature: str, value: Any) -> dict[str, Any]:
    return {
        "feature_name": feature,
        "variability": {"_target_": "$builtins.Constant", "value": value},
    }


def draw(variability: str, of: str) -> dict[str, Any]:
    return {
        "_target_": "$builtins.TriggerFeatureUpdate",
        "feature_variability_name": variability,
        "affected_set_name": of,
    }


def invoke(of: str) -> dict[str, Any]:
    return {"_target_": "$builtins.InvokeBlueprints", "affected_set_name": of}


INVOKE = [invoke("AllMeasurementTechniqueBlueprints"), invoke("AllParticleBlueprints")]
SPHERE = {"geometry_prototype_name": "sphere", "material_prototype_name": "sem_polystyrene"}
RECIPE: dict[str, Any] = {
    "blueprints": {
        "measurement_techniques": {
            "SEM": {
                "measurement_technique_prototype_name": "secondary_electron_microscope",
                "background_material_prototype_name": None,
            }
        },
        "particles": {"Bead": SPHERE | {"number": 3}, "Dust": SPHERE | {"number": 2}},
    },
    "process_conditions": {
        "feature_variabilities": {
            "Up": constant("location", [0, 0, 5]),
            "Fine": constant("subdivisions", 3),
            "Blur": constant("defocus", 0.5),
        },
        "feature_criteria": {
            "IsBead": criterion("blueprint_name", "IsEqualTo", "Bead"),
            "IsUp": criterion("location", "IsEqualTo", [0, 0, 5]),
            "IsFine": criterion("subdivisions", "IsEqualTo", 3),
            "IsSharp": criterion("defocus", "IsSmallerThan", 0.4),
        },
        "sets": {
            "All": {},
            "Beads": {"criterion": "$IsParticle and $IsBead"},
            "Up": {"criterion": "$IsUp"},
            "FineBeads": {"criterion": "$IsBead and $IsParticle and $IsFine"},
            "FineBeadsUp": {"criterion": "$IsBead and $IsParticle and $IsFine and $IsUp"},
            "BeadBlueprints": {"criterion": "$IsParticleBlueprint and $IsBead"},
            "Sharp": {"criterion": "$IsSharp and not $IsMeasurementTechniqueBlueprint"},
            "NoOne": {"criterion": False},
        },
    },
    "synth_chain": {"feature_generation_steps": INVOKE},
}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe with values put at paths."""
    recipe = copy.deepcopy(RECIPE)
    for path, value in changes.items():
        *parents, last = path.split(".")
        node: Any = recipe
        for part in parents:
            node = node.setdefault(part, {})
        node[last] = value
    return recipe


@pytest.fixture
def run() -> Callable[..., StepContext]:
    """Execute generation steps of the recipe; return what they left."""

    def executed(*steps: dict[str, Any], **changes: Any) -> StepContext:
        document = changed({"synth_chain.feature_generation_steps": list(steps)} | changes)
        recipe = parse(document, "r.yaml", Registry())
        context = step_context(recipe, cast("Any", None), Path(), Stopwatch())
        for step in recipe.synth_chain.feature_generation_steps:
            step.execute(context)
        return context

    return executed


@pytest.mark.parametrize(
    ("path", "value", "place", "message"),
    [
        ("sets.S.criterion", "$IsBead & $IsUp", "sets.S.criterion", "at character 9, got '&'"),
        ("sets.S.criterion", "", "sets.S.criterion", "at character 1, got the end"),
        ("sets.S.criterion", 1, "sets.S.criterion", "expected a text such as"),
        ("sets.S.criterion", None, "sets.S.criterion", "expected a text such as"),
        (
            "sets.S.criterion",
            "$IsBaed or $IsUp",
            "sets.S.criterion",
            "unknown criterion 'IsBaed'; did you mean 'IsBead'?",
        ),
        ("sets.S.members", "True", "sets.S.members", "unknown key 'members'"),
        ("sets.AllParticles", {}, "sets.AllParticles", "is the name of a built-in set"),
        ("sets.AllUltimateParents", {}, "sets.AllUltimateParents", "is the name of a built-in set"),
        (
            "feature_criteria.IsParticle",
            criterion("location", "IsEqualTo", 1),
            "feature_criteria.IsParticle",
            "is the name of a built-in criterion",
        ),
        (
            "feature_criteria.C",
            criterion("locatoin", "IsEqualTo", 1),
            "feature_criteria.C.feature_name",
            "unknown feature 'locatoin'; did you mean 'location'?",
        ),
        (
            "feature_criteria.C",
            criterion("location", "IsSmallerThan", [1, 2]),
            "feature_criteria.C.comparand",
            "expected a number or a text, got [1, 2]",
        ),
        (
            "feature_criteria.C",
            {"_target_": "$builtins.IsEqualTo", "feature_name": "location"},
            "feature_criteria.C.comparand",
            "is missing",
        ),
        (
            "feature_criteria.C",
            {"_target_": "$builtins.IsEqual"},
            "feature_criteria.C._target_",
            "unknown criterion '$builtins.IsEqual'; did you mean '$builtins.IsEqualTo'?",
        ),
        (
            "feature_criteria.C",
            {"_target_": "$builtins.Constant", "value": 1},
            "feature_criteria.C._target_",
            "unknown criterion '$builtins.Constant'",
        ),
    ],
)
def test_what_is_wrong_gets_one_sentence(path: str, value: Any, place: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(changed({f"process_conditions.{path}": value}), "r.yaml", Registry())
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert message in found[f"process_conditions.{place}"]


def test_a_criterion_asks_for_no_feature_that_a_library_can_t_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Registry, "unavailable", lambda *_: "its link leads nowhere")
    asked = criterion("bump_strength", "IsEqualTo", 1)
    with pytest.raises(ConfigurationError, match="is not there: its link leads nowhere"):
        parse(changed({"process_conditions.feature_criteria.C": asked}), "r.yaml", Registry())


def test_a_set_has_one_name_in_both_places() -> None:
    beads = {"_target_": "$builtins.ParticlesOfBlueprint", "blueprint_name": "Bead"}
    with pytest.raises(ConfigurationError, match=r"name of another set, sets\.Beads") as caught:
        parse(changed({"sets": {"Beads": beads}}), "r.yaml", Registry())
    assert [problem.path for problem in caught.value.problems] == ["process_conditions.sets.Beads"]


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("All", ~Members.NOTHING),
        ("Beads", Members.PARTICLES),
        ("Up", ~Members.NOTHING),
        ("BeadBlueprints", Members.PARTICLE_BLUEPRINTS),
        ("Sharp", ~Members.TECHNIQUE_BLUEPRINTS),
        ("NoOne", Members.NOTHING),
        ("AllUltimateParents", Members.PARTICLES),
    ],
)
def test_kinds_that_a_set_can_hold_follow_from_its_criterion(name: str, members: Members) -> None:
    assert parse(RECIPE, "r.yaml", Registry()).all_sets[name].members == members


def test_who_is_a_member_changes_with_the_features(run: Callable[..., StepContext]) -> None:
    before = run(*INVOKE)
    assert [len(before.particles(name)) for name in ("All", "Beads", "Up")] == [5, 3, 0]
    assert len(before.techniques("Sharp")) == len(before.techniques("All")) == 1
    up = run(*INVOKE, draw("Up", "Beads"), draw("Fine", "Up"), draw("Blur", "Sharp"))
    assert sorted(up.particle_ids("Up")) == [1, 2, 3]
    assert [len(up.particles(name)) for name in ("FineBeads", "FineBeadsUp")] == [3, 3]
    assert up.techniques("Sharp") == []
    assert [particle.features["subdivisions"] for particle in up.specimen.particles[2:]] == [
        3,
        *(particle.features["subdivisions"] for particle in before.specimen.particles[3:]),
    ]


def test_only_what_fulfils_all_criteria_is_found(run: Callable[..., StepContext]) -> None:
    fine = run(*INVOKE, draw("Fine", "Beads"))
    assert sorted(fine.particle_ids("FineBeads")) == [1, 2, 3]
    assert fine.particle_ids("FineBeadsUp") == frozenset()


def test_only_blueprints_that_fulfil_the_criterion_are_invoked(
    run: Callable[..., StepContext],
) -> None:
    context = run(INVOKE[0], invoke("BeadBlueprints"), draw("Up", "Beads"))
    assert [particle.blueprint for particle in context.specimen.particles] == ["Bead"] * 3


def test_a_step_gets_the_kinds_that_it_can_work_with(run: Callable[..., StepContext]) -> None:
    both = run(invoke("All"), draw("Up", "Beads"))
    assert len(both.specimen.particles) == 5
    assert len(both.specimen.techniques) == 1


@pytest.mark.parametrize(
    ("step", "key", "message"),
    [
        (draw("Up", "All"), "affected_set_name", "what objects are made from (Bead and Dust"),
        (draw("Up", "BeadBlueprints"), "affected_set_name", "expected a set of particles or mea"),
        (invoke("Beads"), "affected_set_name", "but 'Beads' is a set of particles"),
        (draw("Blur", "Beads"), "feature_variability_name", "unknown feature 'defocus'"),
        (
            {"_target_": "$builtins.RelaxCollisions", "affected_set_name": "BeadBlueprints"},
            "affected_set_name",
            "is a set of particle blueprints",
        ),
    ],
)
def test_a_step_that_can_work_with_no_member_is_an_error(
    step: dict[str, Any], key: str, message: str
) -> None:
    steps = [*INVOKE, step]
    with pytest.raises(ConfigurationError) as caught:
        parse(changed({"synth_chain.feature_generation_steps": steps}), "r.yaml", Registry())
    (problem,) = caught.value.problems
    assert problem.path == f"synth_chain.feature_generation_steps.2.{key}"
    assert message in problem.message


def test_prototypes_stay_as_they_are_in_a_run_whose_numbers_were_not_checked(
    run: Callable[..., StepContext],
) -> None:
    """Runs that differ in numbers are checked by the first of them."""
    context = run(*INVOKE)
    reaches = criterion("location", "IsEqualTo", [0, 0, 0])
    other = parse(
        changed({"process_conditions.feature_criteria.IsUp": reaches}), "r.yaml", Registry()
    )
    context.sets.update(other.all_sets)  # type: ignore[attr-defined]
    step = parse(
        changed({"synth_chain.feature_generation_steps": [*INVOKE, draw("Fine", "Up")]}),
        "r.yaml",
        Registry(),
    ).synth_chain.feature_generation_steps[2]
    with pytest.raises(ValueError, match="'Up' also holds what objects are made from"):
        step.execute(context)


@pytest.mark.parametrize("target", ["RelaxCollisions", "DistributeInMeasurementVolume"])
def test_a_step_on_particles_of_a_mixed_set_concerns_these(target: str) -> None:
    step = {"_target_": f"$builtins.{target}", "affected_set_name": "All"}
    steps = [*INVOKE, step]
    recipe = parse(changed({"synth_chain.feature_generation_steps": steps}), "r.yaml", Registry())
    made = recipe.synth_chain.feature_generation_steps[2]
    assert made.concerns(recipe.names) is Members.PARTICLES
    assert Members.PARTICLES in made.needs(recipe.names)
    assert Members.TECHNIQUE_BLUEPRINTS not in made.needs(recipe.names)


PLUGIN = """
import numpy as np
from blendsweep.plugins import Criterion, FeatureCriterion, Members, Owner, Particle

class IsOdd(Criterion):
    def holds(self, owner: Owner):
        return np.bool_(isinstance(owner.item, Particle) and owner.item.index % 2 == 1)

class IsFiner(FeatureCriterion):
    than: int
    def answer(self, value):
        return np.bool_(value > self.than)

class Fails(Criterion):
    def holds(self, owner):
        raise LookupError("nothing there")

class SaysYes(Criterion):
    def holds(self, owner):
        return "yes"

class SaysNothing(FeatureCriterion):
    def answer(self, value):
        return ""
"""


def test_criteria_of_plugins_are_asked_of_every_kind_of_object(
    tmp_path: Path, write_plugin: Callable[[Path, str, str], None]
) -> None:
    write_plugin(tmp_path, "odd", PLUGIN)
    criteria = {
        "IsOdd": {"_target_": "$plugins.odd.IsOdd"},
        "IsFiner": {
            "_target_": "$plugins.odd.IsFiner",
            "feature_name": "subdivisions",
            "default_return_value": False,
            "than": -1,
        },
    }
    sets = {"Odd": {"criterion": "$IsOdd"}, "Finer": {"criterion": "$IsFiner"}}
    document = changed(
        {
            "process_conditions.feature_criteria": criteria,
            "process_conditions.sets": sets,
            "synth_chain.feature_generation_steps": [invoke("Finer"), INVOKE[0]],
        }
    )
    recipe = parse(document, "r.yaml", Registry([tmp_path]))
    context = step_context(recipe, cast("Any", None), Path(), Stopwatch())
    for step in recipe.synth_chain.feature_generation_steps:
        step.execute(context)
    assert sorted(context.particle_ids("Odd")) == [2, 5]
    assert len(context.particles("Finer")) == 5
    assert context.techniques("Finer") == []


@pytest.mark.parametrize(
    ("criterion", "message"),
    [
        ({"_target_": "$plugins.odd.SaysYes"}, "holds must give a bool, got 'yes'"),
        (
            {
                "_target_": "$plugins.odd.SaysNothing",
                "feature_name": "location",
                "default_return_value": False,
            },
            "answer must give a bool, got ''",
        ),
    ],
)
def test_a_plugin_s_answer_is_yes_or_no(
    tmp_path: Path,
    write_plugin: Callable[[Path, str, str], None],
    criterion: dict[str, Any],
    message: str,
) -> None:
    write_plugin(tmp_path, "odd", PLUGIN)
    document = changed(
        {
            "process_conditions.feature_criteria.C": criterion,
            "process_conditions.sets.S.criterion": "$IsParticle and $C",
            "synth_chain.feature_generation_steps": [*INVOKE, draw("Up", "S")],
        }
    )
    with pytest.raises(ConfigurationError, match=message) as caught:
        parse(document, "r.yaml", Registry([tmp_path]))
    assert str(tmp_path / "odd" / "__init__.py") in str(caught.value)


def test_a_criterion_of_a_plugin_that_fails_is_reported_with_its_file(
    tmp_path: Path, write_plugin: Callable[[Path, str, str], None]
) -> None:
    write_plugin(tmp_path, "odd", PLUGIN)
    document = changed(
        {
            "process_conditions.feature_criteria.C": {"_target_": "$plugins.odd.Fails"},
            "process_conditions.sets.S.criterion": "$C and $IsParticle",
            "synth_chain.feature_generation_steps": [*INVOKE, draw("Up", "S")],
        }
    )
    with pytest.raises(ConfigurationError, match="LookupError: nothing there") as caught:
        parse(document, "r.yaml", Registry([tmp_path]))
    assert str(tmp_path / "odd" / "__init__.py") in str(caught.value)
