"""Agglomerates in the manifest, in exports and in pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from orchestrator.dataset.dataset import DataSet
from orchestrator.export.exporting import export_output
from orchestrator.report.show.show import show
from tests.scene.test_agglomerates import RECIPE

REAL = "    - {_target_: $builtins.RenderParticlesTogether, rendering_mode: stylized}\n"


@pytest.fixture(scope="module")
def agglomerated(orchestrate: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agglomerates")
    recipe = RECIPE.replace("render:\n", f"{REAL}render:\n")
    (folder / "lumps.yaml").write_text(recipe)
    sweep = {
        "name": "lumps",
        "recipe": "lumps.yaml",
        "overrides": ["+initial_runtime_state.seed=5"],
    }
    (folder / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    output = folder / "out"
    options = ["--output", output, "--executor", "inline", "--no-mlflow"]
    done = orchestrate(folder / "sweep.yaml", *options)
    assert done.code == 0, done.err
    return output


def test_the_manifest_counts_agglomerates(agglomerated: Path) -> None:
    assert DataSet.open(str(agglomerated))[0].row["agglomerates"] == 3


def test_coco_and_hugging_face_know_who_belongs_together(
    agglomerated: Path, tmp_path: Path
) -> None:
    file, shards = tmp_path / "all.json", tmp_path / "hf"
    export_output("coco", str(agglomerated), str(file), image="stylized")
    table = DataSet.open(str(agglomerated))[0].particles.to_pylist()
    by_id = {row["particle_id"]: row for row in table}
    annotations = json.loads(file.read_text())["annotations"]
    assert annotations
    for entry in annotations:
        row = by_id[entry["particle_id"]]
        assert entry["agglomerate_id"] == row["agglomerate_id"]
        assert entry.get("parent_id") == row["parent_id"]
        assert entry["agglomerate_particles"] == 4
        assert entry["largest_neck_diameter"] > 4
    export_output("hf", str(agglomerated), str(shards), image="stylized")
    (row,) = pq.read_table(next(shards.glob("data/*.parquet"))).to_pylist()
    assert [p["agglomerate_id"] for p in row["particles"]] == [r["agglomerate_id"] for r in table]
    assert row["agglomerates"]["bytes"].startswith(b"\x89PNG")


def test_show_draws_agglomerates(agglomerated: Path, tmp_path: Path) -> None:
    run = DataSet.open(str(agglomerated))[0]
    labels = run.image("agglomerates")
    picture = run.picture(("outlines",), "stylized", agglomerates=True)
    assert picture.visible == len(np.unique(labels[labels > 0]))
    assert picture.visible < run.picture(("outlines",), "stylized").visible
    shown = show(
        str(agglomerated), "0", to=str(tmp_path / "a.png"), image="stylized", agglomerates=True
    )
    assert f"{picture.visible} visible agglomerates" in shown.notes[0]
