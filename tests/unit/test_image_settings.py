"""The features of every technique that stand for the recipe's `render`, before anything is run."""

from __future__ import annotations

from typing import Any

import pytest

from scene.errors import ConfigurationError
from scene.prototypes.image_settings import png_level
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe, RenderSettings
from scene.recipe.settings_in_force import settings_in_force
from scene.recipe.specimen_hash import specimen_paths
from scene.specimen.values import initial

ALL = {
    "cycles_samples": 4096, "resolution_x": 960, "resolution_y": 960, "resolution_percentage": 100,
    "color_mode": "BW", "color_depth": "8", "compression": 15,
}  # fmt: skip


def recipe(
    technique: str = "secondary_electron_microscope",
    render: dict[str, Any] | None = None,
    diameter: float = 5.0,
    **values: Any,
) -> Recipe:
    """Return a recipe of one bead whose technique gets some values before all particles."""
    entries = {
        name: {
            "feature_name": name,
            "variability": {"_target_": "$builtins.Constant", "value": value},
        }
        for name, value in {**values, "dimensions": [diameter] * 3}.items()
    }
    steps: list[dict[str, Any]] = [
        {"_target_": "$builtins.InvokeBlueprints", "affected_set_name": f"All{kind}Blueprints"}
        for kind in ("MeasurementTechnique", "Particle")
    ]
    for name in entries:
        owner = "AllParticles" if name == "dimensions" else "AllMeasurementTechniques"
        steps.append(
            {
                "_target_": "$builtins.TriggerFeatureUpdate",
                "feature_variability_name": name,
                "affected_set_name": owner,
            }
        )
    bead = {
        "geometry_prototype_name": "sphere",
        "material_prototype_name": "sem_polystyrene",
        "number": 1,
    }
    made = {"measurement_technique_prototype_name": technique}
    document = {
        "blueprints": {"measurement_techniques": {"T": made}, "particles": {"Bead": bead}},
        "process_conditions": {"feature_variabilities": entries},
        "synth_chain": {"feature_generation_steps": steps, "rendering_steps": []},
        "render": render or {},
    }
    return parse(document, "r.yaml", Registry())


def test_every_technique_has_them_and_their_defaults_are_what_holds() -> None:
    features = recipe().technique_features
    assert {name: features[name].default for name in ALL} == ALL
    assert [name for name in features if name in ALL] == list(ALL), "in the original's order"
    small = {"resolution": [200, 100], "max_samples": 8, "bit_depth": 16}
    render = {**small, "resolution_percentage": 50}
    features = recipe("default", render, diameter=0.5).technique_features
    assert [features[name].default for name in ALL] == [8, 200, 100, 50, "RGBA", "16", 15]


def test_nothing_is_held_or_recorded_until_it_is_set() -> None:
    untouched, changed = recipe(), recipe(resolution_x=640, color_mode="RGB")
    assert not ALL.keys() & initial(untouched.technique_features.values()).keys()
    assert untouched.sampled_technique_features() == ()
    assert changed.sampled_technique_features() == ("color_mode", "resolution_x")


@pytest.mark.parametrize(
    ("feature", "value", "message"),
    [
        ("color_mode", "CMYK", "unknown color_mode 'CMYK'; valid are: BW, RGB, RGBA"),
        ("color_depth", "12", "unknown color_depth '12'; valid are: 16, 8"),
        ("color_depth", 8, "color_depth takes text, got 8"),
        ("resolution_x", 4, r"resolution_x must lie in \[16, 16384\], got 4"),
        ("cycles_samples", 0.5, "cycles_samples takes whole numbers, got 0.5"),
        ("compression", 101, r"compression must lie in \[0, 100\], got 101"),
    ],
)
def test_values_that_can_not_be_are_reported_before_the_start(
    feature: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        recipe(**{feature: value})


def test_a_feature_wins_over_the_recipe_s_setting() -> None:
    render = RenderSettings(resolution=(100, 80), max_samples=4)
    assert settings_in_force(render, {"defocus": 0.3, "color_mode": "RGB"}) is render
    held = {
        "resolution_y": 60, "resolution_percentage": 50, "cycles_samples": 9, "color_depth": "16",
    }  # fmt: skip
    found = settings_in_force(render, held)
    assert (found.resolution, found.size) == ((100, 60), (50, 30))
    assert (found.max_samples, found.bit_depth) == (9, 16)
    assert found.fidelity == render.fidelity


def test_settings_that_do_not_go_together_are_one_sentence() -> None:
    with pytest.raises(ValueError, match=r"^1 % of 16 x 16 pixels is less than one pixel"):
        settings_in_force(
            RenderSettings(),
            {"resolution_x": 16, "resolution_y": 16, "resolution_percentage": 1},
        )


def test_the_volume_follows_the_larger_side() -> None:
    made = recipe()
    assert made.volume_at((960, 960)) == made.volume
    assert made.volume_at((320, 640)).sides == pytest.approx((80.0, 80.0, 51.2))


def test_what_depends_on_the_size_is_not_checked_against_the_recipe_s() -> None:
    with pytest.raises(ConfigurationError, match="larger"):
        recipe(diameter=300.0)
    assert recipe(diameter=300.0, resolution_x=4096)


def test_specimens_that_depend_on_the_size_are_not_shared() -> None:
    assert specimen_paths(recipe()) is not None
    assert specimen_paths(recipe(cycles_samples=5)) is not None
    assert specimen_paths(recipe(resolution_y=500)) is None


@pytest.mark.parametrize(("percent", "level"), [(0, 0), (15, 1), (50, 4), (100, 9)])
def test_compression_is_a_level_of_png(percent: int, level: int) -> None:
    assert png_level({"compression": percent}) == level
