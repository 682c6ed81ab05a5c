"""What a recipe need not say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scene.errors import ConfigurationError
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.specimen.relaxation import RelaxationSettings

type WritePlugin = Callable[[Path, str, str], None]

TECHNIQUE = """
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.specimen.specimen import MeasurementVolume

class Coarse(MeasurementTechniquePrototype):
    features = ()
    resolution = (320, 200)
    max_samples = 24

    def volume(self, resolution):
        return MeasurementVolume((0, 0, 0), (resolution[0], resolution[1], 1))

    def build(self, scene, resolution, fidelity): ...
    def apply(self, scene, features, fidelity): ...
"""


def recipe(
    render: Any = None,
    *folders: Path,
    technique: str = "secondary_electron_microscope",
    **more: Any,
) -> Recipe:
    blueprint = {"measurement_technique_prototype_name": technique, **more}
    document = {
        "blueprints": {
            "measurement_techniques": {"T": blueprint},
            "particles": {"P": {"geometry_prototype_name": "sphere", "number": 1}},
        },
        "synth_chain": {},
    }
    return parse(document | ({} if render is None else {"render": render}), "r", Registry(folders))


def test_a_relaxation_is_the_original_s() -> None:
    settings = RelaxationSettings()
    assert settings.collision_shape == "MESH"
    assert settings.num_frames == 100
    assert settings.use_gravity is False


def test_materials_need_not_be_named() -> None:
    blueprints = recipe().blueprints
    assert blueprints.particles["P"].material_prototype_name == "default"
    (technique,) = blueprints.measurement_techniques.values()
    assert technique.background_material_prototype_name == "vacuum"
    assert technique.measurement_volume_material_prototype_name == "vacuum"
    assert "color" in recipe().particle_features["P"]


def test_no_substrate_may_be_null_as_well() -> None:
    made = recipe(background_material_prototype_name=None)
    assert list(made.technique_features) == list(recipe().technique_features)


def test_the_volume_s_material_gives_its_features_to_the_technique() -> None:
    made = recipe(
        background_material_prototype_name="sem_patchy_silicone",
        measurement_volume_material_prototype_name="aggregated_texture",
    )
    names = list(made.technique_features)
    assert names.index("blueprint_name") < names.index("bump_strength") < names.index("patch_scale")


@pytest.mark.parametrize("material", ["tem_amorphous", "sem_carbon_tape", "sem_metal_powder"])
def test_a_material_without_one_index_of_refraction_can_t_fill_the_volume(material: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        recipe(measurement_volume_material_prototype_name=material)
    (problem,) = caught.value.problems
    assert problem.path.endswith("T.measurement_volume_material_prototype_name")
    assert f"{material!r} can't fill the measurement volume" in problem.message


def test_features_of_one_name_can_t_be_both_the_volume_s_and_the_background_s() -> None:
    key = "background_material_prototype_name"
    with pytest.raises(ConfigurationError) as caught:
        recipe(**{key: "plain", "measurement_volume_material_prototype_name": "default"})
    (problem,) = caught.value.problems
    assert problem.path == f"blueprints.measurement_techniques.T.{key}"
    assert problem.message.startswith("feature 'color' of material prototype 'plain'")
    assert "feature 'color' of material prototype 'default'" in problem.message


@pytest.mark.parametrize("render", [None, {}, {"resolution": None, "max_samples": None}])
def test_resolution_and_samples_are_the_technique_s_own(
    render: Any, tmp_path: Path, write_plugin: WritePlugin
) -> None:
    write_plugin(tmp_path, "own", TECHNIQUE)
    settings = recipe(render).render
    assert (settings.resolution, settings.max_samples) == ((960, 960), 4096)
    made = recipe(render, tmp_path, technique="$plugins.own.Coarse")
    assert (made.render.resolution, made.render.max_samples) == ((320, 200), 24)
    assert made.volume.upper == (320, 200, 1)
    assert made.document.get("render") == render  # a run's id does not change


def test_what_a_recipe_says_counts(tmp_path: Path, write_plugin: WritePlugin) -> None:
    write_plugin(tmp_path, "own", TECHNIQUE)
    render = {"resolution": [64, 32], "max_samples": None}
    settings = recipe(render, tmp_path, technique="$plugins.own.Coarse").render
    assert (settings.resolution, settings.max_samples) == ((64, 32), 24)


def test_of_an_unknown_technique_only_its_name_is_reported() -> None:
    with pytest.raises(ConfigurationError) as caught:
        recipe({"resolution": None}, technique="secondary_electrons_microscope")
    (problem,) = caught.value.problems
    assert "did you mean 'secondary_electron_microscope'" in problem.message
