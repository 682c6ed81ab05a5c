"""Which files of libraries a recipe uses, and what their content changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.plan.expansion import Expansion
from orchestrator.plan.overrides import parse_overrides
from orchestrator.plan.sweep import OverrideText
from scene.recipe.code import code_of, named_in
from scene.recipe.compose import Composition
from scene.recipe.prototype_files import prototype_file, prototype_versions


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for place, content in {
        "geometries/flake.blend": "shape",
        "geometries/flake.yaml": "features: []",
        "geometries/unused.blend": "shape",
        "materials/flake.blend": "look",
        "measurement_techniques/bench.blend": "scene",
    }.items():
        file = tmp_path / "library" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return tmp_path / "library"


RECIPE = {
    "blueprints": {
        "measurement_techniques": {
            "Bench": {
                "measurement_technique_prototype_name": "bench",
                "background_material_prototype_name": "flake",
            }
        },
        "particles": {"Flake": {"geometry_prototype_name": "flake", "number": 3}},
    }
}


def test_the_prototypes_that_a_recipe_names_are_found_by_kind(library: Path) -> None:
    assert set(prototype_versions(RECIPE, [library])) == {
        "prototypes.geometries.flake",
        "prototypes.materials.flake",
        "prototypes.measurement_techniques.bench",
    }
    assert prototype_versions(RECIPE, []) == {}


@pytest.mark.parametrize("name", ["default", "vacuum"])
def test_materials_that_no_key_names_are_found_too(library: Path, name: str) -> None:
    (library / "materials" / f"{name}.blend").write_text("look")
    assert f"prototypes.materials.{name}" in prototype_versions(RECIPE, [library])


def test_values_of_overrides_are_names_too(library: Path) -> None:
    text = "blueprints.particles.Flake.geometry_prototype_name=sphere,unused"
    assert set(prototype_versions([text], [library])) == {"prototypes.geometries.unused"}


@pytest.mark.parametrize("name", ["flake.blend", "flake.yaml"])
def test_a_version_is_that_of_the_content(library: Path, tmp_path: Path, name: str) -> None:
    before = prototype_versions(RECIPE, [library])
    copy = tmp_path / "copy"
    library.rename(copy)
    assert prototype_versions(RECIPE, [copy]) == before
    copy.rename(tmp_path / "other")
    (tmp_path / "other" / "geometries" / name).write_text("changed")
    after = prototype_versions(RECIPE, [tmp_path / "other"])
    assert {key for key in before if before[key] != after[key]} == {"prototypes.geometries.flake"}


def test_the_first_library_wins(library: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "geometries" / "flake.blend"
    other.parent.mkdir(parents=True)
    other.write_text("other shape")
    assert prototype_file("geometries", "flake", [other.parents[1], library]) == other
    assert prototype_file("geometries", "../materials/flake", [library]) is None


def test_a_worker_looks_at_the_files_that_the_driver_named(library: Path) -> None:
    code = code_of(RECIPE, (), [library])
    assert code_of(named_in(code), (), [library]) == code
    (library / "geometries" / "flake.blend").unlink()
    assert "prototypes.geometries.flake" not in code_of(named_in(code), (), [library])


def test_the_id_of_a_run_depends_on_the_files_that_it_uses(library: Path) -> None:
    key = "blueprints.particles.Bead.geometry_prototype_name"
    axes = parse_overrides([OverrideText(f"{key}=sphere,flake", "test")])
    composition = Composition(Path("recipes/spheres_sem.yaml").absolute())

    def ids(*folders: Path) -> list[str]:
        runs = Expansion(axes, composition, None, [str(folder) for folder in folders])
        assert [run.run_id for run in runs] == [runs.run_id(0), runs.run_id(1)]
        return [run.run_id for run in runs]

    without, before = ids(), ids(library)
    assert before[0] == without[0]
    assert before[1] != without[1]
    copy = library.with_name("copy")
    library.rename(copy)
    (copy / "geometries" / "unused.blend").write_text("changed")
    assert ids(copy) == before
    changed = copy.with_name("changed")
    copy.rename(changed)
    (changed / "geometries" / "flake.blend").write_text("changed")
    assert ids(changed)[0] == before[0]
    assert ids(changed)[1] not in (before[1], without[1])
