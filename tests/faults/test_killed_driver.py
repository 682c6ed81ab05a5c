"""The driver killed at random moments, resumed, and its output audited."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.blender, pytest.mark.ray]

RUNS = 12
FAULT, LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in range(3))

type Orchestrate = Callable[..., Any]
type Spawn = Callable[..., subprocess.Popen[str]]
type CheapSweep = Callable[..., Path]
type Audit = Callable[..., list[dict[str, Any]]]
type NoneLeft = Callable[..., None]


def kill_and_resume(
    *,
    executor: str,
    chance: random.Random,
    arguments: list[object],
    output: Path,
    orchestrate: Orchestrate,
    spawn: Spawn,
    mark: dict[str, str],
    none_left: NoneLeft,
) -> int:
    """Kill a sweep up to three times, then let it end; return the number of kills."""
    kills = 0
    for _ in range(chance.randint(1, 3)):
        process = spawn(*arguments, **mark)
        # Half the time as soon as some more runs are there, half the time whenever.
        if chance.random() < 0.5:
            wait_for_runs(output, chance.randint(1, RUNS), process)
            time.sleep(chance.uniform(0.0, 0.4))
        else:
            time.sleep(chance.uniform(0.0, 6.0 if executor == "inline" else 18.0))
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            kills += 1
            _, alive = psutil.wait_procs(children, timeout=20)
            assert [child.pid for child in alive] == []
        process.communicate()
        none_left(mark)
    done = orchestrate(*arguments)
    assert done.code == 0, done.out + done.err
    return kills


def wait_for_runs(output: Path, more: int, process: subprocess.Popen[str]) -> None:
    def count() -> int:
        folder = output / "runs"
        return len(list(folder.iterdir())) if folder.is_dir() else 0

    target = min(RUNS, count() + more)
    while count() < target and process.poll() is None:
        time.sleep(0.01)


def rounds(executor: str, count: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    names = ("orchestrate", "spawn", "mark", "none_left")
    fixtures = {name: request.getfixturevalue(name) for name in names}
    cheap_sweep, audit = request.getfixturevalue("cheap_sweep"), request.getfixturevalue("audit")
    options: list[object] = {
        "inline": lambda: ["--executor", "inline"],
        "shared": lambda: ["--address", request.getfixturevalue("ray_address")],
        "embedded": list,
    }[executor]()
    chance = random.Random(f"{executor}-7")
    kills = 0
    for number in range(count):
        output, log = tmp_path / f"out{number}", tmp_path / f"log{number}"
        sweep = cheap_sweep(RUNS, f"{LOG}.file={log}", f"{SLEEP}.seconds=0.15")
        arguments = [sweep, "--output", output, *options]
        kills += kill_and_resume(
            executor=executor, chance=chance, arguments=arguments, output=output, **fixtures
        )
        audit(output, succeeded=RUNS)
        # What was published is never rendered again: at most the runs in flight were.
        executions = len(log.read_text().splitlines())
        assert executions <= RUNS + 2 * kills
    print(f"{executor}: {count} rounds, {kills} kills, {count * RUNS} runs, lost 0, doubled 0")
    assert kills >= count // 2


@pytest.mark.parametrize(("executor", "count"), [("inline", 1), ("shared", 1)])
@pytest.mark.timeout(600)
def test_a_killed_sweep_resumes_with_every_run_once(
    executor: str, count: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    rounds(executor, count, request, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("executor", "count"), [("inline", 8), ("shared", 8), ("embedded", 4)])
def test_many_killed_sweeps_resume_with_every_run_once(
    executor: str, count: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    rounds(executor, count, request, tmp_path)


def test_a_killed_driver_takes_its_ray_along(
    spawn: Spawn,
    orchestrate: Orchestrate,
    cheap_sweep: CheapSweep,
    audit: Audit,
    mark: dict[str, str],
    none_left: NoneLeft,
    tmp_path: Path,
) -> None:
    output, log, until = tmp_path / "out", tmp_path / "log", tmp_path / "until"
    sweep = cheap_sweep(3, f"{LOG}.file={log}", f"{SLEEP}.seconds=60.0", f"+{SLEEP}.until={until}")
    process = spawn(sweep, "--output", output, "--no-mlflow", **mark)
    while not log.exists():
        assert process.poll() is None
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) > 3
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert [child.name() for child in alive] == []
    none_left(mark)
    until.touch()
    done = orchestrate(sweep, "--output", output, "--no-mlflow", "--executor", "inline")
    assert done.code == 0, done.out + done.err
    audit(output, succeeded=3, mlflow=False)
