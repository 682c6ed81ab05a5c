"""How many short runs share a call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure
from orchestrator.execution.executors.batching import CALL_SECONDS, MOST_RUNS, CallSize
from orchestrator.plan.run import Run

START = datetime(2026, 1, 1, tzinfo=UTC)


def outcome(seconds: float) -> AttemptOutcome:
    attempt = Attempt(Run(0, "0" * 16, {}, (), {}), 1)
    return AttemptOutcome(attempt, "w", "n", "CPU", START, START + timedelta(seconds=seconds))


def test_long_runs_have_calls_of_their_own() -> None:
    size = CallSize()
    assert size.runs == 1
    for _ in range(5):
        size.learn([outcome(CALL_SECONDS)])
    assert size.runs == 1


def test_short_runs_share_calls_that_grow_to_a_bound() -> None:
    size, sizes = CallSize(), []
    for _ in range(8):
        size.learn([outcome(0.0)] * size.runs)
        sizes.append(size.runs)
    assert sizes == [2, 4, 8, 16, 32, 32, 32, 32]
    assert MOST_RUNS == 32


def test_one_long_run_ends_the_sharing_at_once() -> None:
    size = CallSize()
    for _ in range(8):
        size.learn([outcome(0.001)] * size.runs)
    assert size.runs == MOST_RUNS
    size.learn([outcome(0.001), outcome(CALL_SECONDS / 2)])
    assert size.runs == 2
    size.learn([outcome(0.001), outcome(1.0)])
    assert size.runs == 1


def test_a_failure_ends_the_sharing() -> None:
    size = CallSize()
    size.learn([outcome(0.001)])
    size.learn([replace(outcome(0.001), failure=Failure("E", "m"))])
    assert size.runs == 1
