"""From a folder of images to a recipe, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from orchestrator.dataset.dataset import DataSet
from tests.standins.micrographs import micrograph

pytestmark = pytest.mark.blender

RECIPE = """
defaults:
  - spheres_sem_physical
  - _self_
process_conditions:
  feature_variabilities:
    BeadSize: {variability: {max: 6}}
    Contrast: {variability: {low: 0.2, high: 1}}
synth_chain:
  feature_generation_steps:
    - {_target_: $builtins.InvokeBlueprints, affected_set_name: AllMeasurementTechniqueBlueprints}
    - {_target_: $builtins.InvokeBlueprints, affected_set_name: AllParticleBlueprints}
"""
DRAWN = {"BeadSize": "AllParticles", "BeadLocation": "AllParticles"} | dict.fromkeys(
    ("AutomaticContrast", "Contrast"), "AllMeasurementTechniques"
)
STEP = (
    "    - {_target_: $builtins.TriggerFeatureUpdate, feature_variability_name: %s, "
    "affected_set_name: %s}\n"
)
RECIPE += "".join(STEP % step for step in DRAWN.items())


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "real"
    folder.mkdir()
    for seed in range(5):
        Image.fromarray(micrograph(seed, shape=(100, 100))).save(folder / f"{seed}.png")
    return folder


def test_images_become_a_recipe_and_what_was_rendered_is_kept(
    orchestrate: Callable[..., Any], tmp_path: Path, images: Path
) -> None:
    (tmp_path / "beads.yaml").write_text(RECIPE)
    to, kept = tmp_path / "mine.yaml", tmp_path / "mine.match"
    command = [
        "match", images, "--recipe", tmp_path / "beads.yaml", "--to", to,
        "--executor", "inline", "--simulations", 50,
    ]  # fmt: skip
    early = orchestrate(*command, "--budget", "1s")
    assert early.code == 2
    assert "at least 50 are needed: give more time, the same command goes on" in early.err
    assert not to.exists()

    done = orchestrate(*command)
    assert done.code == 0, done.err
    assert "5 images, of which 5 pieces of 96 x 96 pixels" in done.err
    assert "of 4 ranges narrowed" in done.out
    written = yaml.safe_load(to.read_text())
    assert written["defaults"] == ["beads", "_self_"]
    report = (kept / "report.md").read_text()
    assert report.count("\n| ") == 1 + 1 + 4
    with np.load(kept / "round-1/statistics.npz") as table:
        assert len(table["run_ids"]) == 50

    # Draws are a recipe, too, and every run has the values of one simulation.
    draws = tmp_path / "mine_draws.yaml"
    (tmp_path / "sweep.yaml").write_text(f"""
recipe: mine_draws
recipe_dirs: ["{tmp_path}"]
overrides: [initial_runtime_state.seed=range(3)]
output: {tmp_path}/drawn
""")
    drawn = orchestrate(tmp_path / "sweep.yaml", "--executor", "inline", "--no-mlflow")
    assert drawn.code == 0, drawn.err
    ranges = yaml.safe_load(draws.read_text())["process_conditions"]["feature_variabilities"]
    contrasts = ranges["Contrast"]["variability"]["values"]
    means = ranges["BeadSize"]["variability"]["geometric_mean"]["values"]
    columns = ["feature.contrast", "variability.BeadSize.geometric_mean"]
    for row in DataSet.open(str(tmp_path / "drawn")).manifest(columns).to_pylist():
        assert (row[columns[0]], row[columns[1]]) in set(zip(contrasts, means, strict=True))

    # Without the file, the same command only infers again, and finds the same.
    text = to.read_text()
    to.unlink()
    draws.unlink()
    again = orchestrate(*command)
    assert again.code == 0, again.err
    assert to.read_text() == text

    # Simulations of another recipe are not mixed with these.
    to.unlink()
    draws.unlink()
    (tmp_path / "beads.yaml").write_text(RECIPE.replace("0.2", "0.3"))
    other = orchestrate(*command)
    assert other.code == 2
    assert "holds simulations of another recipe or of another size" in other.err
