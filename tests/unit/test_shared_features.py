"""Features that all particles of a blueprint share, and vectors with equal components."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from scene.errors import ConfigurationError
from scene.execution.context import step_context
from scene.execution.stopwatch import Stopwatch
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.steps.context import StepContext

BLUEPRINT = {"geometry_prototype_name": "meta_ball_sphere", "number": 3}


def step(target: str, **parameters: Any) -> dict[str, Any]:
    return {"_target_": f"$builtins.{target}", **parameters}


def recipe(feature: str, variability: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe that draws a feature for all balls but the first of each blueprint."""
    return {
        "initial_runtime_state": {"seed": 1},
        "blueprints": {
            "measurement_techniques": {
                "SEM": {"measurement_technique_prototype_name": "secondary_electron_microscope"}
            },
            "particles": {"Ball": BLUEPRINT, "Other": BLUEPRINT},
        },
        "process_conditions": {
            "feature_variabilities": {
                "V": {"feature_name": feature, "variability": variability},
                "Size": {
                    "feature_name": "dimensions",
                    "variability": step("Constant", value=[2, 2, 2]),
                },
            },
        },
        "synth_chain": {
            "feature_generation_steps": [
                step("InvokeBlueprints", affected_set_name="AllMeasurementTechniqueBlueprints"),
                step("InvokeBlueprints", affected_set_name="AllParticleBlueprints"),
                *(
                    step(
                        "TriggerFeatureUpdate",
                        feature_variability_name=name,
                        affected_set_name="AllParticles",
                    )
                    for name in ("Size", "V")
                ),
            ],
            "rendering_steps": [],
        },
    }


def executed(document: dict[str, Any]) -> StepContext:
    made = parse(document, "r.yaml", Registry())
    context = step_context(made, cast("Any", None), Path(), Stopwatch())
    for each in made.synth_chain.feature_generation_steps:
        each.execute(context)
    return context


def test_a_shared_feature_is_drawn_once_for_each_blueprint() -> None:
    drawn = step("UniformDistributionNdHomogeneous", location=0.1, scale=1, num_dimensions=1)
    particles = executed(recipe("influence_threshold", drawn)).specimen.particles
    values = [particle.features["influence_threshold"] for particle in particles]
    assert len({*values[:3]}) == len({*values[3:]}) == 1
    assert values[0] != values[3]


def test_another_feature_is_drawn_for_each_particle() -> None:
    drawn = step("UniformDistributionNdHomogeneous", location=0, scale=1, num_dimensions=1)
    particles = executed(recipe("location_z", drawn)).specimen.particles
    assert len({particle.features["location"] for particle in particles}) == 6


def test_balls_have_one_diameter() -> None:
    uneven = recipe("dimensions", step("Constant", value=[2, 2, 3]))
    with pytest.raises(ConfigurationError, match="dimensions takes 3 equal numbers"):
        parse(uneven, "r.yaml", Registry())
