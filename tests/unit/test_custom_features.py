"""Features that a recipe adds to its blueprints."""

from __future__ import annotations

from typing import Any

import pytest

from scene.errors import ConfigurationError
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe

PLACE = "blueprints.particles.P.custom_features"


def recipe(*features: Any, drawn: Any = None, also: Any = None) -> Recipe:
    particle = {"geometry_prototype_name": "sphere", "number": 2}
    technique = {"measurement_technique_prototype_name": "secondary_electron_microscope"}
    steps = [
        {"_target_": f"$builtins.{name}", "affected_set_name": f"All{kind}Blueprints"}
        for name in ("InvokeBlueprints",)
        for kind in ("MeasurementTechnique", "Particle")
    ]
    update = {"_target_": "$builtins.TriggerFeatureUpdate", "feature_variability_name": "V"}
    steps.append(update | {"affected_set_name": "AllParticles"})
    variability = {"_target_": "$builtins.Constant", "value": drawn}
    particles = {"P": particle | {"custom_features": list(features)}}
    if also is not None:
        particles["Q"] = particle | {"custom_features": also}
    document = {
        "blueprints": {
            "measurement_techniques": {
                "T": technique | {"custom_features": [{"name": "lab", "_value": "A"}]}
            },
            "particles": particles,
        },
        "process_conditions": {
            "feature_variabilities": {"V": {"feature_name": "tag", "variability": variability}}
        },
        "synth_chain": {"feature_generation_steps": steps if drawn is not None else []},
    }
    return parse(document, "r", Registry())


def problems(*features: Any, **more: Any) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        recipe(*features, **more)
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("value", "kind", "columns"),
    [
        (3, "number", ("tag",)),
        (True, "boolean", ("tag",)),
        ("a", "string", ("tag",)),
        ([1, 2, 3], "number", ("tag_x", "tag_y", "tag_z")),
        ([1, 0, 0, 1], "number", ("tag_r", "tag_g", "tag_b", "tag_a")),
    ],
)
def test_the_value_says_of_which_kind_a_feature_is(
    value: Any, kind: str, columns: tuple[str, ...]
) -> None:
    made = recipe({"name": "tag", "_value": value}, drawn=value)
    spec = made.all_particle_features()["tag"]
    assert (spec.kind, spec.columns) == (kind, columns)
    assert spec.default == (tuple(value) if isinstance(value, list) else value)
    assert made.sampled_particle_features() == ("tag",)


def test_features_stand_in_the_order_of_the_original() -> None:
    made = recipe({"name": "tag", "_value": 1})
    names = list(made.particle_features["P"])
    assert names[:1] == ["tag"]
    assert names.index("blueprint_name") < names.index("subdivisions") < names.index("color")
    technique = list(made.technique_features)
    assert technique.index("defocus") < technique.index("lab") < technique.index("blueprint_name")


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ({"name": "tag"}, "a custom feature has either a _value or a blender_link"),
        (
            {"name": "tag", "_value": 1, "blender_link": "bpy.data.x"},
            "a custom feature has either a _value or a blender_link",
        ),
        ({"name": "tag", "blender_link": "bpy.ops.x"}, "has to start with 'bpy.data.'"),
        ({"name": "tag", "_value": [1, "a"]}, "tag takes numbers, got 'a'"),
        ({"name": "tag", "_value": [1] * 5}, "tag has 1, 2, 3 or 4 components, got 5"),
        ({"name": "tag", "_value": {"a": 1}}, "true or false, or text, got {'a': 1}"),
        ({"name": "tag", "blender_link": "bpy.data.x"}, "to begin like"),
        ({"name": "1st", "_value": 1}, "a feature's name is made of letters, digits and _"),
    ],
)
def test_a_faulty_feature_gets_one_sentence(feature: dict[str, Any], message: str) -> None:
    found = problems({"name": "other", "_value": 1}, feature)
    (place,) = found
    assert place.startswith(f"{PLACE}.1")
    assert message in found[place]


def test_a_misspelt_key_is_told_as_recipes_write_it() -> None:
    found = problems({"name": "tag", "value": 1})
    assert found[f"{PLACE}.0.value"] == "unknown key 'value'; did you mean '_value'?"


@pytest.mark.parametrize("name", ["color", "subdivisions", "dimensions", "blueprint_name"])
def test_a_name_that_another_has_already_is_refused(name: str) -> None:
    found = problems({"name": name, "_value": 1})
    assert list(found) == [PLACE]
    assert found[PLACE].startswith(f"feature {name!r} of custom_features has the name {name!r}, as")


def test_a_feature_is_of_one_kind_in_all_blueprints() -> None:
    found = problems({"name": "tag", "_value": 1}, also=[{"name": "tag", "_value": "a"}])
    assert list(found) == ["blueprints.particles.Q"]


def test_what_is_drawn_is_of_the_feature_s_kind() -> None:
    found = problems({"name": "tag", "_value": "a"}, drawn=1)
    assert list(found.values()) == ["tag takes text, got 1"]
