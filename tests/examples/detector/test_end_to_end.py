"""From a sweep to tables, small: the detector learns next to nothing, but every part takes part."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import blendsweep as bs
from examples.detector.limits import detect_in
from examples.detector.micrographs import write_labels
from examples.detector.prediction import Prediction

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of three runs, of 128 x 128 pixels."""
    folder = tmp_path_factory.mktemp("sweep")
    content = {
        "name": "tiny",
        "recipe": str(ROOT / "examples" / "detector" / "recipes" / "limits.yaml"),
        "overrides": [
            "blueprints.particles.Bead.number=14",
            "render.resolution=[128,128]",
            "initial_runtime_state.seed=range(3)",
        ],
        "output": str(folder / "data"),
        "execution": {"executor": "inline"},
    }
    (folder / "tiny.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder / "tiny.yaml"


@pytest.fixture(scope="module")
def data(sweep: Path, orchestrate: Callable[..., Any]) -> bs.DataSet:
    # In a process of its own: in this one Blender may be other tests'.
    assert orchestrate(sweep, "--no-mlflow").code == 0
    return bs.open_dataset(sweep.parent / "data")


@pytest.mark.blender
def test_one_who_knows_finds_all_particles_of_a_data_set(data: bs.DataSet, sweep: Path) -> None:
    runs = list(data.runs())
    answers = iter([run.instances for run in runs])
    particles = detect_in(
        sweep.parent / "data", lambda _: Prediction(next(answers), np.ones(1, np.float32))
    )
    rows = [
        row
        for run in runs
        for row in run.particles.to_pylist()
        if row["visible_pixels"] and not row["touches_border"]
    ]
    assert len(rows) > 5
    assert particles.found.all()
    assert (particles.error == 0).all()
    assert sorted(particles.hidden) == sorted(row["occluded_fraction"] for row in rows)
    assert np.sort(particles.diameter) == pytest.approx(
        np.sort([10 * row["dimensions_x"] for row in rows]), rel=1e-6
    )
    assert np.nanmin(particles.contrast) > 0


@pytest.mark.blender
@pytest.mark.torch
def test_a_study_of_renders_goes_from_the_sweep_to_its_tables(
    data: bs.DataSet, sweep: Path, tmp_path: Path
) -> None:
    from PIL import Image

    from examples.detector.detector import Detector
    from examples.detector.sim2real import sim2real
    from examples.detector.stages import trainer

    run = data[0]
    for name in ("images", "masks"):
        (tmp_path / "real" / name).mkdir(parents=True)
    Image.fromarray(run.image("real")).save(tmp_path / "real" / "images" / "one.png")
    write_labels(tmp_path / "real" / "masks" / "one.png", run.instances)
    output = tmp_path / "out"
    train = trainer(10, progress=False)
    page = sim2real(tmp_path / "real", output, 1, train, {}, sweeps=[sweep], progress=False)
    assert "3 images, rendered in 0." in page.read_text(encoding="utf-8")
    assert (output / "overlays" / "seed-0" / "one.png").exists()
    (facts,) = Detector.load(output / "seed-0.pt").about["data"]
    assert json.loads(facts["recipe"])["render"]["resolution"] == [128, 128]
