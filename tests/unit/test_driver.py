"""The driver's loop, with an executor whose workers hang."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import final, override

import pytest

from orchestrator.dataset.layout import specimen_file
from orchestrator.dataset.results import (
    Attempt,
    AttemptOutcome,
    Failure,
    RunResult,
    RunStatus,
    SpecimenUse,
)
from orchestrator.dataset.sink import Sink
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage
from orchestrator.execution.driver import Driver
from orchestrator.execution.errors import WorkersLostError, WorkerStartError
from orchestrator.execution.executors.base import Executor
from orchestrator.execution.progress import Progress
from orchestrator.execution.scheduler import Counts, Scheduler
from orchestrator.plan.run import Run

TIMEOUT_S = 0.2


@final
class Hanging(Executor):
    """Never finishes an attempt."""

    def __init__(self) -> None:
        self.submitted: list[float] = []
        self.kills: list[float] = []
        self._ended: list[AttemptOutcome] = []

    @override
    def start(self) -> None: ...

    @override
    def scale(self, useful: int) -> None: ...

    @property
    @override
    def workers(self) -> int:
        return 1

    @property
    @override
    def free(self) -> int:
        return 1 - len(self.submitted)

    @override
    def submit(self, attempt: Attempt) -> None:
        self.submitted.append(time.monotonic())

    @override
    def wait(self, timeout_s: float) -> list[AttemptOutcome]:
        time.sleep(min(timeout_s, 0.01))
        ended, self._ended = self._ended, []
        return ended

    @override
    def kill(self, attempt: Attempt, failure: Failure) -> None:
        self.kills.append(time.monotonic())
        now = datetime.now(UTC)
        self._ended.append(AttemptOutcome(attempt, "w", "n", "CPU", now, now, failure=failure))

    @override
    def close(self) -> None: ...


@final
class Kept(Sink):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.results: list[RunResult] = []
        self.flushed = 0

    @override
    def open(self) -> None: ...

    @override
    def record(self, result: RunResult) -> None:
        self.results.append(result)

    @override
    def flush(self) -> None:
        self.flushed = len(self.results)

    @override
    def close(self) -> None: ...


@final
class Silent(Progress):
    """Shows nothing."""

    @override
    def update(self, counts: Counts, workers: int) -> None: ...

    @override
    def note(self, text: str) -> None: ...


@final
class FullDisk(Hanging):
    """Reports of every attempt that the output could not be written."""

    @override
    def wait(self, timeout_s: float) -> list[AttemptOutcome]:
        failure = Failure("StepError", "No space left on device", output_at_fault=True)
        now = datetime.now(UTC)
        run = Run(0, "0" * 16, {}, (), {})
        return [AttemptOutcome(Attempt(run, 1), "w", "n", "CPU", now, now, failure=failure)]


def test_an_output_that_can_not_be_written_ends_the_sweep_and_fails_no_run(tmp_path: Path) -> None:
    runs = [Run(index, f"{index:016d}", {}, (), {}) for index in range(3)]
    executor, sink = FullDisk(), Kept()
    scheduler = Scheduler(runs, 3, {}, max_attempts=1)
    driver = Driver(scheduler, executor, [sink], open_storage(str(tmp_path)), Silent(), TIMEOUT_S)
    with pytest.raises(OutputError, match="No space left on device"):
        driver.run()
    assert sink.results == []
    assert scheduler.counts.left == 3


def test_an_attempt_that_hangs_is_ended_once_after_its_time(tmp_path: Path) -> None:
    run = Run(0, "0" * 16, {}, (), {})
    executor, sink = Hanging(), Kept()
    scheduler = Scheduler([run], 1, {}, max_attempts=1)
    driver = Driver(scheduler, executor, [sink], open_storage(str(tmp_path)), Silent(), TIMEOUT_S)
    assert driver.run()
    (killed,) = executor.kills
    assert killed - executor.submitted[0] >= TIMEOUT_S
    (result,) = sink.results
    assert sink.flushed == 1, "results are on disk before workers are ended, which takes a while"
    assert result.status is RunStatus.FAILED
    assert result.outcome.failure is not None
    assert result.outcome.failure.error_type == "AttemptTimeout"


@final
class Dying(Hanging):
    """Finishes so many attempts, then no worker can be brought up."""

    def __init__(self, finished: int) -> None:
        super().__init__()
        self.left = finished
        self.attempts: list[Attempt] = []

    @override
    def submit(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)

    @override
    def wait(self, timeout_s: float) -> list[AttemptOutcome]:
        if not self.left:
            raise WorkerStartError("no worker can start")
        self.left -= 1
        now = datetime.now(UTC)
        failure = Failure("StepError", "a fault")
        return [AttemptOutcome(self.attempts.pop(), "w", "n", "CPU", now, now, failure=failure)]


@pytest.mark.parametrize(("finished", "error"), [(0, WorkerStartError), (2, WorkersLostError)])
def test_workers_that_never_came_are_another_error_than_workers_that_are_lost(
    finished: int, error: type[Exception], tmp_path: Path
) -> None:
    runs = [Run(index, f"{index:016d}", {}, (), {}) for index in range(3)]
    sink = Kept()
    scheduler = Scheduler(runs, 3, {}, max_attempts=1)
    driver = Driver(scheduler, Dying(finished), [sink], open_storage(str(tmp_path)), Silent(), 60.0)
    with pytest.raises(error, match="no worker can start"):
        driver.run()
    assert len(sink.results) == finished


@final
class Making(Hanging):
    """Two workers; the first run stores its specimen and then goes on until another has ended."""

    def __init__(self, storage: Storage) -> None:
        super().__init__()
        self._storage = storage
        self.waits = 0
        self.attempts: list[Attempt] = []
        self.started: list[tuple[int, int]] = []

    @property
    @override
    def free(self) -> int:
        return 2 - len(self.attempts)

    @override
    def submit(self, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        self.started.append((attempt.run.index, self.waits))

    @override
    def wait(self, timeout_s: float) -> list[AttemptOutcome]:
        self.waits += 1
        if self.waits == 3:
            self._storage.write_file(specimen_file("5" * 32), b"specimen")
        if len(self.attempts) < 2 and self.waits < 10:
            return []
        ended, now = self.attempts.pop(), datetime.now(UTC)
        failure = Failure("StepError", "a fault")
        use = SpecimenUse.MENDED if not self.attempts else SpecimenUse.REUSED
        outcome = AttemptOutcome(ended, "w", "n", "CPU", now, now, None, failure, 0.0, use)
        return [outcome]


@final
class Told(Progress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    @override
    def update(self, counts: Counts, workers: int) -> None: ...

    @override
    def note(self, text: str) -> None:
        self.notes.append(text)


def test_runs_start_as_soon_as_their_specimen_is_stored(tmp_path: Path) -> None:
    runs = [Run(index, f"{index:016d}", {}, (), {}) for index in range(2)]
    storage = open_storage(str(tmp_path))
    executor, told = Making(storage), Told()
    scheduler = Scheduler(runs, 2, {}, max_attempts=1, specimen_of=lambda _: "5" * 32)
    assert Driver(scheduler, executor, [Kept()], storage, told, 60.0).run()
    assert executor.started == [(0, 0), (1, 3)], "while the first goes on"
    damaged = f"specimens/{'5' * 32} was damaged; it was made again and replaced"
    assert told.notes.count(damaged) == 1
