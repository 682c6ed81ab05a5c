"""The recipe of micrographs of many instruments, rendered small."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from scene.recipe.compose import BUILTIN_RECIPES, Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.steps.update import TriggerFeatureUpdate

if TYPE_CHECKING:
    from scene.blender.session import Session
    from scene.execution.record import RunRecord

SMALL = ("blueprints.particles.Bead.number=300", "render.resolution_percentage=15")

type Made = tuple[Recipe, RunRecord, Path]


@pytest.fixture(scope="module", params=[3, 8])
def made(
    session: Session, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Made:
    from scene.execution import chain

    seeds = tuple(f"initial_runtime_state.{k}={request.param}" for k in ("seed", "look_seed"))
    composition = Composition(BUILTIN_RECIPES / "spheres_sem_physical.yaml")
    recipe = parse(composition.resolve([*SMALL, *seeds]), "physical.yaml", Registry())
    folder = tmp_path_factory.mktemp("run")
    with session.captured():
        return recipe, chain.execute(recipe, session, folder), folder


def test_a_micrograph_has_contrast_and_is_neither_black_nor_white(made: Made) -> None:
    _, record, folder = made
    with Image.open(folder / "real.png") as image:
        gray = np.asarray(image)
    with Image.open(folder / "instances.png") as image:
        particle = np.asarray(image) > 0
    darkest, low, high, brightest = np.percentile(gray, [1, 10, 90, 99])
    assert darkest < 100
    assert brightest > 120
    assert high - low > 40
    assert ((gray == 0) | (gray == 255)).mean() < 0.05
    assert gray[particle].mean() > 1.1 * gray[~particle].mean()
    assert record.visible_particles is not None
    assert record.visible_particles > 30


def ranges(recipe: Recipe, set_name: str) -> dict[str, tuple[float, float]]:
    """Return the ends of what each feature of a set's objects is drawn from, where it has any."""
    described = recipe.process_conditions.feature_variabilities
    found = {}
    for step in recipe.synth_chain.feature_generation_steps:
        if isinstance(step, TriggerFeatureUpdate) and step.affected_set_name == set_name:
            own = described[step.feature_variability_name]
            if ends := np.ravel(own.variability.extremes()).tolist():
                found[own.feature_name] = min(ends), max(ends)
    return found


def test_what_is_drawn_lies_in_the_recipes_ranges(made: Made) -> None:
    recipe, record, _ = made
    of_looks = ranges(recipe, "AllMeasurementTechniques")
    assert len(of_looks) > 40
    for name, (low, high) in of_looks.items():
        assert low <= record.features[name] <= high, name
    of_beads = ranges(recipe, "AllParticles")
    assert len(of_beads) == 6
    for name, (low, high) in of_beads.items():
        column = record.particles.get(name, record.particles.get(f"{name}_x"))
        assert column is not None, name
        assert low <= min(column), name
        assert max(column) <= high, name
    assert set(record.variabilities) == {
        "BeadSize.geometric_mean",
        "BeadSize.geometric_standard_deviation",
        "BeadYield.mean",
        "BeadRelief.mean",
    }
