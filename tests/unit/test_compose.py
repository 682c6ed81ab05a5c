"""Composition: defaults lists, overrides, interpolations, and bad files."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.plan.overrides import parse_overrides
from orchestrator.plan.sweep import OverrideText
from scene.errors import ConfigurationError
from scene.recipe.compose import BUILTIN_RECIPES, Composition

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


START = "initial_runtime_state"
STEPS = "synth_chain.feature_generation_steps"


@pytest.mark.parametrize(
    ("overrides", "start", "patches"),
    [
        ([], {"seed": 42}, 42),
        ([f"{START}.seed=7"], {"seed": 7}, 7),
        ([f"{START}.look_seed=3"], {"seed": 42, "look_seed": 3}, 3),
        ([f"{START}.look_seed=3", f"{START}.seed=7"], {"seed": 7, "look_seed": 3}, 3),
        ([f"{START}={{seed: 7, look_seed: 7}}"], {"seed": 7, "look_seed": 7}, 7),
        ([f"{START}.look_seed=null"], {"seed": 42}, 42),
        ([f"~{START}.look_seed"], {"seed": 42}, 42),
        ([f"{START}.look_seed=${{{START}.seed}}"], {"seed": 42}, 42),
    ],
)
def test_the_look_has_the_seed_as_its_root_unless_it_is_given_its_own(
    spheres: Composition, overrides: list[str], start: dict[str, int], patches: int
) -> None:
    recipe = spheres.resolve(overrides)
    assert recipe[START] == {"time": 0.0} | start
    seed = recipe["process_conditions"]["feature_variabilities"]["BackgroundPatchSeed"]
    assert seed["variability"]["value"] == patches
    assert "look_seed:" not in spheres.document()


@pytest.mark.parametrize(("text", "given"), [("[1,2]", [1, 2]), ("{a:1}", {"a": 1}), ("x", "x")])
def test_what_is_not_a_seed_is_left_to_the_schema(
    spheres: Composition, text: str, given: object
) -> None:
    assert spheres.resolve([f"{START}.look_seed={text}"])[START]["look_seed"] == given


@pytest.mark.parametrize("start", ["null", "{time: 1}", "{}", "text", "[1]"])
def test_a_recipe_without_a_seed_has_no_look_seed(tmp_path: Path, start: str) -> None:
    made = Composition(write(tmp_path, "r.yaml", f"{START}: {start}\n"))
    assert "look_seed" not in made.document()


def test_a_seed_that_an_override_takes_away_is_the_looks_no_more(tmp_path: Path) -> None:
    made = Composition(write(tmp_path, "r.yaml", f"{START}: {{time: 1, seed: 2}}\n"))
    assert made.resolve([f"~{START}.seed"]) == {START: {"time": 1}}
    assert made.resolve([f"~{START}.seed", f"{START}.look_seed=3"]) == {
        START: {"time": 1, "look_seed": 3}
    }


UNIT = "render.scene_unit_nm"


@pytest.mark.parametrize(
    ("overrides", "given", "seen"),
    [
        ([], {}, 1000),
        ([f"{UNIT}=500"], {"scene_unit_nm": 500}, 500),
        ([f"{UNIT}=1000"], {}, 1000),
        ([f"{UNIT}=1e3"], {}, 1000),
        ([f"{UNIT}=${{render.resolution_percentage}}0"], {"scene_unit_nm": "1000"}, "1000"),
        ([f"{UNIT}=${{render.max_samples}}", "render.max_samples=1000"], {}, 1000),
        ([f"{UNIT}=500", f"~{UNIT}"], {}, 1000),
        ([f"{UNIT}=null"], {"scene_unit_nm": None}, None),
        ([f"{UNIT}=true"], {"scene_unit_nm": True}, True),
        (["render={scene_unit_nm: 20}"], {"scene_unit_nm": 20}, 20),
    ],
)
def test_an_optional_key_can_be_set_and_named_and_is_absent_where_it_has_its_default(
    spheres: Composition, overrides: list[str], given: dict[str, object], seen: object
) -> None:
    recipe = spheres.resolve([*overrides, f"+sets.seen=${{{UNIT}}}"])
    render = recipe["render"]
    assert {key: render[key] for key in render if key == "scene_unit_nm"} == given
    assert recipe["sets"]["seen"] == seen
    assert "scene_unit_nm" not in spheres.document()


def test_bits_and_data_bar_can_be_overridden_and_are_absent_by_default(
    spheres: Composition,
) -> None:
    given = spheres.resolve(["render.bit_depth=16", "render.data_bar=below"])["render"]
    assert (given["bit_depth"], given["data_bar"]) == (16, "below")
    for same in ([], ["render.bit_depth=8", "render.data_bar=none"]):
        assert not {"bit_depth", "data_bar"} & spheres.resolve(same)["render"].keys()


def test_a_derived_recipe_sets_an_optional_key_or_takes_it_back(tmp_path: Path) -> None:
    write(tmp_path, "near.yaml", "defaults: [BaseRecipe, _self_]\nrender: {scene_unit_nm: 50}\n")
    derived = {
        name: Composition(write(tmp_path, f"{name}.yaml", f"defaults: [near, _self_]\n{text}"))
        for name, text in {
            "same": "name: x\n",
            "other": "render: {scene_unit_nm: 70.5}\n",
            "back": "render: {scene_unit_nm: 1000}\n",
        }.items()
    }
    found = {name: made.resolve()["render"].get("scene_unit_nm") for name, made in derived.items()}
    assert found == {"same": 50, "other": 70.5, "back": None}
    assert "scene_unit_nm: 70.5" in derived["other"].document()


@pytest.mark.parametrize("render", ["null", "text", "[1]"])
def test_a_recipe_without_the_section_of_an_optional_key_is_left_as_it_is(
    tmp_path: Path, render: str
) -> None:
    made = Composition(write(tmp_path, "r.yaml", f"a: 1\nrender: {render}\n"))
    assert made.resolve()["render"] == yaml.safe_load(render)
    assert Composition(write(tmp_path, "q.yaml", "a: 1\n")).resolve() == {"a": 1}


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
        (
            f"{STEPS}.5={{_target_: $builtins.RelaxCollisions, overlap: 0.1}}",
            f"unknown key 'overlap' in {STEPS}.5; valid are: ",
        ),
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
    assert (recipe["a"], recipe["b"], recipe["render"]["fidelity"]) == (1, 2, "fast")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1, 2", "malformed YAML in line 1"),
        (b"\xff\xfe", "not a UTF-8 text file (byte 0)"),
        (b"- 1\n", "expected a mapping of keys, got a list"),
        (b"", "is empty; a recipe is a mapping of keys"),
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


INGREDIENTS = {
    "a key twice": (b"a: 1\na: 2\n", "line 2: the key 'a' is given twice"),
    "a key twice, deep": (b"a: {b: {c: 1, c: 2}}\n", "a.b: line 1: the key 'c' is given twice"),
    "a tab": (b"a:\n\tb: 1\n", "line 2: a tab; YAML takes only blanks"),
    "two documents": (b"a: 1\n---\nb: 1\n", "line 2: a second document begins here"),
    "a tag": (b"a: !!python/object:os.system {}\n", "line 1: the tag !!python/object"),
    "a standard tag": (b"a: !!int '3'\n", "line 1: the tag !!int is not supported"),
    "a list": (b"- 1\n", "expected a mapping of keys, got a list"),
    "a value": (b"3\n", "expected a mapping of keys, got a single value"),
    "nothing": (b"", "is empty"),
    "a comment": (b"# a: 1\n", "is empty"),
    "not UTF-8": ("a: é\n".encode("latin-1"), "not a UTF-8 text file (byte 3)"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "not a UTF-8 text file (byte 0)"),
    "binary": (bytes(range(256)), "not a UTF-8 text file"),
    "a null character": (b"a: \0\n", "line 1: the character"),
    "numbers as keys": (b"1: a\n", "keys must be texts, got 1"),
    "a list as a key": (b"? [1, 2]\n: a\n", "keys must be texts"),
    "an endless anchor": (b"a: &a [*a]\n", "an anchor that holds itself"),
    "an unknown anchor": (b"a: *b\n", "undefined alias 'b'"),
    "a merge of a number": (b"a: {<<: 3}\n", "'<<' takes a mapping"),
    "octal": (b"a: {b: [1, 0100]}\n", "a.b.1: line 1: 0100 is a whole number with a leading zero"),
    "defaults as a number": (b"defaults: 3\n", "defaults: expected a list of names, got 3"),
    "a number in defaults": (b"defaults: [3]\na: 1\n", "defaults.0: expected a recipe's name"),
    "a list in defaults": (b"defaults: [[x]]\n", "defaults.0: expected a recipe's name"),
    "two groups at once": (b"defaults: [{a: b, c: d}]\n", "defaults.0: expected one 'group: name'"),
    "a missing default": (b"defaults: ['???']\n", "expected a recipe's name, got '???'"),
    "a missing choice": (b"defaults: [x: '???']\n", "expected a recipe's name, got '???'"),
    "a huge index": (b"a: [1]\nb: '${a." + b"9" * 5000 + b"}'\n", "b: "),
    "itself below": (b"a: {b: '${a.b.c}'}\n", "Recursive interpolation detected"),
    "beyond the root": (b"a: 1\nb: '${..c}'\n", "b: Error resolving key '..c'"),
    "another shape": (b"a: [1]\n", "a: recipe r does not fit those before: Cannot merge a"),
    "an empty default": (b"defaults: ['']\n", "defaults.0: expected a recipe's name"),
    "the environment": (b"defaults: ['${oc.env:HOME}']\n", "only references to other keys"),
    "a broken reference": (b"a: '${'\n", "a: no viable alternative at input"),
    "a cycle": (b"defaults: [r, _self_]\na: 1\n", "the recipe includes itself"),
    "no such recipe": (b"defaults: [BaseRecip]\na: 1\n", "did you mean 'BaseRecipe'?"),
    "overriding nothing": (b"defaults: [override x: y]\na: 1\n", "x"),
    "a long name": (b"defaults: [" + b"x" * 300 + b"]\na: 1\n", "unknown recipe"),
    "a strange header": (b"# @package a b c\na: 1\n", "package"),
}


@pytest.mark.parametrize("case", INGREDIENTS)
@pytest.mark.parametrize("ending", ["yaml", "yml"])
def test_a_bad_file_of_the_defaults_list_is_one_sentence(
    tmp_path: Path, case: str, ending: str
) -> None:
    content, message = INGREDIENTS[case]
    own = "{x: 1}" if "shape" in case else "2"
    own = "" if "itself" in case else f"a: {own}\n"
    (tmp_path / "r.yaml").write_text(f"defaults: [part, _self_]\nz: 1\n{own}")
    (tmp_path / f"part.{ending}").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        Composition(tmp_path / "r.yaml").resolve()
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    assert "Error:" not in text
    assert str(tmp_path) in text


def test_files_of_the_defaults_list_that_are_no_files(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("defaults: [part, _self_]\na: 2\n")
    part = tmp_path / "part.yaml"

    def told() -> str:
        with pytest.raises(ConfigurationError) as caught:
            Composition(recipe)
        return str(caught.value)

    part.symlink_to("nowhere.yaml")
    assert "part.yaml: is a link to nowhere.yaml, which does not exist" in told()
    part.unlink()
    part.mkdir()
    assert "part.yaml: is a folder; give the YAML file in it" in told()
    part.rmdir()
    os.mkfifo(part)
    assert "part.yaml: is not a file" in told()
    part.unlink()
    part.write_text("a: 1\n")
    part.chmod(0)
    if not os.access(part, os.R_OK):
        assert "part.yaml: can't be read: Permission denied" in told()


def test_what_a_defaults_list_can_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {
        "r.yaml": "defaults: [base, size: large, optional size@b: none, mark@c: one, _self_]\n"
        "x: {y: 1}\nhydra: {run: {dir: x}}\nsynth_chain: {blender_log_file_name: y}\n",
        "base.yml": "\ufeffdefaults: [override hydra/launcher: joblib, _self_]\n"
        "x: {y: 0, z: &z {w: 1}}\nv: {<<: *z, u: 2}\n",
        "size/large.yaml": "pixels: 960\n",
        "mark/one.yaml": "m: 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert Composition(tmp_path / "r.yaml").resolve() == {
        "x": {"y": 1, "z": {"w": 1}},
        "v": {"w": 1, "u": 2},
        "size": {"pixels": 960},
        "c": {"m": 1},
        "synth_chain": {},
    }
    notes = [record.message for record in caplog.records]
    assert [note.partition(": ")[2] for note in notes] == [
        "hydra has no meaning here and is left out",
        "synth_chain.blender_log_file_name has no meaning here and is left out",
        "defaults: {'override hydra/launcher': 'joblib'} has no meaning here and is left out",
    ]


@pytest.mark.parametrize("name", ["it's, [odd]", "a=b", "a,b", "{x}", "a#b?c", "ünï", "a b"])
def test_folders_and_recipes_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder, other = tmp_path / name, tmp_path / f"{name} 2"
    folder.mkdir()
    other.mkdir()
    (folder / f"{name}.yaml").write_text("defaults: [part, _self_]\na: 2\n")
    (other / "part.yaml").write_text("b: 1\n")
    assert Composition(folder / f"{name}.yaml", [other]).resolve() == {"b": 1, "a": 2}


@pytest.mark.parametrize(
    "value", ["'${NEXT}${NEXT}'", "['${NEXT}', '${NEXT}']", "'${.NEXT}${NEXT}'"]
)
def test_references_do_not_multiply(tmp_path: Path, value: str) -> None:
    lines = [f"k{n}: {value.replace('NEXT', f'k{n + 1}')}" for n in range(40)]
    path = tmp_path / "r.yaml"
    path.write_text("\n".join([*lines, "k40: xx"]))
    with pytest.raises(ConfigurationError, match="k0: its references to other keys stand for too"):
        Composition(path).resolve()
    path.write_text("\n".join([*lines[35:], "k40: xx"]))
    assert Composition(path).resolve()


@pytest.mark.parametrize("prefix", ["", "+", "++", "~"])
def test_an_index_of_any_length_is_told(tmp_path: Path, prefix: str) -> None:
    (tmp_path / "r.yaml").write_text("a: [1]\n")
    text = f"{prefix}a.{'9' * 5000}" + ("" if prefix == "~" else "=1")
    with pytest.raises(ConfigurationError, match="a is a list of 1 entries"):
        Composition(tmp_path / "r.yaml").resolve([text])


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such recipe"):
        Composition(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~a.b=2", "a.b is 1, not 2; ~a.b alone deletes it whatever it is"),
        ("~a={b: 2}", "a is {'b': 1}, not {'b': 2}"),
        ("a={b:2,c:3}", r"unknown key 'c' in a; .* write \+a.c="),
        ("a.b=1,,2", "',' does not belong there"),
    ],
)
def test_an_override_that_does_not_fit_is_told_in_plain_words(
    tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "r.yaml").write_text("a: {b: 1}\n")
    with pytest.raises(ConfigurationError, match=expected):
        Composition(tmp_path / "r.yaml").resolve([text])


def test_a_key_is_deleted_with_its_value(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("a: {b: 1, c: [x, 2]}\n")
    recipe = Composition(tmp_path / "r.yaml")
    assert recipe.resolve(["~a.b=1"]) == recipe.resolve(["~a.b"]) == {"a": {"c": ["x", 2]}}
    assert recipe.resolve(["~a.c=[x,2]"]) == {"a": {"b": 1}}


@pytest.mark.parametrize("entry", ["./part", "../part", "a/../part", "./a: part"])
def test_a_name_relative_to_a_folder_is_told(tmp_path: Path, entry: str) -> None:
    (tmp_path / "part.yaml").write_text("a: 1\n")
    (tmp_path / "r.yaml").write_text(
        f"defaults: [{{{entry}}}]\n" if ": " in entry else f"defaults: [{entry}]\n"
    )
    with pytest.raises(
        ConfigurationError, match=r"defaults.0: unknown recipe .* named without dots"
    ):
        Composition(tmp_path / "r.yaml")


def test_a_defaults_list_without_self_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    (tmp_path / "part.yaml").write_text("a: 1\n")
    (tmp_path / "r.yaml").write_text("defaults: [part]\na: 2\n")
    assert Composition(tmp_path / "r.yaml").resolve() == {"a": 2}
    (note,) = [record.message for record in caplog.records]
    assert note.endswith("_self_ is missing; it stands last, so that the recipe's own keys win")
    assert not recwarn.list


def test_sweeps_are_not_offered_as_recipes(tmp_path: Path) -> None:
    (tmp_path / "my_sweep.yaml").write_text("recipe: r\n")
    (tmp_path / "r.yaml").write_text("defaults: [zzz]\n")
    shipped = ", ".join(sorted(file.stem for file in BUILTIN_RECIPES.glob("*.yaml")))
    with pytest.raises(ConfigurationError, match=f"valid are: {shipped}$"):
        Composition(tmp_path / "r.yaml")


KINDS = """
v:
  A: {variability: {_target_: U, low: 1, scale: {_target_: C, values: [1]}}}
  B: {variability: "${v.A.variability}"}
