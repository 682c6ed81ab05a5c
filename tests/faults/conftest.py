"""What the fault tests share: the full audit of an output, and places to break."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

MARK = "BLENDSWEEP_TEST_MARK"

type Audit = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def audit() -> Audit:
    """Check that an output holds each run once and whole, and return the manifest's rows.

    The check shares no code with what it checks.
    """

    def check(
        output: Path,
        *,
        succeeded: int,
        failed: int = 0,
        mlflow: bool = True,
        extra: Sequence[str] = (),
    ) -> list[Any]:
        rows: list[dict[str, Any]] = pq.read_table(output / "manifest").to_pylist()
        rows.sort(key=lambda row: row["index"])
        statuses = Counter(row["status"] for row in rows)
        assert (statuses["succeeded"], statuses["failed"]) == (succeeded, failed)
        assert len({row["run_id"] for row in rows}) == len(rows), "a run is recorded twice"
        assert len({row["index"] for row in rows}) == len(rows)
        good = [row for row in rows if row["status"] == "succeeded"]

        folders = {path.name for path in (output / "runs").iterdir()} if good else set()
        assert folders == {row["run_id"] for row in good}
        for row in good:
            recorded = {file["path"] for file in row["files"]}
            folder = output / "runs" / row["run_id"]
            found = {f"runs/{row['run_id']}/{path.name}" for path in folder.iterdir()}
            assert found - recorded <= {
                f"runs/{row['run_id']}/{name}"
                for name in ("record.json", "preview.jpg", "recipe.yaml", *extra)
            }
            for file in row["files"]:
                data = (output / file["path"]).read_bytes()
                assert hashlib.sha256(data).hexdigest() == file["sha256"], file["path"]

        particles = pq.read_table(output / "particles", columns=["run_id", "particle_id"])
        keys = Counter(zip(*particles.to_pydict().values(), strict=True))
        assert not keys or max(keys.values()) == 1, "a particle is recorded twice"
        assert {run_id for run_id, _ in keys} == {row["run_id"] for row in good}

        litter = [path for path in output.rglob("*") if path.name.startswith(".partial-")]
        assert litter == []
        assert not (output / ".attempts").exists()
        for row in rows:
            if row["status"] == "failed":
                assert (output / "failures" / f"{row['run_id']}.log").stat().st_size > 0
        if mlflow:
            with warnings.catch_warnings():  # SQLAlchemy's, inside MLflow
                warnings.simplefilter("ignore", DeprecationWarning)
                _check_mlflow(output, rows)
        return rows

    return check


def _check_mlflow(output: Path, rows: list[dict[str, Any]]) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{output}/mlflow.db")
    experiments = [
        found.experiment_id for found in client.search_experiments() if found.name != "Default"
    ]
    runs = []
    for experiment in experiments:
        token = None
        while True:
            page = client.search_runs([experiment], max_results=500, page_token=token)
            runs += page
            if not (token := page.token):
                break
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 1
    assert Counter(run.data.tags["blendsweep.run_id"] for run in children) == Counter(
        row["run_id"] for row in rows
    )
    held = {run.data.tags["blendsweep.run_id"]: run.info.run_id for run in children}
    for row in rows:  # where MLflow had not taken a run yet, the manifest does not name it
        assert row["mlflow_run_id"] in (None, held[row["run_id"]])
    expected = {"succeeded": "FINISHED", "failed": "FAILED"}
    status = {row["run_id"]: expected[row["status"]] for row in rows}
    assert {r.data.tags["blendsweep.run_id"]: r.info.status for r in children} == status


@pytest.fixture
def mark() -> Iterator[dict[str, str]]:
    """A variable for the environment of a command, by which its processes are found again."""
    name = uuid.uuid4().hex
    yield {MARK: name}
    for process in marked(name):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def marked(name: str) -> list[psutil.Process]:
    """Return the processes whose environment holds the mark, zombies left out."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            if process.environ().get(MARK) == name:
                found.append(process)
    return found


@pytest.fixture
def none_left() -> Callable[[dict[str, str]], None]:
    """Check that all processes with a mark end within some seconds."""

    def check(mark: dict[str, str], timeout_s: float = 20.0) -> None:
        deadline = time.monotonic() + timeout_s
        while left := marked(mark[MARK]):
            names = [process.pid for process in left]
            assert time.monotonic() < deadline, f"left behind: {names}"
            time.sleep(0.2)

    return check


SMALL_DISK = """
mkdir -p {place} && mount -t tmpfs -o size={size} none {place} && echo mounted && cat
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a real file system of 3 MiB, mounted in a namespace of its own."""
    place = tmp_path / "disk"
    script = SMALL_DISK.format(place=place, size="3m")
    with subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "mounted", "needs unshare and user namespaces"
        yield Path(f"/proc/{holder.pid}/root{place}")
        holder.communicate(timeout=20)
