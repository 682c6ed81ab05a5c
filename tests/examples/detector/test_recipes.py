"""The recipes that a detector's training images come from, and their sweeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import blendsweep as bs
from orchestrator.plan.checking import expand
from scene.recipe.compose import Composition

FOLDER = Path(__file__).parents[3] / "examples" / "detector"
NAMES = ("powder", "spheres", "clusters")


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_draws_all_that_it_describes_and_renders_what_a_detector_needs(name: str) -> None:
    file = FOLDER / "recipes" / f"{name}.yaml"
    own = yaml.safe_load(file.read_text())["process_conditions"]["feature_variabilities"]
    chain = Composition(file).resolve(())["synth_chain"]
    steps = chain["feature_generation_steps"]
    assert own.keys() <= {step.get("feature_variability_name") for step in steps}
    modes = [step["rendering_mode"] for step in chain["rendering_steps"]]
    assert modes == ["real", "categorical"]


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_runs_is_what_the_sweeps_comment_says(name: str) -> None:
    file = FOLDER / "sweeps" / f"{name}.yaml"
    comment = file.read_text().splitlines()[0]
    assert f"{len(expand(bs.load_sweep(file)))} runs" in comment


@pytest.mark.blender
def test_an_image_shows_labelled_particles_brighter_than_the_ground(
    orchestrate: Callable[..., Any], tmp_path: Path
) -> None:
    numbers = [f"blueprints.particles.{name}.number=2" for name in ("Bead", "Satellited", "Lump")]
    small = [*numbers, "render.resolution=[96,96]", "initial_runtime_state.seed=0"]
    options = ["--output", tmp_path / "data", "--executor", "inline", "--no-mlflow"]
    assert orchestrate(FOLDER / "sweeps" / "powder.yaml", *small, *options).code == 0
    (run,) = bs.open_dataset(tmp_path / "data").runs()
    gray, particle = run.image("real").astype(float), run.instances > 0
    assert len(np.unique(run.instances[particle])) > 3
    assert gray[particle].mean() > gray[~particle].mean() + 10
