"""A data set of an older version is read, exported, reported and gone on with as by that one."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.dataset.dataset import DataSet
from scene.errors import ConfigurationError

if TYPE_CHECKING:
    from tests.conftest import Bucket, Done

MADE = Path(__file__).parents[1] / "old_data" / "0.2.0"

type Expected = dict[str, Any]


@pytest.fixture(scope="module")
def expected() -> Expected:
    """What the version that made the data set said of it."""
    content: Expected = json.loads((MADE / "expected.json").read_text())
    return content


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the data set that a test may change."""
    shutil.copytree(MADE / "data", tmp_path / "data")
    return tmp_path / "data"


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def table(output: Path, name: str) -> list[dict[str, object]]:
    """Return a table's rows without their nulls: a later version may add columns."""
    found = pq.read_table(output / name).to_pylist()
    return [{key: value for key, value in row.items() if value is not None} for row in found]


def rows(output: Path) -> dict[str, dict[str, object]]:
    return {str(row["run_id"]): row for row in table(output, "manifest")}


def particles(output: Path) -> list[dict[str, object]]:
    return table(output, "particles")


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder.parent)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not str(path.relative_to(folder)).startswith(".")
    }


def test_its_status_is_what_it_was(old: Path, expected: Expected) -> None:
    found = json.loads(run("status", old, "--json").splitlines()[-1])
    assert found.pop("output") == str(old)
    assert found.pop("specimens") == {"runs": 0, "specimens": 0, "stored": 0}
    assert found == expected["status"]


def test_it_is_whole_and_can_be_compacted(old: Path) -> None:
    before = rows(old), particles(old)
    found = json.loads(run("verify", old, "--json").splitlines()[-1])
    assert (found["runs"], found["files"], found["damaged"]) == (2, 12, {})
    assert run("compact", old) == "manifest: 1 part file\nparticles: 1 part file\n"
    assert (rows(old), particles(old)) == before


def test_its_exports_are_what_they_were(old: Path, tmp_path: Path, expected: Expected) -> None:
    run("export", "coco", old, "--to", tmp_path / "coco.json")
    assert json.loads((tmp_path / "coco.json").read_text()) == expected["coco"]
    for name in ("yolo", "webdataset"):
        run("export", name, old, "--to", tmp_path / name)
    assert hashes(tmp_path / "yolo") | hashes(tmp_path / "webdataset") == expected["exported"]


def test_it_becomes_a_data_set_of_hugging_face(old: Path, tmp_path: Path) -> None:
    run("export", "hf", old, "--to", tmp_path / "hf")
    found = pq.read_table(tmp_path / "hf" / "data").to_pylist()
    runs = rows(old)
    assert [row["index"] for row in found] == [0, 1]
    for row in found:
        path = f"runs/{row['run_id']}/real.png"
        assert row["image"]["bytes"] == (old / path).read_bytes()
        assert row["feature.defocus"] == runs[row["run_id"]]["feature.defocus"]
        assert len(row["particles"]) == 8


def test_it_is_reported_and_shown(old: Path) -> None:
    page = Path(run("report", old).strip())
    assert page == old / "report" / "report.html"
    text = page.read_text()
    assert "SimulationError: all 8 particles left" in text
    assert text.count("data:image/webp") == 2 * 3, "two runs in three modes"
    for words in ([], [0], ["97c1"]):
        assert Path(run("show", old, *words).strip()).stat().st_size > 1000


@pytest.mark.blender
def test_it_is_gone_on_with(old: Path, orchestrate: Callable[..., Done]) -> None:
    before, particles_before = rows(old), particles(old)
    files = hashes(old / "runs")
    asked = [
        MADE / "sweep.yaml",
        "process_conditions.feature_variabilities.ParticleDimension.variability.location=0.4",
        "initial_runtime_state.seed=range(1,4)",
        *("--output", old, "--no-mlflow", "--json"),
    ]
    refused = orchestrate(*asked)
    assert refused.code == 2
    assert "--accept-versions" in refused.err
    done = orchestrate(*asked, "--accept-versions")
    assert done.code == 0, done.err
    assert (done.json["succeeded"], done.json["executed"]) == (3, 1), "nothing is rendered twice"
    after = rows(old)
    assert {run_id: after[run_id] for run_id in before} == before
    (new,) = after.keys() - before.keys()
    assert after[new]["index"] == 2
    assert {run.run_id for run in DataSet.open(old) if run.specimen is not None} == {new}
    scales = {run.run_id: run.pixel_size_nm for run in DataSet.open(old)}
    assert {run_id for run_id, size in scales.items() if size is not None} == {new}
    assert {run.run_id for run in DataSet.open(old) if run.quality} == {new}
    assert [row for row in particles(old) if row["run_id"] != new] == particles_before
    assert {path: after for path, after in hashes(old / "runs").items() if path in files} == files
    (others,) = json.loads(run("status", old, "--json").splitlines()[-1])["others"]
    assert (others["sweep"], others["succeeded"], others["failed"]) == ("old", 0, 1)


def test_it_is_not_pruned_before_it_is_gone_on_with(old: Path) -> None:
    done = CliRunner().invoke(app, ["prune", str(old), "--yes"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "made by an older version" in done.stderr


def test_it_is_read_from_an_object_store_as_from_a_folder(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    here = DataSet.open(MADE / "data")
    for path in (path for path in Path(here.uri).rglob("*") if path.is_file()):
        target = f"bucket/old/{path.relative_to(here.uri)}"
        with bucket.files.open_output_stream(target) as stream:
            stream.write(path.read_bytes())
    there = DataSet.open("s3://bucket/old")
    assert there.manifest().equals(here.manifest())
    assert there.particles().equals(here.particles())
    for ours, theirs in zip(there.runs("succeeded"), here.runs("succeeded"), strict=True):
        assert (ours.row, ours.files) == (theirs.row, theirs.files)
        assert ours.read("real") == theirs.read("real")
        assert np.array_equal(ours.instances, theirs.instances)
        assert ours.particles.equals(theirs.particles)
        with pytest.raises(ConfigurationError, match="files have no path"):
            ours.path("real")
    assert there[2].log() == here[2].log()
    status = there.status()
    assert (status.succeeded, status.failed, status.output) == (2, 1, "s3://bucket/old")
