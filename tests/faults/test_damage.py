"""Damaged and foreign files, changed recipes: named, set aside or told apart."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from orchestrator.dataset.dataset import DataSet
from tests.conftest import write_sweep

pytestmark = pytest.mark.blender

FAULT, LOG, _, VALUE = (f"synth_chain.rendering_steps.{index}" for index in range(4))
LOG_FILE = "log"
"""Below the current folder, so that a copy of the sweep has the same runs and a log of its own."""

OPTIONS = ("--no-mlflow", "--executor", "inline")

type Orchestrate = Callable[..., Any]
type CheapSweep = Callable[..., Path]
type Audit = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def complete(
    orchestrate: Orchestrate,
    cheap_recipe: Path,
    probe_plugins: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with a sweep of three runs that is complete, and the log of its executions."""
    folder = tmp_path_factory.mktemp("complete")
    overrides = [f"{VALUE}.value=range(3)", f"{LOG}.file={LOG_FILE}"]
    sweep = write_sweep(folder / "cheap.yaml", str(cheap_recipe), overrides, str(probe_plugins))
    with pytest.MonkeyPatch.context() as there:
        there.chdir(folder)
        done = orchestrate(sweep, "--output", folder / "out", *OPTIONS)
    assert done.code == 0, done.out + done.err
    return folder


