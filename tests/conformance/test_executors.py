"""What every executor owes the driver: each attempt's outcome, once, whatever happens."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure
from orchestrator.execution.errors import WorkerStartError
from orchestrator.execution.executors import EXECUTORS
from orchestrator.execution.executors.base import Executor
from orchestrator.execution.worker import WorkerSettings
from orchestrator.plan.run import Run
from orchestrator.plan.settings import Execution
from scene.execution.record import RunRecord
from scene.recipe.compose import Composition

pytestmark = pytest.mark.blender

FAULT, LOG, SLEEP, STRIPES = (f"synth_chain.rendering_steps.{index}" for index in range(4))

RUNNABLE = [
    pytest.param(name, marks=pytest.mark.ray if name == "ray" else ()) for name in EXECUTORS
]

type Start = Callable[..., Executor]
type MakeAttempt = Callable[..., Attempt]


@pytest.fixture
def start(request: pytest.FixtureRequest, tmp_path: Path, probe_plugins: Path) -> Iterator[Start]:
    """Start an executor of the given kind; all are closed at the end."""
    running: list[Executor] = []

    def start_executor(kind: str, useful: int = 2, **options: object) -> Executor:
        address = request.getfixturevalue("ray_address") if kind == "ray" else None
        settings = WorkerSettings(str(tmp_path / "out"), plugins=(str(probe_plugins),), **options)
        executor = EXECUTORS[kind](settings, Execution(address=address))
        running.append(executor)
        executor.start()
        executor.scale(useful)
        return executor

    yield start_executor
    for executor in running:
        executor.close()


@pytest.fixture
def make_attempt(cheap_recipe: Path) -> MakeAttempt:
    composition = Composition(cheap_recipe)

    def make(*overrides: str, number: int = 1, name: str = "a") -> Attempt:
        recipe = composition.resolve(overrides)
        return Attempt(Run(0, f"{name:0<16}", recipe, (), {}), number)

    return make


def outcomes(executor: Executor, count: int, timeout_s: float = 120) -> list[AttemptOutcome]:
    """Wait for so many outcomes."""
    found: list[AttemptOutcome] = []
    deadline = time.monotonic() + timeout_s
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {len(found)} of {count} outcomes"
        found += executor.wait(1.0)
    return found


def wait_until_free(executor: Executor, count: int = 1) -> None:
    deadline = time.monotonic() + 120
    while executor.free < count:
        assert time.monotonic() < deadline
        assert executor.wait(1.0) == []


@pytest.mark.parametrize("kind", RUNNABLE)
def test_every_attempt_is_reported_once(
    kind: str, start: Start, make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    executor = start(kind)
    attempts = [make_attempt(f"{STRIPES}.value={i}", name=f"run{i}") for i in range(4)]
    waiting, found = list(attempts), []
    while len(found) < 4:
        while waiting and executor.free:
            executor.submit(waiting.pop(0))
        found += executor.wait(1.0)
    assert sorted(o.attempt.run.run_id for o in found) == [a.run.run_id for a in attempts]
    assert executor.wait(0.0) == []
    for outcome in found:
        assert outcome.failure is None
        assert outcome.record is not None
        assert outcome.device == "CPU"
        assert outcome.started_at <= outcome.finished_at
        folder = tmp_path / "out" / "runs" / outcome.attempt.run.run_id
        record = RunRecord.from_json((folder / "record.json").read_text())
        assert record == outcome.record
        assert all((folder / file.path).stat().st_size == file.bytes for file in record.files)
        assert (folder / "preview.jpg").stat().st_size < 200_000


@pytest.mark.parametrize("kind", RUNNABLE)
@pytest.mark.parametrize("fault", ["raise", "exit"])
def test_an_error_is_data_and_the_worker_goes_on(
    kind: str, fault: str, start: Start, make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    executor = start(kind, useful=1)
    wait_until_free(executor)
    executor.submit(make_attempt(f"{FAULT}.kind={fault}"))
    (bad,) = outcomes(executor, 1)
    assert bad.record is None
    assert bad.failure is not None
    assert "Traceback" in bad.failure.log
    if fault == "raise":
        assert bad.failure.error_type == "StepError"
        assert "rendering_steps.0 (Fault): ValueError: a fault that was asked for" in (
            bad.failure.message
        )
    assert not (tmp_path / "out" / "runs").exists()
    assert executor.free == 1
    executor.submit(make_attempt(number=2))
    (good,) = outcomes(executor, 1)
    assert good.failure is None
    assert good.worker == bad.worker


@pytest.mark.parametrize("kind", RUNNABLE)
def test_a_killed_attempt_is_reported_once_and_others_can_follow(
    kind: str, start: Start, make_attempt: MakeAttempt
) -> None:
    executor = start(kind, useful=1)
    wait_until_free(executor)
    hung = make_attempt(f"{SLEEP}.seconds=600.0")
    executor.submit(hung)
    failure = Failure("AttemptTimeout", "took too long")
    executor.kill(hung, failure)
    (ended,) = outcomes(executor, 1)
    assert (ended.attempt, ended.failure) == (hung, failure)
    wait_until_free(executor)
    executor.submit(make_attempt(number=2))
    (good,) = outcomes(executor, 1)
    assert good.failure is None


@pytest.mark.parametrize("kind", RUNNABLE)
def test_a_published_run_is_taken_as_it_is(
    kind: str, start: Start, make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    executor = start(kind, useful=1)
    found = []
    for number in (1, 2):
        wait_until_free(executor)
        executor.submit(make_attempt(f"{LOG}.file={log}", number=number))
        found += outcomes(executor, 1)
    assert len(log.read_text().splitlines()) == 1
    assert found[0].record == found[1].record


@pytest.mark.parametrize("kind", RUNNABLE)
def test_a_damaged_run_is_set_aside_and_made_again(
    kind: str, start: Start, make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    attempt = make_attempt()
    damaged = tmp_path / "out" / "runs" / attempt.run.run_id
    damaged.mkdir(parents=True)
    (damaged / "record.json").write_text("{}")
    executor = start(kind, useful=1)
    wait_until_free(executor)
    executor.submit(attempt)
    (good,) = outcomes(executor, 1)
    assert good.failure is None
    assert (damaged / "stripes.png").exists()
    assert len(list((tmp_path / "out" / "damaged").iterdir())) == 1


@pytest.mark.parametrize("kind", RUNNABLE)
def test_a_run_with_a_damaged_image_is_made_again(
    kind: str, start: Start, make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    executor, attempt = start(kind, useful=1), make_attempt()
    image = tmp_path / "out" / "runs" / attempt.run.run_id / "stripes.png"
    found, contents = [], []
    for number in (1, 2):
        wait_until_free(executor)
        executor.submit(dataclasses.replace(attempt, number=number))
        found += outcomes(executor, 1)
        contents.append(image.read_bytes())
        image.write_bytes(contents[0][:-1] + b"x")
    assert [outcome.failure for outcome in found] == [None, None]
    assert contents[0] == contents[1]
    assert [path.name for path in (tmp_path / "out" / "damaged").iterdir()] == [
        f"{attempt.run.run_id}-1"
    ]


@pytest.mark.parametrize("kind", RUNNABLE)
def test_closing_again_is_harmless(kind: str, start: Start) -> None:
    executor = start(kind)
    executor.close()
    executor.close()


@pytest.mark.ray
@pytest.mark.parametrize("fault", ["segfault", "killed"])
def test_a_dead_worker_fails_its_attempt_and_is_replaced(
    fault: str, start: Start, make_attempt: MakeAttempt, tmp_path: Path
) -> None:
    executor = start("ray", useful=1)
    wait_until_free(executor)
    if fault == "segfault":
        executor.submit(make_attempt(f"{FAULT}.kind=segfault"))
    else:
        log = tmp_path / "log"
        executor.submit(make_attempt(f"{LOG}.file={log}", f"{SLEEP}.seconds=600.0"))
        while not log.exists():
            time.sleep(0.05)
        psutil.Process(int(log.read_text())).kill()
    (died,) = outcomes(executor, 1)
    assert died.failure is not None
    assert died.failure.error_type == "WorkerDied"
    if fault == "segfault":
        assert "Segmentation fault" in died.failure.log
        assert "string_at" in died.failure.log
    wait_until_free(executor)
    executor.submit(make_attempt(number=2))
    (good,) = outcomes(executor, 1)
    assert good.failure is None
    assert good.worker != died.worker


@pytest.mark.ray
def test_two_workers_work_at_once(start: Start, make_attempt: MakeAttempt) -> None:
    executor = start("ray", useful=2)
    wait_until_free(executor, 2)
    for name in ("one", "two"):
        executor.submit(make_attempt(f"{SLEEP}.seconds=1.5", name=name))
    one, two = outcomes(executor, 2)
    assert one.worker != two.worker
    assert max(one.started_at, two.started_at) < min(one.finished_at, two.finished_at)


@pytest.mark.ray
def test_a_worker_is_recycled_after_so_many_runs(start: Start, make_attempt: MakeAttempt) -> None:
    executor = start("ray", useful=1, recycle_after_runs=1)
    workers = []
    for index in range(2):
        wait_until_free(executor)
        executor.submit(make_attempt(name=f"run{index}"))
        workers += [outcome.worker for outcome in outcomes(executor, 1)]
    assert len(set(workers)) == 2


@pytest.mark.ray
def test_workers_beyond_the_useful_number_are_let_go(start: Start) -> None:
    executor = start("ray", useful=2)
    wait_until_free(executor, 2)
    executor.scale(1)
    assert executor.workers == 1


@pytest.mark.ray
def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    executor = EXECUTORS["ray"](WorkerSettings(str(tmp_path)), Execution(address="127.0.0.1:1"))
    executor.start()
    with pytest.raises(WorkerStartError, match=r"Ray at 127\.0\.0\.1:1 can't be used"):
        executor.wait(60.0)
    executor.close()


# The last two embed a Ray. A process that did so can't use the tests' shared one any more: Ray
# cancels the actors that it asks for.
@pytest.mark.ray
def test_a_reservation_that_this_machine_can_not_hold_is_refused(tmp_path: Path) -> None:
    executor = EXECUTORS["ray"](
        WorkerSettings(str(tmp_path), cpus_per_worker=1000.0), Execution(workers=1)
    )
    executor.start()
    executor.scale(1)
    with pytest.raises(WorkerStartError, match="a worker reserves 1000 CPUs"):
        executor.wait(60.0)
    executor.close()


@pytest.mark.ray
def test_an_embedded_ray_leaves_no_process_behind(
    tmp_path: Path, probe_plugins: Path, make_attempt: MakeAttempt
) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    executor = EXECUTORS["ray"](
        WorkerSettings(str(tmp_path / "out"), plugins=(str(probe_plugins),)), Execution(workers=1)
    )
    executor.start()
    executor.scale(1)
    wait_until_free(executor)
    executor.submit(make_attempt(f"{SLEEP}.seconds=600.0"))
    started = {process.pid for process in psutil.Process().children(recursive=True)} - before
    assert started
    executor.close()
    assert not {pid for pid in started if psutil.pid_exists(pid)}
