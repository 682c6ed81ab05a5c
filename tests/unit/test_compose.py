"""Composition: defaults lists, overrides, interpolations, and bad files."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scene.compose import Composition
from scene.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def spheres() -> Composition:
    return Composition(ROOT / "recipes" / "spheres_sem.yaml")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_overrides_reach_list_entries_and_interpolations(spheres: Composition) -> None:
    recipe = spheres.resolve(
        ["synth_chain.feature_generation_steps.5.gravity.2=-10000", "initial_runtime_state.seed=7"]
    )
    assert recipe["synth_chain"]["feature_generation_steps"][5]["gravity"] == [0, 0, -10000]
    seed = recipe["process_conditions"]["feature_variabilities"]["BackgroundPatchSeed"]
    assert seed["variability"]["value"] == 7


def test_resolving_leaves_the_composition_as_it_was(spheres: Composition) -> None:
    before = copy.deepcopy(spheres.resolve())
    spheres.resolve(["blueprints.particles.Bead.number=1", "~render.max_samples", "+sets.x=1"])
    assert spheres.resolve() == before


def test_quoted_and_composite_values(spheres: Composition) -> None:
    recipe = spheres.resolve(
        ["synth_chain.rendering_steps.0.name='a b'", "render.resolution=[64,32]"]
    )
    assert recipe["synth_chain"]["rendering_steps"][0]["name"] == "a b"
    assert recipe["render"]["resolution"] == [64, 32]


def test_list_entries_can_be_removed(spheres: Composition) -> None:
    recipe = spheres.resolve(["~synth_chain.rendering_steps.1"])
    modes = [s.get("rendering_mode") for s in recipe["synth_chain"]["rendering_steps"]]
    assert "real" not in modes
    assert len(modes) == 6


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("blueprints.particles.Beed.number=1", "unknown key 'Beed' in blueprints.particles; did"),
        ("synth_chain.rendering_steps.9.name=x", "is a list of 7 entries, counted from 0"),
        ("initial_runtime_state.seed.x=1", "initial_runtime_state.seed is a plain value"),
        ("+initial_runtime_state.seed=1", "exists already; leave out the '+'"),
        ("+synth_chain.rendering_steps.last=1", "synth_chain.rendering_steps is a list of"),
        ("+synth_chain.rendering_steps.last.0=1", "synth_chain.rendering_steps is a list of"),
        ("~render.max_sample", "did you mean 'max_samples'?"),
        ("initial_runtime_state.seed=1,2", "several values need a sweep"),
        ("initial_runtime_state.seed=${oc.env:HOME}", "only references to other keys are allowed"),
        ("initial_runtime_state.seed=${initial_runtime_state.sed}", "not found"),
        ("no equals sign", ""),
        ("a@b=c", "packages"),
    ],
)
def test_an_override_that_does_not_fit_is_told(
    spheres: Composition, override: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        spheres.resolve([override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_overrides_that_do_not_fit_are_told_at_once(spheres: Composition) -> None:
    with pytest.raises(ConfigurationError) as caught:
        spheres.resolve(["x=1", "initial_runtime_state.seed=1", "y=2"])
    assert [problem.path for problem in caught.value.problems] == ["x=1", "y=2"]


@pytest.mark.parametrize(
    "value", ["${oc.env:HOME}", "${${a}:b}", "x ${ oc.decode : 1 }", "${oc.create:{}}"]
)
def test_interpolations_can_name_keys_but_not_call(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, "r.yaml", f"a: oc.env\nb: '{value}'\n")
    with pytest.raises(ConfigurationError):
        Composition(path).resolve()


def test_a_colon_outside_an_interpolation_is_text(tmp_path: Path) -> None:
    path = write(tmp_path, "r.yaml", "a: x\nb: 'a:${a}:{c:d}'\n")
    assert Composition(path).resolve()["b"] == "a:x:{c:d}"


def test_recipes_are_found_beside_in_folders_and_with_the_package(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    write(tmp_path / "more", "Extra.yaml", "b: 2\n")
    path = write(tmp_path, "r.yaml", "defaults: [BaseRecipe, Extra, _self_]\na: 1\n")
    recipe = Composition(path, [tmp_path / "more"]).resolve()
    assert (recipe["a"], recipe["b"], recipe["render"]["max_samples"]) == (1, 2, 4096)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1, 2", "is not valid YAML"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"- 1\n", "a recipe is a mapping"),
        (b"", "a recipe is a mapping"),
        (b"defaults: [r, _self_]\n", "includes itself"),
        (b"defaults: [NoSuchRecipe, _self_]\n", "NoSuchRecipe"),
        (b"a: ???\n", "a"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        Composition(path).resolve()
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_whatever_the_bytes_the_answer_is_a_recipe_or_a_clean_error(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    try:
        Composition(path).resolve()
    except ConfigurationError as error:
        assert error.problems


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such recipe"):
        Composition(tmp_path / "none.yaml")
