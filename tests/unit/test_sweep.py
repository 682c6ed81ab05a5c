from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.plan.loading import load_sweep
from orchestrator.plan.sweep import Sweep
from scene.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "beads.yaml").write_text("{}")
    (tmp_path / "sweeps").mkdir()
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "sweeps" / "demo.yaml"
    path.write_text(text)
    return path


def problems(path: Path, *overrides: str, **options: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_sweep(path, overrides, command_line=True, **options)  # type: ignore[arg-type]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return str(caught.value)


def test_defaults(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    sweep = load_sweep(write(folder, "name: demo\nrecipe: beads\n"))
    assert sweep.recipe == folder / "recipes" / "beads.yaml"
    assert sweep.recipe_name == "beads"
    assert sweep.output == str(folder / "outputs" / "demo")
    assert sweep.tracking_uri == f"sqlite:///{folder}/outputs/demo/mlflow.db"
    assert sweep.experiment == "demo"
    assert sweep.settings.execution.max_attempts == 3


def test_the_command_line_wins(folder: Path) -> None:
    path = write(
        folder,
        "name: demo\nrecipe: beads\noutput: a\noverrides: [x.y=1, z=2]\n"
        "execution: {workers: 3, timeout_s: 5}\n",
    )
    sweep = load_sweep(
        path, ["+x.y=4,5", "w=6"], output="/b", workers=7, executor="inline", mlflow=False
    )
    assert [override.text for override in sweep.overrides] == ["+x.y=4,5", "z=2", "w=6"]
    assert [override.source for override in sweep.overrides][1] == str(path)
    assert sweep.output == "/b"
    assert (sweep.settings.execution.workers, sweep.settings.execution.timeout_s) == (7, 5.0)
    assert sweep.settings.execution.executor == "inline"
    assert sweep.tracking_uri is None


def test_all_problems_of_the_schema_at_once(folder: Path) -> None:
    path = write(
        folder,
        "name: ../evil\nrecipe: beads\noveride: []\nexecution: {worker: 1, timeout_s: -1}\n",
    )
    text = problems(path, max_attempts=0)
    assert f"{path}: name: must begin with a letter or a digit and have at most 100 of" in text
    assert "overide: unknown key 'overide'; did you mean 'overrides'?" in text
    assert "execution.worker: unknown key 'worker'; did you mean 'workers'?" in text
    assert "execution.timeout_s: must be greater than 0" in text
    assert "command line: --max-attempts: must be at least 1" in text


def test_all_problems_of_names_at_once(folder: Path) -> None:
    path = write(folder, "recipe: beds\nrecipe_dirs: [nowhere]\noverrides: [a=1, a=2]\n")
    text = problems(path)
    assert "recipe: unknown recipe 'beds'; did you mean 'beads'?" in text
    assert "recipe_dirs.0: " in text
    assert "overrides.1: overrides 'a' a second time" in text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name: [1\n", "malformed YAML in line 1"),
        (b"name: \xff\n", "not a UTF-8 text file"),
        (b"- 1\n", "expected a mapping of keys, got a list"),
        (b"1: 2\n", "keys must be texts"),
        (b"name: a\nname: b\n", "line 2: the key 'name' is given twice"),
        (b"name: \x00", "malformed YAML"),
        (b"[" * 5000, "nested too deeply"),
        (b"", "recipe: is missing"),
    ],
)
def test_unreadable_files(folder: Path, content: bytes, expected: str) -> None:
    path = folder / "sweeps" / "demo.yaml"
    path.write_bytes(content)
    assert expected in problems(path)


def test_a_missing_file_and_a_folder(folder: Path) -> None:
    write(folder, "")
    assert "no such file; " in problems(folder / "sweeps" / "dmo.yaml")
    assert "is a folder" in problems(folder / "sweeps")


def test_keys_of_the_sweep_file_are_no_overrides(folder: Path) -> None:
    path = write(folder, "recipe: beads\n")
    text = problems(path, "limit=3", "execution.workers=2", "overrides=a", "+tracking.enabled=true")
    assert (
        "limit=3: 'limit' is a key of the sweep file, not of the recipe; set it there, or " in text
    )
    assert [line.rpartition(" or write ")[2] for line in text.splitlines()] == [
        "--limit",
        "--workers",
        "each override by itself",
        "--no-mlflow",
    ]


def test_a_recipe_may_end_in_yml_or_be_a_dead_link(folder: Path) -> None:
    (folder / "recipes" / "more.yml").write_text("{a: 1}")
    path = write(folder, "recipe: more\n")
    assert load_sweep(path).recipe == folder / "recipes" / "more.yml"
    (folder / "recipes" / "lost.yaml").symlink_to("gone.yaml")
    assert load_sweep(write(folder, "recipe: lost\n")).recipe.name == "lost.yaml"


@pytest.mark.parametrize(
    "written", ["Recipe", "RECIPE", "recipe\u00a0", "\N{FULLWIDTH LATIN CAPITAL LETTER R}ecipe"]
)
def test_what_looks_like_a_key_is_told(folder: Path, written: str) -> None:
    assert "did you mean 'recipe'?" in problems(write(folder, f"'{written}': beads\n"))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_the_bytes_the_answer_is_a_sweep_or_a_clean_error(
    folder: Path, content: bytes
) -> None:
    path = folder / "sweeps" / "demo.yaml"
    path.write_bytes(content)
    try:
        assert isinstance(load_sweep(path), Sweep)
    except ConfigurationError as error:
        assert error.problems


def test_the_document_is_complete_and_without_credentials(folder: Path) -> None:
    path = write(folder, "name: demo\nrecipe: beads\ntracking: {uri: 'http://me:pw@host/'}\n")
    sweep = load_sweep(path, ["a=1"], output="s3://key:secret@bucket/x")
    text = sweep.document("0123456789abcdef", 7)
    document = yaml.safe_load(text)
    assert (document["recipe_hash"], document["runs"]) == ("0123456789abcdef", 7)
    assert document["overrides"] == ["a=1"]
    assert document["output"] == "s3://bucket/x"
    assert document["tracking"]["uri"] == "http://host/"
    assert {"blendsweep", "bpy", "ray", "mlflow", "python"} == document["versions"].keys()
    assert "secret" not in text


@pytest.mark.parametrize("output", ["$HOME/x", "${oc.env:HOME}/x", "x/${USER}"])
def test_variables_in_a_file_are_not_taken_for_folders(tmp_path: Path, output: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"recipe: spheres_sem\noutput: {output}\n")
    with pytest.raises(ConfigurationError, match=r"s.yaml: output: .* is not replaced in a file"):
        load_sweep(path)
    # What a shell left as it is, is meant.
    assert load_sweep(path, output="/$a/x").output == "/$a/x"
    path.write_text("recipe: spheres_sem\noutput: /a$b/c$\n")
    assert load_sweep(path).output == "/a$b/c$"


@pytest.mark.parametrize("below", ["", "/x", "/x/y"])
def test_an_output_that_is_a_file_is_told_where_it_is_given(tmp_path: Path, below: str) -> None:
    path, file = tmp_path / "s.yaml", tmp_path / "file"
    file.touch()
    path.write_text(f"recipe: spheres_sem\noutput: {file}{below}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_sweep(path)
    told = f"{file}{below}: {file} is not a folder, as an output is"
    assert str(caught.value) == f"{path}: output: {told}"
    with pytest.raises(ConfigurationError) as caught:
        load_sweep(path, output=f"{file}{below}", command_line=True)
    assert str(caught.value) == f"command line: --output: {told}"


@pytest.mark.parametrize("option", ["output", "address", "tracking_uri", "experiment", "plugins"])
def test_an_option_that_swallows_the_next_is_told(tmp_path: Path, option: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("recipe: spheres_sem\n")
    value = ["--dry-run"] if option in {"plugins", "prototypes"} else "--dry-run"
    with pytest.raises(ConfigurationError) as caught:
        load_sweep(path, command_line=True, **{option: value})  # type: ignore[arg-type]
    place = option.replace("_", "-")
    assert str(caught.value).startswith(
        f"command line: --{place}: expected a value, got '--dry-run'"
    )


def test_a_mapping_is_a_sweep_as_a_file_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    content = {"recipe": "beads", "overrides": ["a=1,2"], "execution": {"workers": 3}}
    sweep = load_sweep(content, ["b=3"], output=folder / "out", workers=2, plugins=[folder])
    assert (sweep.name, sweep.recipe) == ("beads", folder / "recipes" / "beads.yaml")
    assert [override.text for override in sweep.overrides] == ["a=1,2", "b=3"]
    assert (sweep.output, sweep.plugins) == (str(folder / "out"), (str(folder),))
    assert sweep.settings.execution.workers == 2
    assert content == {"recipe": "beads", "overrides": ["a=1,2"], "execution": {"workers": 3}}


def test_errors_of_a_call_name_its_arguments(folder: Path) -> None:
    def told(content: dict[str, object], *overrides: str, **options: object) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            load_sweep(content, overrides, **options)  # type: ignore[arg-type]
        return str(caught.value).splitlines()

    beads: dict[str, object] = {"recipe": str(folder / "recipes" / "beads.yaml")}
    assert told(beads, workers=0) == ["arguments: workers: must be at least 1, got 0"]
    assert told(beads | {"limit": 0}) == ["sweep: limit: must be at least 1, got 0"]
    assert told({}) == ["sweep: name: is missing", "sweep: recipe: is missing"]
    assert told(beads, "execution.workers=2") == [
        "overrides: execution.workers=2: 'execution' is a key of the sweep file, not of the "
        "recipe; set it there, or give the argument workers"
    ]
    (nowhere,) = told(beads, plugins=[folder / "nowhere"])
    assert nowhere == f"arguments: plugins: {folder / 'nowhere'} is not a folder"
    with pytest.raises(ConfigurationError, match="arguments: quickstrt: unknown sweep 'quickstrt'"):
        load_sweep("quickstrt")


def test_libraries_of_file_and_call_are_searched_in_this_order(folder: Path) -> None:
    for name in ("own", "added"):
        (folder / name / "materials").mkdir(parents=True)
    path = folder / "sweeps" / "libraries.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text("recipe: beads\nprototype_dirs: [../own]\n")
    sweep = load_sweep(path, prototypes=[folder / "added"])
    assert [Path(found).name for found in sweep.prototype_dirs] == ["own", "added"]
    path.write_text("recipe: beads\nprototype_dirs: [../nowhere]\n")
    with pytest.raises(ConfigurationError, match=r"prototype_dirs\.0: .*nowhere is not a folder"):
        load_sweep(path)
    path.write_text("recipe: beads\nprototype_dirs: [../own/materials]\n")
    with pytest.raises(ConfigurationError, match=r"prototype_dirs\.0: .*give the folder above it"):
        load_sweep(path)