sets: {X: {_target_: P, blueprint_name: Bead}}
steps: [{_target_: Relax, gravity: 1}, {_target_: Settle}]
"""


@pytest.mark.parametrize(
    ("derived", "key", "expected"),
    [
        ("v: {A: {variability: {_target_: C, values: [2]}}}", "v.A.variability",
         {"_target_": "C", "values": [2]}),
        ("v: {A: {variability: {_target_: U, low: 3}}}", "v.A.variability",
         {"_target_": "U", "low": 3, "scale": {"_target_": "C", "values": [1]}}),
        ("v: {A: {variability: {low: 3}}}", "v.A.variability",
         {"_target_": "U", "low": 3, "scale": {"_target_": "C", "values": [1]}}),
        ("v: {A: {variability: {scale: {_target_: U, low: 0}}}}", "v.A.variability",
         {"_target_": "U", "low": 1, "scale": {"_target_": "U", "low": 0}}),
        ("v: {A: {variability: {scale: 4}}}", "v.A.variability",
         {"_target_": "U", "low": 1, "scale": 4}),
        ("v: {A: {variability: {low: {_target_: U, high: 2}}}}", "v.A.variability.low",
         {"_target_": "U", "high": 2}),
        ("v: {B: {variability: {_target_: C, values: [2]}}}", "v.B.variability",
         {"_target_": "C", "values": [2]}),
        ("v: {A: {variability: {_target_: C, values: [2]}}}", "v.B.variability",
         {"_target_": "C", "values": [2]}),
        ("v: {B: {variability: {_target_: C, values: [2]}}}", "v.A.variability.low", 1),
        ("sets: {X: {_target_: Q}}", "sets.X", {"_target_": "Q"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["derived", "derived twice", "override"])
def test_a_mapping_of_another_kind_replaces_the_inherited_one(
    tmp_path: Path, derived: str, key: str, expected: object, way: str
) -> None:
    write(tmp_path, "base.yaml", KINDS)
    head = "defaults: [base, _self_]\n"
    if way == "override":
        made = Composition(write(tmp_path, "r.yaml", head))
        resolved = made.resolve([derived.replace(": ", "=", 1)])
    else:
        write(tmp_path, "middle.yaml", head + (derived if way == "derived twice" else "x: 1"))
        last = "" if way == "derived twice" else derived
        made = Composition(write(tmp_path, "r.yaml", f"defaults: [middle, _self_]\n{last}"))
        resolved = made.resolve()
    node = resolved
    for part in key.split("."):
        node = node[part]
    assert node == expected


def test_a_step_of_another_kind_replaces_the_one_in_its_place(tmp_path: Path) -> None:
    made = Composition(write(tmp_path, "r.yaml", KINDS))
    steps = made.resolve(["steps.0={_target_: Settle, largest_overlap: 1}"])["steps"]
    assert steps == [{"_target_": "Settle", "largest_overlap": 1}, {"_target_": "Settle"}]
    with pytest.raises(ConfigurationError, match="unknown key 'largest_overlap'"):
        made.resolve(["steps.0={_target_: Relax, largest_overlap: 1}"])
    assert made.resolve()["steps"][0] == {"_target_": "Relax", "gravity": 1}


@pytest.mark.parametrize(
    "override",
    ["hydra.sweep.dir=x", "hydra/launcher=joblib", "synth_chain.blender_log_file_name=a"],
)
def test_overrides_for_the_predecessor_are_left_out_with_a_note(
    override: str, spheres: Composition, caplog: pytest.LogCaptureFixture
) -> None:
    assert spheres.resolve([override]) == spheres.resolve()
    assert parse_overrides([OverrideText(override, "command line")]) == ()
    note = f"command line: {override} has no meaning here and is left out"
    assert [record.getMessage() for record in caplog.records] == [note, note]
