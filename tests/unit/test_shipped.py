"""Sweeps and recipes called by name, and what is offered for a name that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.plan.loading import load_sweep
from orchestrator.plan.shipped import BUILTIN_SWEEPS, sweep_file
from scene.errors import ConfigurationError
from scene.language.yaml_files import is_sweep
from scene.recipe.compose import BUILTIN_RECIPES, Composition, recipe_file


def problem(path: str | Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_sweep(path)
    return str(caught.value)


def test_shipped_sweeps_and_recipes_are_found_by_name_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("quickstart", "sem"):
        sweep = load_sweep(name)
        assert sweep.source == str(BUILTIN_SWEEPS / f"{name}.yaml")
        assert sweep.recipe == BUILTIN_RECIPES / "spheres_sem.yaml"
        assert sweep.output == str(tmp_path / "outputs" / name)
    (tmp_path / "own.yaml").write_text("recipe: spheres_sem\noverrides: []\n")
    assert load_sweep("own.yaml").recipe == BUILTIN_RECIPES / "spheres_sem.yaml"
    assert list(tmp_path.iterdir()) == [tmp_path / "own.yaml"]


def test_a_file_comes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sweep_file("quickstart") == BUILTIN_SWEEPS / "quickstart.yaml"
    (tmp_path / "quickstart").write_text("recipe: spheres_sem\n")
    assert sweep_file("quickstart") == Path("quickstart")
    assert recipe_file(Path("spheres_sem")) == BUILTIN_RECIPES / "spheres_sem.yaml"
    (tmp_path / "spheres_sem").write_text("")
    assert recipe_file(Path("spheres_sem")) == Path("spheres_sem")
    for other in ("recipes/spheres_sem", "nothing", "spheres_sem.yaml"):
        assert recipe_file(Path(other)) == Path(other)


def test_a_recipe_of_an_unknown_name_is_told_the_nearest_that_ships() -> None:
    expected = "unknown recipe 'sphere_sem' among those that ship; did you mean 'spheres_sem'"
    with pytest.raises(ConfigurationError, match=expected):
        Composition(Path("sphere_sem"))
    with pytest.raises(ConfigurationError, match=r"a recipe is a \.yaml file"):
        Composition(Path("recipes/sphere_sem"))


def names_in(folder: Path, *more: str) -> str:
    return ", ".join(sorted([*(file.stem for file in folder.glob("*.yaml")), *more]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "quikstart",
            "unknown sweep 'quikstart' among those that ship; did you mean 'quickstart'?",
        ),
        ("statsu", "--help lists the commands"),
        ("zzz", f"valid are: {names_in(BUILTIN_SWEEPS)}"),
        ("sweeps/quickstart.yaml", "the sweep that ships is called 'quickstart' alone"),
        ("sem.yaml", "the sweep that ships is called 'sem' alone"),
        ("sweeps/mine.yaml", "no such file"),
        ("mine.yml", "no such file"),
    ],
)
def test_what_is_no_sweep_is_told(
    text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = problem(text)
    assert expected in told
    assert len(told.splitlines()) == 1


def test_sweeps_are_not_offered_nor_taken_as_recipes(tmp_path: Path) -> None:
    for name in ("beads", "other"):
        (tmp_path / f"{name}_sweep.yaml").write_text("name: x\n'recipe' : spheres_sem\n")
    (tmp_path / "bead.yaml").write_text("defaults: [BaseRecipe]\nnumber: 1 # recipe: none\n")
    sweep = tmp_path / "mine.yaml"
    for named in ("beads_sweep", "other_sweep.yaml", "mine"):
        sweep.write_text(f"recipe: {named}\n")
        path = tmp_path / f"{named.removesuffix('.yaml')}.yaml"
        assert problem(sweep) == f"{sweep}: recipe: {path} is a sweep, not a recipe"
    sweep.write_text("recipe: beads\n")
    assert "did you mean 'bead'? (searched" in problem(sweep)
    sweep.write_text("recipe: nothing_like_it\n")
    valid = names_in(BUILTIN_RECIPES, "bead")
    assert f"valid are: {valid} (searched" in problem(sweep)


def test_recipes_and_unreadable_files_are_no_sweeps(tmp_path: Path) -> None:
    assert all(is_sweep(file) for file in BUILTIN_SWEEPS.glob("*.yaml"))
    assert not any(is_sweep(file) for file in BUILTIN_RECIPES.glob("*.yaml"))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe")
    assert not is_sweep(binary)
    assert not is_sweep(tmp_path / "missing.yaml")
