"""The page "train your own detector": every command runs as it stands, in its order.

Its sweeps are made smaller, and its detectors are trained for a few steps; the ten micrographs of
its reader are renders.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

import blendsweep as bs
from examples.detector.micrographs import write_labels

pytestmark = [pytest.mark.blender, pytest.mark.torch]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "train-your-own-detector.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEARNS = re.compile(r"-m examples\.detector (train|sim2real) ")


def made_small(sweep: Path) -> None:
    """Leave two small runs of a sweep, in the driver's own process."""
    content = yaml.safe_load(sweep.read_text(encoding="utf-8"))
    content["overrides"].append("render.resolution_percentage=15")
    content |= {"limit": 2, "execution": {"executor": "inline"}}
    sweep.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a reader has: a clone, two micrographs, and one of them annotated."""
    for name in ("examples/detector", "recipes", "sweeps"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for sweep in (tmp_path / "examples" / "detector" / "sweeps").iterdir():
        made_small(sweep)
    for name in ("images", "annotated/images", "annotated/masks"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    recipe = ROOT / "examples" / "detector" / "recipes" / "spheres.yaml"
    few = ["render.resolution=[96,96]", "blueprints.particles.Bead.number=8"]
    for seed in (1, 2):
        run = bs.render(recipe, [*few, f"initial_runtime_state.seed={seed}"])
        picture = Image.fromarray(run.image("real"))
        picture.save(tmp_path / "mine" / "images" / f"{seed}.png")
    picture.save(tmp_path / "mine" / "annotated" / "images" / "2.png")
    write_labels(tmp_path / "mine" / "annotated" / "masks" / "2.png", run.instances)
    return tmp_path


def run(command: str, folder: Path) -> None:
    words = re.sub(r"^uv run (--group detector )?python", sys.executable, command)
    assert words != command
    if LEARNS.search(command):
        words += " --steps 10"
    done = subprocess.run(
        ["bash", "-c", words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=250,
        env=dict(os.environ),  # not what native code has set in this process
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.timeout(900)
def test_every_command_of_the_page_runs_in_its_order(folder: Path) -> None:
    commands = 0
    for language, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "yaml":
            path = folder / content.splitlines()[0].removeprefix("# ")
            path.write_text(content, encoding="utf-8")
            if path.parent.name == "sweeps":
                made_small(path)
        else:
            assert language == "console"
            for command in content.splitlines():
                run(command.removeprefix("$ "), folder)
                commands += 1
    assert commands > 12
    outputs = folder / "outputs" / "mine"
    for name in (
        "circles/1.png",
        "drawn/2.png",
        "look-2.jpg",
        "data/report/report.html",
        "detector.pt",
        "found/1.csv",
        "judged/2.png",
        "limits/limits.png",
        "limits/tables.md",
        "sim2real/tables.md",
    ):
        assert (outputs / name).is_file(), name
