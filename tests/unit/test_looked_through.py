"""A microscope that looks through its specimen needs materials that say how dense they are."""

from __future__ import annotations

from typing import Any

import pytest

from scene.errors import ConfigurationError
from scene.recipe.parse import parse
from scene.recipe.registry import Registry


def recipe(material: str, background: str | None, fidelity: str) -> dict[str, Any]:
    bead = {"geometry_prototype_name": "sphere", "material_prototype_name": material, "number": 1}
    technique = {
        "measurement_technique_prototype_name": "transmission_electron_microscope",
        "background_material_prototype_name": background,
    }
    return {
        "blueprints": {"measurement_techniques": {"TEM": technique}, "particles": {"Bead": bead}},
        "synth_chain": {"feature_generation_steps": [], "rendering_steps": []},
        "render": {"fidelity": fidelity},
    }


@pytest.mark.parametrize(
    ("material", "background", "fidelity"),
    [
        ("tem_amorphous", None, "fast"),
        ("vacuum", "vacuum", "fast"),
        ("sem_polystyrene", "sem_patchy_silicone", "reference"),
    ],
)
def test_materials_that_can_be_looked_through(
    material: str, background: str | None, fidelity: str
) -> None:
    assert parse(recipe(material, background, fidelity), "r.yaml", Registry())


def test_others_are_reported_before_the_start_with_their_places() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(recipe("sem_polystyrene", "sem_patchy_silicone", "fast"), "r.yaml", Registry())
    found = {problem.path: problem.message for problem in caught.value.problems}
    assert set(found) == {
        "blueprints.particles.Bead.material_prototype_name",
        "blueprints.measurement_techniques.TEM.background_material_prototype_name",
    }
    particle, background = (found[path] for path in sorted(found, reverse=True))
    assert "'sem_polystyrene' does not say how dense it is" in particle
    assert "has to be vacuum, or null, got 'sem_patchy_silicone'" in background
