"""Names of the predecessor: read by a table, never imported."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from scene.official import InCompartment
from scene.official import UniformDistributionInt as OfficialInt
from scene.recipe.code import code_of
from scene.recipe.kinds import differ
from scene.recipe.registry import Registry
from scene.specimen.criteria import Criterion, IsEqualTo
from scene.specimen.distributions import Constant, Distribution
from scene.steps.base import FeatureGenerationStep, RenderingStep
from scene.steps.invoke import InvokeBlueprints
from scene.steps.render import SaveState

CONDITIONS = "synthpic2.recipe.process_conditions"
CHAIN = "synthpic2.recipe.synth_chain"
OFFICIAL = "plugins.official.process_conditions"


@pytest.mark.parametrize(
    ("base", "target", "found"),
    [
        (Distribution, f"{CONDITIONS}.variabilities.Constant", Constant),
        (Criterion, f"{CONDITIONS}.feature_criteria.IsEqualTo", IsEqualTo),
        (
            FeatureGenerationStep,
            f"{CHAIN}.feature_generation_steps.InvokeBlueprints",
            InvokeBlueprints,
        ),
        (RenderingStep, f"{CHAIN}.rendering_steps.SaveState", SaveState),
        (Distribution, f"{OFFICIAL}.variabilities.UniformDistributionInt", OfficialInt),
        (Criterion, f"{OFFICIAL}.feature_criteria.InCompartment", InCompartment),
    ],
)
def test_a_dotted_path_of_the_table_is_a_class(base: Any, target: str, found: type) -> None:
    assert Registry().find(base, target, "element") is found


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "antigravity.fly",
        f"{CONDITIONS}.Constant",
        f"x.{CONDITIONS}.variabilities.Constant",
        f"{CONDITIONS}.variabilities.deeper.Constant",
        f"{CONDITIONS}.variabilities.",
        "scene.specimen.distributions.Constant",
    ],
)
def test_any_other_dotted_path_is_an_error_and_nothing_is_imported(target: str) -> None:
    with pytest.raises(ValueError, match=r"only '\$builtins|unknown variability"):
        Registry().find(Distribution, target, "variability")
    assert "antigravity" not in sys.modules


def test_a_name_stands_for_a_class_of_the_kind_that_is_looked_for() -> None:
    with pytest.raises(ValueError, match="unknown variability"):
        Registry().find(Distribution, f"{CONDITIONS}.variabilities.IsEqualTo", "variability")
    with pytest.raises(ValueError, match="can't be a criterion: it derives from"):
        Registry().find(Criterion, f"{OFFICIAL}.variabilities.UniformDistributionInt", "criterion")


@pytest.mark.parametrize(
    ("base", "target", "sentence"),
    [
        (FeatureGenerationStep, "$builtins.LoadState", "no state can have been saved before"),
        (
            FeatureGenerationStep,
            f"{CHAIN}.feature_generation_steps.LoadState",
            "unknown step '$builtins.LoadState'",
        ),
        (RenderingStep, "$plugins.RenderAgglomeratesIndividually", "there never was such a step"),
    ],
)
def test_what_never_worked_says_so(base: Any, target: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Registry().find(base, target, "step")
    assert sentence in str(caught.value)


def test_both_spellings_are_one_kind_when_recipes_are_merged() -> None:
    dotted = {"_target_": f"{CONDITIONS}.variabilities.Constant", "value": 1}
    assert not differ(dotted, {"_target_": "$builtins.Constant", "value": 2})
    assert differ(dotted, {"_target_": "$builtins.Choice", "values": [2]})


def test_the_code_of_a_plugin_is_recorded_however_it_is_named(
    tmp_path: Any, write_plugin: Any
) -> None:
    write_plugin(tmp_path, "official", "")
    dotted = code_of({"_target_": f"{OFFICIAL}.variabilities.X"}, [tmp_path])
    assert dotted == code_of({"_target_": "$plugins.official.X"}, [tmp_path])
    assert "plugins.official" in dotted
