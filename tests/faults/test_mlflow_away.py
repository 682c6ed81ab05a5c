"""MLflow's server down, slow or its database locked: the sweep goes on, MLflow catches up."""

from __future__ import annotations

import itertools
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytestmark = [
    pytest.mark.blender,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of SQLAlchemy inside MLflow
]

LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in (1, 2))

type Orchestrate = Callable[..., Any]
type Spawn = Callable[..., subprocess.Popen[str]]
type CheapSweep = Callable[..., Path]
type Audit = Callable[..., list[dict[str, Any]]]


class Server:
    """A real MLflow tracking server that can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
                *("--host", "127.0.0.1", "--port", str(self.port)),
                *("--backend-store-uri", f"sqlite:///{self._folder}/server.db"),
                *("--artifacts-destination", str(self._folder / "artifacts")),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            # Without it MLflow starts eight processes for jobs that no data set has.
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
        deadline = time.monotonic() + 180
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                return
            assert time.monotonic() < deadline, "MLflow's server never came up"
            time.sleep(0.2)

    def kill(self) -> None:
        import psutil

        if self._process is None:
            return
        family = [psutil.Process(self._process.pid)]
        family += family[0].children(recursive=True)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.kill()


def children(uri: str) -> Counter[str]:
    """Return how often each run is in MLflow."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("cheap")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    return Counter(
        run.data.tags["blendsweep.run_id"] for run in runs if "blendsweep.run_id" in run.data.tags
    )


@pytest.mark.slow
def test_a_server_that_goes_away_delays_mlflow_and_not_the_sweep(
    server: Server, spawn: Spawn, orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    sweep = cheap_sweep(16, f"{LOG}.file={log}", f"{SLEEP}.seconds=0.3")
    arguments = [sweep, "--output", output, "--executor", "inline", "--tracking-uri", server.uri]
    server.start()
    process = spawn(*arguments)
    while not log.exists() or len(log.read_text().splitlines()) < 4:
        assert process.poll() is None
        time.sleep(0.05)
    server.kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert "MLflow can't be reached; it catches up later" in err
    assert "the next start of this sweep adds them" in err
    rows = pq.read_table(output / "manifest").to_pylist()
    assert len(rows) == 16
    # While the server was away, runs took no longer than their sleep and their usual work.
    ends = sorted(row["finished_at"] for row in rows)
    gaps = [(later - one).total_seconds() for one, later in itertools.pairwise(ends)]
    assert max(gaps[6:]) < 1.5

    server.start()
    done = orchestrate(*arguments, "--json")
    assert (done.code, done.json["executed"]) == (0, 0), done.err
    assert children(server.uri) == Counter(row["run_id"] for row in rows)


@pytest.mark.slow
def test_a_locked_database_delays_mlflow_and_not_the_sweep(
    spawn: Spawn, orchestrate: Orchestrate, cheap_sweep: CheapSweep, audit: Audit, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    arguments = ["--output", output, "--executor", "inline"]
    done = orchestrate(cheap_sweep(1), *arguments)
    assert done.code == 0, done.out + done.err
    sweep = cheap_sweep(8, f"{SLEEP}.seconds=0.0")
    with closing(sqlite3.connect(output / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        process = spawn(sweep, *arguments)
        deadline = time.monotonic() + 60
        while len(list((output / "runs").iterdir())) < 8:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        other.execute("ROLLBACK")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    done = orchestrate(sweep, *arguments)
    assert done.code == 0, done.out + done.err
    audit(output, succeeded=8)


def test_a_driver_killed_while_mlflow_makes_its_database_leaves_none_that_is_half_made(
    orchestrate: Orchestrate,
    spawn: Spawn,
    cheap_sweep: CheapSweep,
    audit: Audit,
    tmp_path: Path,
) -> None:
    output, places = tmp_path / "out", tmp_path / "places"
    places.mkdir()
    arguments = [cheap_sweep(1), "--output", output, "--executor", "inline"]
    process = spawn(*arguments, TMPDIR=str(places))
    # Wherever it is made: as soon as some of its tables are there.
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 50_000 for path in tmp_path.rglob("mlflow.db")):
        assert process.poll() is None
        assert time.monotonic() < deadline, "MLflow never began"
        time.sleep(0.01)
    process.kill()
    process.communicate()
    done = orchestrate(*arguments)
    assert done.code == 0, done.out + done.err
    audit(output, succeeded=1)


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("localhost:5000", "command line: --tracking-uri: localhost:5000: lacks the scheme"),
        ("./mlruns", "does not record in plain folders any more"),
        ("sqlite:////proc/m/mlflow.db", "/proc can't be written"),
        ("postgresql://me:secret1@h/d", "postgresql://***@h/d: its driver is not installed"),
    ],
)
def test_a_uri_that_can_not_work_is_refused_before_anything_starts(
    uri: str, told: str, orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    done = orchestrate(cheap_sweep(1), "--output", output, "--tracking-uri", uri)
    assert done.code == 2, done.out + done.err
    assert told in done.err
    assert len(done.err.splitlines()) == 1
    assert "secret1" not in done.err
    assert not output.exists()
