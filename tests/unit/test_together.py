"""Choices that a recipe makes together: of features, parameters and numbers of particles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scene.errors import ConfigurationError
from scene.recipe.compose import BUILTIN_RECIPES, Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.recipe.varying import drawn_variabilities
from scene.specimen.distributions.listed import Choice
from scene.specimen.specimen import MeasurementVolume
from scene.specimen.streams import Streams

VOLUME = MeasurementVolume((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def chosen(choice: Choice, seed: int, *stream: str) -> Any:
    return choice.sample(Streams(seed).generator(*stream), VOLUME)


@pytest.mark.parametrize("probabilities", [None, (0.7, 0.2, 0.1)])
def test_the_same_place_is_chosen_wherever_it_is_asked_for(
    probabilities: tuple[float, ...] | None,
) -> None:
    kinds: dict[str, Any] = {"probabilities": probabilities, "together": "instrument"}
    one, other = Choice(values=("a", "b", "c"), **kinds), Choice(values=(1, 2, 3), **kinds)
    third = Choice(values=(1, 2, 3), **kinds | {"together": "powder"})
    places = []
    for seed in range(300):
        place = "abc".index(chosen(one, seed, "Contrast"))
        assert chosen(other, seed, "Gamma", "of another") == place + 1
        counted = Streams(seed).counted("variability", "BeadSize")
        assert other.sample(counted, VOLUME) == place + 1
        places.append(place)
    expected = probabilities or (1 / 3,) * 3
    assert np.bincount(places) / 300 == pytest.approx(expected, abs=0.08)
    apart = [chosen(third, seed, "Contrast") - 1 for seed in range(300)]
    assert np.corrcoef(places, apart)[0, 1] == pytest.approx(0, abs=0.2)


def together(*values: float, name: str = "powder", **more: Any) -> dict[str, Any]:
    return {"_target_": "$builtins.Choice", "values": list(values), "together": name, **more}


def recipe_with(number: Any, mean: Any, seed: int = 0, **state: int) -> Recipe:
    source = BUILTIN_RECIPES / "spheres_sem_physical.yaml"
    content = Composition(source).resolve()
    content["blueprints"]["particles"]["Bead"]["number"] = number
    variabilities = content["process_conditions"]["feature_variabilities"]
    variabilities["BeadSize"]["variability"]["geometric_mean"] = mean
    content["initial_runtime_state"] = {"seed": seed, **state}
    return parse(content, "mine.yaml", Registry([], []))


def test_numbers_and_parameters_of_a_run_belong_together() -> None:
    seen = set()
    for seed in range(12):
        recipe = recipe_with(together(40, 90, 300), together(4.0, 3.0, 2.0), seed, look_seed=5)
        drawn = drawn_variabilities(recipe)
        pair = drawn.numbers["Bead"], drawn.parameters["BeadSize.geometric_mean"]
        assert pair in {(40, 4.0), (90, 3.0), (300, 2.0)}
        seen.add(pair)
    assert len(seen) == 3


def test_lists_that_do_not_belong_together_are_named() -> None:
    with pytest.raises(ConfigurationError) as refused:
        recipe_with(together(40, 90), together(4.0, 3.0, 2.0))
    assert str(refused.value) == (
        "mine.yaml: process_conditions.feature_variabilities.BeadSize.variability.geometric_mean."
        "values: has 3 entries, and 2 at blueprints.particles.Bead.number, which is chosen "
        "together with it; give as many"
    )
    with pytest.raises(ConfigurationError, match="probabilities: differ from those at blueprints"):
        recipe_with(together(40, 90), together(4.0, 3.0, probabilities=[0.2, 0.8]))
    recipe_with(together(40, 90), together(4.0, 3.0, 2.0, name="instrument"))
