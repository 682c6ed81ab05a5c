"""The lines of the ablation: what they have in common and what they leave behind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import blendsweep as bs
from examples.detector import ablation
from examples.detector.ablation import AT_EQUAL_TIME, LINES, PILOT, Ablation
from examples.detector.micrographs import write_labels
from examples.detector.prediction import Prediction
from examples.detector.stages import Rendered, Trained
from scene.recipe.compose import Composition

LINE = {line.name: line for line in (*LINES, *AT_EQUAL_TIME)}


@cache
def resolved(name: str) -> dict[str, Any]:
    recipe = Path(LINE[name].recipe)
    if not recipe.is_absolute():  # one that ships
        recipe = Path(__file__).parents[3] / "recipes" / f"{recipe}.yaml"
    return Composition(recipe).resolve(())


def values(name: str) -> dict[str, Any]:
    entries = resolved(name)["process_conditions"]["feature_variabilities"]
    return {key: entry["variability"] for key, entry in entries.items()}


def numbers(name: str) -> dict[str, int]:
    blueprints = resolved(name)["blueprints"]["particles"]
    return {key: blueprint["number"] for key, blueprint in blueprints.items()}


def test_path_traced_and_computed_images_show_the_same_specimens() -> None:
    traced, computed = values("sizes"), values("look")
    for name in ("BeadSize", "BeadLocation", "Magnification"):
        assert traced[name] == computed[name]
    assert numbers("sizes") == numbers("look")
    for name in ("sizes", "look"):
        render = resolved(name)["render"]
        assert (render["resolution"], render["scene_unit_nm"]) == ([640, 640], 100)


@pytest.mark.parametrize(("poorer", "richer"), [("look", "ground"), ("ground", "chain")])
def test_a_line_differs_from_the_next_in_what_it_holds_constant(poorer: str, richer: str) -> None:
    less, more = values(poorer), values(richer)
    assert less.keys() == more.keys()
    held = [name for name in less if less[name] != more[name]]
    assert len(held) > 10
    assert {less[name]["_target_"] for name in held} == {"$builtins.Constant"}


def test_beads_without_satellites_and_relief_are_spheres() -> None:
    less, more = values("chain"), values("full")
    changed = {name: value for name, value in less.items() if value != more[name]}
    nothing = {"_target_": "$builtins.Constant", "value": 0}
    assert changed == {"Satellites": nothing, "Unevenness": nothing}


@pytest.mark.parametrize("name", [name for name in LINE if name != "today"])
def test_a_recipe_draws_all_that_it_describes_of_its_own(name: str) -> None:
    content = yaml.safe_load(Path(LINE[name].recipe).read_text(encoding="utf-8"))
    steps = resolved(name)["synth_chain"]["feature_generation_steps"]
    own = content["process_conditions"]["feature_variabilities"]
    assert own.keys() <= {step.get("feature_variability_name") for step in steps}


@pytest.fixture
def real(tmp_path: Path) -> Path:
    folder = tmp_path / "real"
    labels = np.zeros((64, 64), np.uint16)
    labels[10:30, 10:30], labels[40:60, 40:60] = 1, 2
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    Image.fromarray(np.where(labels, 200, 40).astype(np.uint8)).save(folder / "images" / "a.png")
    write_labels(folder / "masks" / "a.png", labels)
    return folder


def test_each_line_has_a_row_and_ways_to_make_images_get_the_same_time(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: dict[str, list[int]] = {}

    def render(sweep: Mapping[str, Any], **options: Any) -> Rendered:
        bs.load_sweep(sweep, output=options["output"])
        limits.setdefault(sweep["name"], []).append(options["limit"])
        each = {"ablation_sizes": 4.0, "ablation_equal_reference": 20.0}.get(sweep["name"], 1.0)
        return Rendered(sweep["name"], options["limit"], each * options["limit"])

    def detect(image: np.ndarray) -> Prediction:
        labels = np.zeros(image.shape, np.uint16)
        labels[10:30, 10:30] = 1
        return Prediction(labels, np.ones(1, np.float32))

    def train(data: list[str], checkpoint: Path, seed: int) -> Trained:
        checkpoint.write_text(f"{data} {seed}", encoding="utf-8")
        return Trained(detect, 60.0)

    monkeypatch.setattr(ablation, "render", render)
    page = Ablation(real, tmp_path / "out", train, 2, 10, progress=False).publish()
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*) \| (\d+) \| ([\d.]+) min \| ([^|]*) \|", text, re.MULTILINE)
    assert [row[0] for row in rows] == [line.change for line in (*LINES, *AT_EQUAL_TIME)]
    assert {row[3] for row in rows} == {"0.500 ± 0.000"}
    assert [row[1] for row in rows] == ["10"] * 7 + [f"{PILOT}", "40"]  # too slow, and fast
    assert [row[2] for row in rows[-3:]] == ["0.7", "1.3", "0.7"]
    assert limits["ablation_equal_buffers"] == [PILOT, 40]
