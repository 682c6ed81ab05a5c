"""Logging that lags leaves the sweep its processor time, and makes up for it at the end."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from orchestrator.run import Attempt, AttemptOutcome, Run, RunResult, RunStatus
from orchestrator.sinks.catchup import CROWDED_QUEUE, Backlog, CatchUp

SECONDS = 0.001


class Busy:
    """Takes a millisecond of the processor for each row."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.logged: list[str] = []
        self.finished = False

    def log(self, row: dict[str, Any]) -> str:
        start = time.monotonic()
        while time.monotonic() - start < SECONDS:
            pass
        self.seconds += time.monotonic() - start
        self.logged.append(row["run_id"])
        return row["run_id"]

    def finish(self) -> None:
        self.finished = True


def result(index: int) -> RunResult:
    run = Run(index, f"{index:016x}", {}, (), {})
    now = datetime.now(UTC)
    outcome = AttemptOutcome(Attempt(run, 1), "w", "n", "CPU", now, now)
    return RunResult(run, RunStatus.SUCCEEDED, 1, outcome)


def test_a_target_that_lags_works_a_tenth_of_the_time_until_the_sweep_ends() -> None:
    target = Busy()
    backlog = Backlog(lambda found: {"run_id": found.run.run_id}, lambda: iter(()), lambda *_: None)
    catch_up = CatchUp("Busy", lambda: target, backlog, close_timeout_s=30.0)
    catch_up.start()
    count = CROWDED_QUEUE + 1000
    for index in range(count):
        catch_up.add(result(index))
    start = time.monotonic()
    while time.monotonic() - start < 1.0:
        time.sleep(0.01)
    assert 0 < len(target.logged) < count - CROWDED_QUEUE
    assert target.seconds < 0.3 * (time.monotonic() - start)
    catch_up.close()
    assert target.logged == [f"{index:016x}" for index in range(count)]
    assert target.finished
