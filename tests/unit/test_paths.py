"""A path is read alike wherever one is given: ``~``, and all that no file can be called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from orchestrator.common.uris import local_folder
from orchestrator.plan.loading import load_sweep
from scene.errors import ConfigurationError
from scene.execution.alone import execute_alone
from scene.language.paths import shown_path, written_path
from scene.machine.resources import Resources

BAD = {
    "~nosuchuser/x": "there is no such user; ./~NAME is a folder of that name",
    "": "is empty",
    "  ": "is empty",
    "a\0b": "holds a NUL character",
    "a\udcff": "is not UTF-8",
    "x" * 256: "holds a name of more than 255 bytes",
    "x/" * 2500: "is longer than 4000 bytes",
    "\N{LATIN SMALL LETTER E WITH ACUTE}" * 128: "holds a name of more than 255 bytes",
}
RECIPE = Path("recipes/spheres_sem.yaml").absolute()


def alone(**given: str) -> None:
    paths = {"path": str(RECIPE), "output": "out", "plugin": ".", "library": "."} | given
    execute_alone(
        Path(paths["path"]), ["render.max_samples=0"], Path(paths["output"]),
        plugins=[Path(paths["plugin"])], prototypes=[Path(paths["library"])],
        resources=Resources(cpus=1),
    )  # fmt: skip


def of_file(key: str) -> Callable[[str], object]:
    def load(text: str) -> object:
        value = [text] if key in {"plugins", "prototype_dirs", "recipe_dirs"} else text
        Path("s.yaml").write_text(yaml.safe_dump({"recipe": str(RECIPE)} | {key: value}))
        return load_sweep("s.yaml")

    return load


IN_FILES = {"recipe", "recipe_dirs", "plugins", "prototype_dirs", "output"}
PLACES: dict[str, Callable[[str], object]] = {
    "the path itself": written_path,
    "the sweep": load_sweep,
    "recipe": of_file("recipe"),
    "recipe_dirs": of_file("recipe_dirs"),
    "plugins": of_file("plugins"),
    "prototype_dirs": of_file("prototype_dirs"),
    "output": of_file("output"),
    "a data set": local_folder,
    "--plugins": lambda text: load_sweep(RECIPE.parents[1] / "sweeps/sem.yaml", plugins=[text]),
    "--output": lambda text: load_sweep(RECIPE.parents[1] / "sweeps/sem.yaml", output=text),
    "the recipe alone": lambda text: alone(path=text),
    "plugins alone": lambda text: alone(plugin=text),
    "prototypes alone": lambda text: alone(library=text),
    "output alone": lambda text: alone(output=text),
}


def is_current_folder(place: str, text: str) -> bool:
    """Whether the argument's type, a path, makes no text the current folder there."""
    return place.endswith("alone") and not text


@pytest.mark.parametrize(
    ("text", "place"),
    [(text, place) for text in BAD for place in PLACES if not is_current_folder(place, text)],
)
def test_what_is_no_path_is_one_sentence_wherever_it_is_given(
    place: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ConfigurationError, ValueError)) as caught:
        PLACES[place](text)
    told = str(caught.value)
    expected = BAD[text]
    if place in {"recipe", "output", "--output"} and not text:
        expected = "expected a text"
    if text == "a\udcff" and place in IN_FILES:
        expected = "invalid Unicode character"
    elif text == "a\udcff" and place == "--output":
        expected = "expected a text in UTF-8"
    assert expected in told
    assert "\n" not in told
    assert len(told) < 400
    told.encode()


def test_the_home_folder_is_meant_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "geometries").mkdir()  # of the current folder, which is a library
    (tmp_path / "r.yaml").write_text("defaults: [spheres_sem, _self_]\nname: mine\n")
    content = {"recipe": "~/r.yaml", "recipe_dirs": ["~/plugins"], "plugins": ["~/plugins"]}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(content | {"output": "~/out"}))
    sweep = load_sweep("~/s.yaml", plugins=["~/plugins"])
    assert sweep.source == str(tmp_path / "s.yaml")
    assert sweep.recipe == tmp_path / "r.yaml"
    assert set(sweep.plugins) == {str(tmp_path / "plugins")}
    assert tmp_path / "plugins" in sweep.recipe_dirs
    assert sweep.output == str(tmp_path / "out")
    with pytest.raises(ConfigurationError, match="max_samples"):
        alone(path="~/r.yaml", output="~/out", plugin="~/plugins")


@pytest.mark.parametrize("output", ["file/x", "file"])
def test_a_run_alone_that_cannot_be_written_is_one_sentence(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(ConfigurationError, match=r"--output: .*/file(/x can't be written: )?"):
        execute_alone(
            RECIPE, [], Path(output), plugins=[], prototypes=[], resources=Resources(cpus=1)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_tilde_in_a_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    sweep = RECIPE.parents[1] / "sweeps/sem.yaml"
    for uri in ("sqlite:///~/mlflow.db", "sqlite:////~nosuchuser/x"):
        with pytest.raises(ConfigurationError, match=f"write it out: sqlite:///{tmp_path}/"):
            load_sweep(sweep, tracking_uri=uri)
    with pytest.raises(ConfigurationError, match="tracking_uri: expected a text, got ''"):
        load_sweep(sweep, tracking_uri="")


def test_paths_are_shown_on_one_short_line() -> None:
    assert shown_path("a b") == "a b"
    assert shown_path("a\nb\0") == r"'a\nb\x00'"
    assert shown_path("") == "''"
    assert len(shown_path("x" * 1000)) == 100
