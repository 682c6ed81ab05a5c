"""Drawing features: who gets a value, and what else follows from it. No Blender here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from scene.errors import ConfigurationError
from scene.execution.context import step_context
from scene.execution.stopwatch import Stopwatch
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.specimen.specimen import Particle

INVOKE = [
    {"_target_": "$builtins.InvokeBlueprints", "affected_set_name": f"All{kind}Blueprints"}
    for kind in ("MeasurementTechnique", "Particle")
]
UNIFORM = {"_target_": "$builtins.UniformDistribution", "low": 2, "high": 3}
SIZE = UNIFORM | {"num_dimensions": 3}


def recipe(*draws: tuple[str, Any], of: str = "AllParticles", spheres: int = 2) -> Recipe:
    """Return a recipe that makes three ellipsoids and some spheres, and draws features in turn."""
    technique = {"measurement_technique_prototype_name": "secondary_electron_microscope"}
    particles = {
        "Bean": {"geometry_prototype_name": "ellipsoid", "number": 3},
        "Bead": {"geometry_prototype_name": "sphere", "number": spheres},
    }
    update = {"_target_": "$builtins.TriggerFeatureUpdate", "affected_set_name": of}
    document = {
        "initial_runtime_state": {"seed": 3},
        "blueprints": {"measurement_techniques": {"T": technique}, "particles": particles},
        "process_conditions": {
            "feature_variabilities": {
                f"V{n}": {"feature_name": name, "variability": variability}
                for n, (name, variability) in enumerate(draws)
            }
        },
        "synth_chain": {
            "feature_generation_steps": [
                *INVOKE,
                *(update | {"feature_variability_name": f"V{n}"} for n in range(len(draws))),
            ]
        },
    }
    return parse(document, "r", Registry())


def made(recipe: Recipe) -> list[Particle]:
    context = step_context(recipe, cast("Any", None), Path("nowhere"), Stopwatch())
    for step in recipe.synth_chain.feature_generation_steps:
        step.execute(context)
    return context.specimen.particles


def test_what_lacks_a_feature_is_left_as_it_is() -> None:
    particles = made(recipe(("height", UNIFORM)))
    assert [p.blueprint for p in particles] == ["Bean"] * 3 + ["Bead"] * 2
    for particle in particles[:3]:
        height = particle.features["height"]
        assert isinstance(height, float)
        assert 2 <= height < 3
        assert particle.features["dimensions"] == pytest.approx((1.0, 1.0, height))
    assert "height" not in particles[3].features
    assert [p.features for p in particles[3:]] == [p.features for p in made(recipe())[3:]]


def test_no_draw_depends_on_who_else_is_in_the_set() -> None:
    many, few = made(recipe(("height", UNIFORM), spheres=9)), made(recipe(("height", UNIFORM)))
    assert [p.features for p in many[:3]] == [p.features for p in few[:3]]


def test_a_ratio_counts_from_the_size_that_is_set_before_it() -> None:
    for particle in made(recipe(("height", UNIFORM), ("dimensions", SIZE)))[:3]:
        size = particle.features["dimensions"]
        assert isinstance(size, tuple)
        assert size[0] == size[1] == size[2]
        assert particle.features["height"] == 1.0
    for particle in made(recipe(("dimensions", SIZE), ("height", UNIFORM)))[:3]:
        size, height = particle.features["dimensions"], particle.features["height"]
        assert isinstance(size, tuple)
        assert isinstance(height, float)
        assert size[0] == size[1]
        assert size[2] == pytest.approx(size[0] * height)


def test_of_an_alias_the_whole_vector_is_on_record() -> None:
    whole = recipe(("location_z", UNIFORM), ("width", UNIFORM))
    assert whole.sampled_particle_features() == ("dimensions", "location", "width")
    for particle in made(whole)[:3]:
        location = particle.features["location"]
        assert isinstance(location, tuple)
        assert location[:2] == (0.0, 0.0)
        assert 2 <= location[2] < 3
        assert "location_z" not in particle.features


def test_a_ratio_may_not_make_a_particle_larger_than_the_volume() -> None:
    huge = {"_target_": "$builtins.Constant", "value": [1, 999, 999]}
    with pytest.raises(ConfigurationError, match="is larger all round"):
        recipe(("dimensions", huge | {"value": [999, 999, 999]}))
    ratio = {"_target_": "$builtins.Constant", "value": 999}
    flat = made(recipe(("dimensions", huge)))
    assert flat[0].features["dimensions"] == (1.0, 999.0, 999.0)
    stretched = recipe(("dimensions", huge | {"value": [999, 1, 999]}), ("width", ratio))
    with pytest.raises(ValueError, match=r"particle 1 \(Bean 0\): a particle of 999 x 999 x 999"):
        made(stretched)


@pytest.mark.parametrize("name", ["heigth", "location_zz"])
def test_a_name_that_no_member_has_is_an_error(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        recipe((name, UNIFORM))
    (problem,) = caught.value.problems
    nearest = {"heigth": "height", "location_zz": "location_z"}[name]
    assert f"did you mean {nearest!r}?" in problem.message
    assert "(blueprints 'Bean', 'Bead')" in problem.message


def test_nothing_sets_a_blueprint_s_name() -> None:
    with pytest.raises(ConfigurationError, match="blueprint_name can't be set"):
        recipe(("blueprint_name", {"_target_": "$builtins.Constant", "value": "Pea"}))


def test_the_same_blueprint_makes_the_same_particles() -> None:
    draws = ("dimensions", SIZE), ("height", UNIFORM), ("location_z", UNIFORM)
    first, second = made(recipe(*draws)), made(recipe(*draws))
    assert first == second
    there = second[0].features["location"]
    second[0].rest({"location": (1.0, 0.0, 0.0)})
    assert first[0].features != second[0].features
    second[0].rest({"location": there})
    assert first[0].features == second[0].features
