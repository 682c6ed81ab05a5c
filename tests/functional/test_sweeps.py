"""Whole sweeps through the command line, read back with the tools that users have."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

pytestmark = pytest.mark.blender

FAULT, LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in range(3))

MODES = {"real", "categorical", "instances", "depth_map", "normal_map", "stylized"}
MODES |= {"stylized_xray", "depth"}

type Orchestrate = Callable[..., Any]
type Spawn = Callable[..., subprocess.Popen[str]]
type CheapSweep = Callable[..., Path]

EXECUTORS = ["inline", pytest.param("ray", marks=pytest.mark.ray)]


def options(request: pytest.FixtureRequest, executor: str) -> list[str]:
    if executor == "inline":
        return ["--executor", "inline"]
    return ["--address", request.getfixturevalue("ray_address"), "--workers", "1"]


def manifest(output: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(output / "manifest").to_pylist()
    return sorted(rows, key=lambda row: row["index"])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_sweep_is_rendered_and_recorded(
    executor: str,
    request: pytest.FixtureRequest,
    orchestrate: Orchestrate,
    tiny_sweep: Path,
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    done = orchestrate(tiny_sweep, "--output", output, "--json", *options(request, executor))
    assert done.code == 0, done.out + done.err
    assert (done.json["runs"], done.json["succeeded"], done.json["failed"]) == (4, 4, 0)
    assert f"mlflow ui --backend-store-uri sqlite:///{output}/mlflow.db" in done.out

    rows = manifest(output)
    assert [row["index"] for row in rows] == [0, 1, 2, 3]
    assert [row["override.blueprints.particles.Bead.number"] for row in rows] == [3, 3, 5, 5]
    assert [row["seed"] for row in rows] == [0, 1, 0, 1]
    assert {row["status"] for row in rows} == {"succeeded"}
    assert {row["attempts"] for row in rows} == {1}
    for row in rows:
        by_mode = {file["mode"]: file for file in row["files"]}
        assert by_mode.keys() >= MODES
        for file in row["files"]:
            path = output / file["path"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        with Image.open(output / by_mode["real"]["path"]) as image:
            assert (image.size, image.mode) == ((48, 48), "L")
        assert row["feature.dimensions.count"] > 0
        assert 0.2 <= row["feature.defocus"] <= 0.5
        assert row["time.total"] > 0

    particles = pq.read_table(output / "particles").to_pylist()
    assert sorted(row["run_id"] for row in particles) == sorted(
        row["run_id"] for row in rows for _ in range(3 if row["index"] < 2 else 5)
    )
    assert {path.name for path in (output / "runs").iterdir()} == {row["run_id"] for row in rows}
    assert not (output / ".attempts").exists()
    written = yaml.safe_load((output / "sweep.yaml").read_text())
    assert written["runs"] == 4
    assert written["versions"].keys() == {"blendsweep", "bpy", "ray", "mlflow", "python"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SQLAlchemy inside MLflow
def test_mlflow_holds_one_child_for_each_run(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    output = tmp_path / "out"
    for count in (2, 3):
        done = orchestrate(cheap_sweep(count), "--output", output, "--executor", "inline")
        assert done.code == 0, done.out + done.err
    client = MlflowClient(f"sqlite:///{output}/mlflow.db")
    experiment = client.get_experiment_by_name("cheap")
    found = client.search_runs([experiment.experiment_id])
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in found if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 1
    assert len(children) == 3
    assert {run.data.tags["blendsweep.run_id"] for run in children} == {
        row["run_id"] for row in manifest(output)
    }
    (parent,) = parents
    reported = {file.path for file in client.list_artifacts(parent.info.run_id, "report")}
    assert reported >= {"report/report.html", "report/contact_sheet.png"}


def test_resuming_renders_nothing_twice(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    arguments = ["--output", output, "--no-mlflow", "--json", "--executor", "inline"]
    for count, executed in ((2, 2), (2, 0), (4, 2)):
        done = orchestrate(cheap_sweep(count, f"{LOG}.file={log}"), *arguments)
        assert done.code == 0, done.out + done.err
        assert done.json["executed"] == executed
        assert done.json["succeeded"] == count
    assert len(log.read_text().splitlines()) == 4
    before = manifest(output)
    assert [row["index"] for row in before] == [0, 1, 2, 3]
    done = orchestrate("compact", output)
    assert done.code == 0, done.out + done.err
    assert done.out.splitlines() == ["manifest: 1 part file", "particles: 1 part file"]
    assert manifest(output) == before


def test_a_published_run_that_nobody_recorded_is_adopted(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    sweep = cheap_sweep(2, f"{LOG}.file={log}")
    arguments = ["--output", output, "--no-mlflow", "--executor", "inline"]
    assert orchestrate(sweep, *arguments).code == 0
    before = manifest(output)
    for part in (output / "manifest").iterdir():
        part.unlink()
    assert orchestrate(sweep, *arguments).code == 0
    assert len(log.read_text().splitlines()) == 2
    assert [row["files"] for row in manifest(output)] == [row["files"] for row in before]


def test_a_failing_run_leaves_the_others_alone(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    sweep = cheap_sweep(2, f"{FAULT}.kind=none,raise")
    arguments = ["--output", output, "--no-mlflow", "--json", "--executor", "inline"]
    done = orchestrate(sweep, *arguments, "--max-attempts", "2")
    assert done.code == 1
    assert (done.json["succeeded"], done.json["failed"]) == (2, 2)
    failed = [row for row in manifest(output) if row["status"] == "failed"]
    assert {row["attempts"] for row in failed} == {2}
    assert {row["error_type"] for row in failed} == {"StepError"}
    for row in failed:
        log = (output / "failures" / f"{row['run_id']}.log").read_text()
        assert "ValueError: a fault that was asked for" in log

    told = orchestrate("status", output, "--json")
    assert told.code == 0
    assert (told.json["succeeded"], told.json["failed"], told.json["left"]) == (2, 2, 0)
    assert f"failures/{failed[0]['run_id']}.log" in told.out

    again = orchestrate(sweep, *arguments)
    assert (again.code, again.json["executed"]) == (1, 0)
    retried = orchestrate(sweep, *arguments, "--retry-failed", "--max-attempts", "1")
    assert (retried.code, retried.json["executed"]) == (1, 2)
    assert len(manifest(output)) == 4


@pytest.mark.parametrize(
    ("executor", "number"),
    [
        ("inline", signal.SIGINT),
        pytest.param("ray", signal.SIGINT, marks=pytest.mark.ray),
        pytest.param("ray", signal.SIGTERM, marks=pytest.mark.ray),
    ],
)
def test_an_interrupted_sweep_drains_and_resumes(
    executor: str,
    number: signal.Signals,
    request: pytest.FixtureRequest,
    orchestrate: Orchestrate,
    spawn: Spawn,
    cheap_sweep: CheapSweep,
    tmp_path: Path,
) -> None:
    output, log, until = tmp_path / "out", tmp_path / "log", tmp_path / "until"
    sweep = cheap_sweep(4, f"{LOG}.file={log}", f"{SLEEP}.seconds=0.7", f"+{SLEEP}.until={until}")
    arguments = [sweep, "--output", output, "--no-mlflow", *options(request, executor)]
    process = spawn(*arguments)
    wait_for(log)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "resumes" in out
    finished = len(manifest(output))
    assert 1 <= finished < 4
    until.touch()
    done = orchestrate(*arguments)
    assert done.code == 0, done.out + done.err
    assert len(manifest(output)) == 4
    assert len(log.read_text().splitlines()) == 4


@pytest.mark.ray
def test_a_second_ctrl_c_drops_what_is_in_flight(
    spawn: Spawn, ray_address: str, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    sweep = cheap_sweep(2, f"{LOG}.file={log}", f"{SLEEP}.seconds=500.0")
    process = spawn(
        *(sweep, "--output", output, "--no-mlflow", "--address", ray_address, "--workers", "1")
    )
    wait_for(log)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert not (output / "manifest").exists() or manifest(output) == []


def test_a_second_driver_is_refused(
    orchestrate: Orchestrate, spawn: Spawn, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output, log, until = tmp_path / "out", tmp_path / "log", tmp_path / "until"
    sweep = cheap_sweep(1, f"{LOG}.file={log}", f"{SLEEP}.seconds=100.0", f"+{SLEEP}.until={until}")
    arguments = [sweep, "--output", output, "--no-mlflow", "--executor", "inline"]
    process = spawn(*arguments)
    wait_for(log)
    done = orchestrate(*arguments)
    assert done.code == 2
    assert f"in use by process {process.pid} on" in done.err
    until.touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err


def wait_for(path: Path, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.05)
