"""Recipes like the predecessor's, with every key that they have: composed as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scene.errors import ConfigurationError
from scene.language.conditions import Condition
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry

FOLDER = Path(__file__).parents[1] / "recipes" / "original"
INGREDIENTS = ("s_BeanParams", "s_ColorCategories", "s_SceneVariation")


def resolved(name: str) -> dict[str, Any]:
    return Composition(FOLDER / f"{name}.yaml").resolve()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_is_composed(path: Path) -> None:
    recipe = Composition(path).resolve()
    for entry in recipe.get("process_conditions", {}).get("sets", {}).values():
        Condition.read(str(entry["criterion"]))


@pytest.mark.parametrize("name", INGREDIENTS)
def test_an_ingredient_lacks_keys_by_itself(name: str) -> None:
    with pytest.raises(ConfigurationError, match="synth_chain: is missing"):
        parse(resolved(name), name, Registry())


def test_mappings_are_merged_and_lists_replaced() -> None:
    pearls, plasticine = resolved("colPearls_plane"), resolved("plasticine_plane")
    bead = plasticine["blueprints"]["particles"]["Bead"]
    assert bead["parent"] == "MeasurementVolume"
    assert bead["geometry_prototype_name"] == "potato"
    samples = plasticine["process_conditions"]["feature_variabilities"]["CyclesSamples"]
    assert samples == {
        "feature_name": "cycles_samples",
        "variability": {"_target_": "$builtins.Constant", "value": 16},
    }
    chains = [recipe["synth_chain"]["feature_generation_steps"] for recipe in (pearls, plasticine)]
    assert len(chains[0]) != len(chains[1])
    glass = resolved("chocBeans_glassTable")
    assert glass["process_conditions"]["sets"].keys() == {"Cat1", "Cat10", "Reds", "Others"}
    assert glass["process_conditions"]["feature_variabilities"].keys() > {"GlassHide", "BeanSize"}