@pytest.fixture
def finished(complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Arguments of that sweep in a copy of the folder; its executions are logged there too."""
    shutil.copytree(complete, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return [tmp_path / "cheap.yaml", "--output", tmp_path / "out", *OPTIONS]


def executions(tmp_path: Path) -> int:
    return len((tmp_path / LOG_FILE).read_text().splitlines())


def test_foreign_files_are_named_and_set_aside(
    finished: list[object], orchestrate: Orchestrate, audit: Audit, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    (output / "runs" / "notes.txt").write_text("mine")
    (output / "runs" / "copy of a run").mkdir()
    (output / "runs" / "copy of a run" / "real.png").write_text("image")
    (output / "manifest" / "part-00007.parquet").write_text("no parquet")
    (output / "manifest" / "notes.txt").write_text("mine too")
    done = orchestrate(*finished)
    assert done.code == 0, done.out + done.err
    for name in ("runs/notes.txt", "runs/copy of a run", "part-00007.parquet", "notes.txt"):
        assert name in done.err, done.err
    assert (output / "damaged" / "notes.txt-1").read_text() == "mine"
    assert (output / "damaged" / "copy of a run-1" / "real.png").read_text() == "image"
    assert (output / "manifest" / "_notes.txt.set-aside").read_text() == "mine too"
    assert executions(tmp_path) == 3
    audit(output, succeeded=3, mlflow=False)


def test_a_damaged_manifest_is_made_whole_from_the_runs(
    finished: list[object], orchestrate: Orchestrate, audit: Audit, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    (part,) = (output / "manifest").glob("part-*.parquet")
    part.write_bytes(part.read_bytes()[:-100])
    done = orchestrate(*finished)
    assert done.code == 0, done.out + done.err
    assert "is damaged" in done.err
    assert executions(tmp_path) == 3
    audit(output, succeeded=3, mlflow=False)


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_particles_that_got_lost_are_made_whole_from_the_runs(
    how: str, finished: list[object], orchestrate: Orchestrate, audit: Audit, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    (part,) = (output / "particles").glob("part-*.parquet")
    before = pq.read_table(part).to_pylist()
    assert before
    if how == "gone":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-100])
        found = orchestrate("verify", output, "--json")
        assert (found.code, found.json["damaged"]) == (1, {}), found.err
        assert "particles/part-00000.parquet: is damaged (" in found.out
    done = orchestrate(*finished)
    assert done.code == 0, done.out + done.err
    assert executions(tmp_path) == 3
    audit(output, succeeded=3, mlflow=False)
    after = pq.read_table(output / "particles").to_pylist()
    assert sorted(after, key=str) == sorted(before, key=str)
    assert orchestrate("verify", output).code == 0


@pytest.mark.parametrize("content", ["damaged", "foreign"])
@pytest.mark.parametrize(
    ("command", "code"),
    [("status", 0), ("verify", 1), ("report", 2), ("show", 2), ("export", 2)],
)
def test_every_command_names_a_part_that_is_damaged(
    content: str,
    command: str,
    code: int,
    finished: list[object],
    orchestrate: Orchestrate,
    tmp_path: Path,
) -> None:
    del finished
    output = tmp_path / "out"
    (part,) = (output / "manifest").glob("part-*.parquet")
    if content == "damaged":
        part.write_bytes(part.read_bytes()[:-100])
    else:
        pq.write_table(pq.read_table(part).drop_columns("run_id"), part)
    to = ("--to", tmp_path / "to.json")
    arguments = {"export": ["export", "coco", output, *to], "report": ["report", output, *to]}
    told = orchestrate(*arguments.get(command, [command, output]))
    assert told.code == code, told.out + told.err
    assert f"{part}: is damaged (" in told.out + told.err
    assert "internal error" not in told.err


def test_damaged_runs_are_found_by_verify_and_made_again(
    finished: list[object], orchestrate: Orchestrate, audit: Audit, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    clean = orchestrate("verify", output)
    assert clean.code == 0, clean.err
    assert clean.out.startswith("3 runs with ")
    rows = audit(output, succeeded=3, mlflow=False)
    changed, cut = (output / "runs" / row["run_id"] / "stripes.png" for row in rows[:2])
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    cut.unlink()
    found = orchestrate("verify", output, "--json")
    assert found.code == 1, found.err
    assert found.json["damaged"].keys() == {row["run_id"] for row in rows[:2]}
    assert "has another checksum than its record" in found.out
    assert "is missing" in found.out
    done = orchestrate(*finished, "--json")
    assert done.code == 0, done.out + done.err
    assert "2 recorded runs are no longer in" in done.err
    assert done.json["executed"] == 2
    again = audit(output, succeeded=3, mlflow=False)
    assert [row["files"] for row in again] == [row["files"] for row in rows]
    assert len(list((output / "damaged").iterdir())) == 2


def test_a_published_folder_is_adopted_only_if_it_is_whole(
    finished: list[object], orchestrate: Orchestrate, audit: Audit, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    rows = audit(output, succeeded=3, mlflow=False)
    for part in (output / "manifest").iterdir():
        part.unlink()
    folders = [output / "runs" / row["run_id"] for row in rows]
    (folders[0] / "stripes.png").write_bytes(b"other")
    (folders[1] / "record.json").write_text('{"files": [{"path": "../../../etc/passwd"}]}')
    done = orchestrate(*finished)
    assert done.code == 0, done.out + done.err
    assert executions(tmp_path) == 5
    audit(output, succeeded=3, mlflow=False)


def test_a_changed_recipe_makes_other_runs_and_status_tells_them_apart(
    orchestrate: Orchestrate,
    cheap_sweep: CheapSweep,
    cheap_recipe: Path,
    tmp_path: Path,
) -> None:
    output, recipe = tmp_path / "out", tmp_path / "own.yaml"
    recipe.write_text(cheap_recipe.read_text())
    sweep = cheap_sweep(2, f"{FAULT}.kind=none,raise")
    sweep.write_text(sweep.read_text().replace(str(cheap_recipe), str(recipe)))
    options = ["--output", output, "--executor", "inline", "--max-attempts", "1", "--no-mlflow"]
    assert orchestrate(sweep, *options).code == 1
    first = orchestrate("status", output, "--json").json
    assert (first["succeeded"], first["failed"], first["left"]) == (2, 2, 0)
    assert first["others"] == []

    recipe.write_text(recipe.read_text().replace("number: 2", "number: 3"))
    assert orchestrate(sweep, *options, "--limit", "1").code == 0
    told = orchestrate("status", output, "--json")
    assert (told.json["runs"], told.json["succeeded"], told.json["failed"]) == (1, 1, 0)
    (other,) = told.json["others"]
    assert (other["succeeded"], other["failed"]) == (2, 2)
    kept = output / "recipes" / f"{other['recipe_hash']}.yaml"
    assert "number: 2" in kept.read_text()
    assert f"recipes/{other['recipe_hash']}.yaml" in told.out
    rows = pq.read_table(output / "manifest").to_pylist()
    assert len({row["run_id"] for row in rows}) == 5

    narrowed = orchestrate(sweep, *options, f"{FAULT}.kind=none")
    assert narrowed.code == 0, narrowed.err
    told = orchestrate("status", output, "--json").json
    assert (told["runs"], told["succeeded"], told["left"]) == (2, 2, 0)


def test_status_of_a_running_sweep_names_its_driver(
    spawn: Callable[..., subprocess.Popen[str]],
    orchestrate: Orchestrate,
    cheap_sweep: CheapSweep,
    tmp_path: Path,
) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    sleep = "synth_chain.rendering_steps.2.seconds"
    sweep = cheap_sweep(30, f"{LOG}.file={log}", f"{sleep}=0.9")
    process = spawn(sweep, "--output", output, "--no-mlflow", "--executor", "inline")
    wait_for(lambda: log.exists(), process)
    wait_for(lambda: len(list((output / "manifest").glob("part-*"))) > 0, process)
    told = orchestrate("status", output, "--json")
    while told.json["runs_per_minute"] is None:
        assert process.poll() is None
        told = orchestrate("status", output, "--json")
    assert told.code == 0, told.err
    assert told.json["driver"].startswith(f"process {process.pid} on ")
    running = told.json
    assert told.json["succeeded"] + told.json["left"] == 30
    assert "left" in told.out.splitlines()[1]
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    told = orchestrate("status", output, "--json")
    # The pace was that of the runs on record at that moment, however busy the machine is.
    ends = sorted(run.row["finished_at"] for run in DataSet.open(str(output)))
    ends = ends[: running["succeeded"]]
    seconds = (ends[-1] - ends[0]).total_seconds()
    assert running["runs_per_minute"] == pytest.approx(60 * (len(ends) - 1) / seconds)
    assert running["runs_per_minute"] < 60 / 0.9, "each run sleeps for 0.9 s"
    assert told.json["driver"] is None
    assert "not running; the sweep's command resumes it" in told.out


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None
        time.sleep(0.05)
