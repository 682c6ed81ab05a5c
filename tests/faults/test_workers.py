"""Faults of runs and workers: what a run does to its worker harms no other run."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.blender, pytest.mark.ray]

FAULT, LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in range(3))

CAUSES = {
    "raise": ("StepError", "ValueError: a fault that was asked for"),
    "exit": ("SystemExit", "3"),
    "panic": ("Panic", "no Exception"),
    "os_exit": ("WorkerDied", "its process ended"),
    "segfault": ("WorkerDied", "a crash in native code"),
}

type Orchestrate = Callable[..., Any]
type Spawn = Callable[..., subprocess.Popen[str]]
type CheapSweep = Callable[..., Path]
type Audit = Callable[..., list[dict[str, Any]]]


def test_runs_that_always_fail_are_given_up_and_the_others_succeed(
    orchestrate: Orchestrate,
    ray_address: str,
    cheap_sweep: CheapSweep,
    audit: Audit,
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    sweep = cheap_sweep(1, f"{FAULT}.kind=none,{','.join(CAUSES)}")
    arguments = [sweep, "--output", output, "--address", ray_address, "--max-attempts", "2"]
    arguments += ["--no-mlflow"]
    done = orchestrate(*arguments)
    assert done.code == 1, done.out + done.err
    for row in audit(output, succeeded=1, failed=len(CAUSES), mlflow=False):
        kind = row[f"override.{FAULT}.kind"]
        if kind == "none":
            assert row["attempts"] == 1
            continue
        error_type, message = CAUSES[kind]
        assert row["error_type"] == error_type
        assert message in row["error_message"]
        assert row["attempts"] == 2
        log = (output / "failures" / f"{row['run_id']}.log").read_text()
        assert ("Segmentation fault" if kind == "segfault" else row["error_message"]) in log
    told = orchestrate("status", output).out
    assert "1 x StepError: synth_chain.rendering_steps.0 (Fault): ValueError" in told
    assert "complete" in told
    arguments += ["--workers", "1"]
    again = orchestrate(*arguments, "--retry-failed", f"{FAULT}.kind=none,raise", "--json")
    assert (again.code, again.json["executed"]) == (1, 1)


@pytest.mark.parametrize(
    "kind",
    [
        "segfault",
        "hang_native",
        pytest.param("raise", marks=pytest.mark.slow),
        pytest.param("hang", marks=pytest.mark.slow),
    ],
)
def test_a_fault_that_passes_costs_an_attempt(
    kind: str,
    orchestrate: Orchestrate,
    ray_address: str,
    cheap_sweep: CheapSweep,
    audit: Audit,
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    sweep = cheap_sweep(
        2, f"{FAULT}.kind={kind}", f"{FAULT}.until={tmp_path / 'until'}", f"{FAULT}.times=1"
    )
    arguments = ["--output", output, "--no-mlflow", "--address", ray_address, "--timeout", "4"]
    arguments += ["--workers", "1"]
    done = orchestrate(sweep, *arguments)
    assert done.code == 0, done.out + done.err
    cause = CAUSES.get(kind, ("AttemptTimeout", "no result within 4 s"))
    assert f"attempt 1: {cause[0]}: " in done.out
    assert cause[1] in done.out
    rows = audit(output, succeeded=2, mlflow=False)
    assert sorted(row["attempts"] for row in rows) == [1, 2]


def test_workers_killed_at_any_moment_cost_attempts_and_nothing_else(
    spawn: Spawn, ray_address: str, cheap_sweep: CheapSweep, audit: Audit, tmp_path: Path
) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    chance = random.Random(4)
    sweep = cheap_sweep(16, f"{LOG}.file={log}", f"{SLEEP}.seconds=0.3")
    arguments = ["--output", output, "--address", ray_address, "--max-attempts", "100"]
    arguments += ["--no-mlflow"]
    process = spawn(sweep, *arguments)
    killed = 0
    while process.poll() is None and killed < 4:
        time.sleep(chance.uniform(0.2, 1.0))
        pids = sorted(set(log.read_text().split())) if log.exists() else []
        living = [int(pid) for pid in pids if psutil.pid_exists(int(pid))]
        if living:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(chance.choice(living)).kill()
                killed += 1
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert killed == 4
    audit(output, succeeded=16, mlflow=False)


@pytest.mark.slow
def test_a_leaking_worker_is_replaced_between_runs(
    orchestrate: Orchestrate,
    ray_address: str,
    cheap_sweep: CheapSweep,
    audit: Audit,
    tmp_path: Path,
) -> None:
    output = tmp_path / "out"
    sweep = cheap_sweep(6, f"{FAULT}.kind=eat_memory", f"{FAULT}.megabytes=200")
    with sweep.open("a") as stream:
        stream.write("execution: {recycle_above_mb: 600, workers: 1}\n")
    done = orchestrate(sweep, "--output", output, "--no-mlflow", "--address", ray_address)
    assert done.code == 0, done.out + done.err
    rows = audit(output, succeeded=6, mlflow=False)
    assert {row["attempts"] for row in rows} == {1}
    per_worker = Counter(row["worker"] for row in rows)
    assert len(per_worker) >= 2
    assert max(per_worker.values()) <= 3


@pytest.mark.slow
def test_a_worker_that_runs_out_of_memory_is_named_as_such(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, audit: Audit, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    sweep = cheap_sweep(1, f"{FAULT}.kind=none,eat_memory", f"{FAULT}.megabytes=6000")
    memory = psutil.virtual_memory()
    threshold = (memory.total - memory.available + 2.5 * 2**30) / memory.total
    done = orchestrate(
        sweep,
        *("--output", output, "--no-mlflow", "--workers", "1", "--max-attempts", "1"),
        RAY_memory_usage_threshold=f"{threshold:.4f}",
        RAY_memory_monitor_refresh_ms="100",
    )
    assert done.code == 1, done.out + done.err
    rows = audit(output, succeeded=1, failed=1, mlflow=False)
    (bad,) = [row for row in rows if row["status"] == "failed"]
    assert bad["error_type"] == "OutOfMemory"
    assert "out of memory" in bad["error_message"]


@pytest.mark.slow
@pytest.mark.parametrize(("lost", "seconds"), [(1, 1.5), (0, 8.0)], ids=["node", "head"])
def test_a_machine_that_dies_costs_its_runs_in_flight(
    lost: int,
    seconds: float,
    orchestrate: Orchestrate,
    spawn: Spawn,
    ray_cluster: Callable[..., AbstractContextManager[Any]],
    cheap_sweep: CheapSweep,
    audit: Audit,
    tmp_path: Path,
) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    sweep = cheap_sweep(12, f"{LOG}.file={log}", f"{SLEEP}.seconds={seconds}")
    arguments = [sweep, "--output", output, "--shared-output", "--no-mlflow"]
    with ray_cluster({"num_cpus": 0}, {"num_cpus": 1}, {"num_cpus": 1}) as cluster:
        process = spawn(*arguments, "--address", cluster.address)
        deadline = time.monotonic() + 120
        while not log.exists() or len(set(log.read_text().split())) < 2:
            assert time.monotonic() < deadline, "two workers never came up"
            time.sleep(0.1)
        cluster.kill_node(lost)
        out, err = process.communicate(timeout=180)
    if lost:
        assert process.returncode == 0, out + err
        assert "attempt 1: MachineLost: its machine died" in out
        rows = audit(output, succeeded=12, mlflow=False)
        assert max(row["attempts"] for row in rows) == 2
        return
    assert process.returncode == 130, out + err
    assert "same command resumes" in out + err
    done = orchestrate(*arguments, "--executor", "inline")
    assert done.code == 0, done.out + done.err
    audit(output, succeeded=12, mlflow=False)
