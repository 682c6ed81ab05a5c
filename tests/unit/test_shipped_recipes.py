"""The recipes and sweeps that ship, as they are composed and planned."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orchestrator.plan.checking import expand
from orchestrator.plan.loading import load_sweep
from orchestrator.plan.shipped import BUILTIN_SWEEPS
from scene.recipe.compose import BUILTIN_RECIPES, Composition

RECIPES = [file for file in sorted(BUILTIN_RECIPES.glob("*.yaml")) if file.stem != "BaseRecipe"]
SWEEPS = sorted(BUILTIN_SWEEPS.glob("*.yaml"))


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_every_feature_that_a_recipe_describes_is_drawn_once(file: Path) -> None:
    """A name in one list alone is a feature that keeps its default, unnoticed."""
    own = yaml.safe_load(file.read_text())["process_conditions"]["feature_variabilities"]
    resolved = Composition(file).resolve(())
    steps = resolved["synth_chain"]["feature_generation_steps"]
    drawn = [step["feature_variability_name"] for step in steps if "Update" in step["_target_"]]
    assert len(set(drawn)) == len(drawn)
    assert own.keys() <= set(drawn)


@pytest.mark.parametrize("file", SWEEPS, ids=lambda file: file.stem)
def test_the_number_of_runs_is_what_the_sweeps_comment_says(file: Path) -> None:
    runs = expand(load_sweep(file))
    comment = next(line for line in file.read_text().splitlines() if " runs" in line)
    assert f"{len(runs)} runs" in comment
