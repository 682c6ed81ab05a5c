from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure, RunResult, RunStatus
from orchestrator.execution.scheduler import Scheduler
from orchestrator.plan.run import Run
from scene.execution.record import RunRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = RunRecord(
    seed=0,
    features={},
    particle_features=(),
    particles={},
    visible_particles=None,
    coverage=None,
    files=(),
    timings={},
    device="CPU",
    versions={},
)


def make_run(index: int) -> Run:
    return Run(index, f"run{index}", {}, (), {})


def outcome(attempt: Attempt, *, good: bool) -> AttemptOutcome:
    return AttemptOutcome(
        attempt=attempt,
        worker="w",
        node="n",
        device="CPU",
        started_at=NOW,
        finished_at=NOW,
        record=RECORD if good else None,
        failure=None if good else Failure("ValueError", "no"),
    )


def scheduler(count: int, **options: object) -> Scheduler:
    return Scheduler(map(make_run, range(count)), count, {}, **options)  # type: ignore[arg-type]


def started(made: Scheduler) -> Attempt:
    attempt = made.start()
    assert attempt is not None
    return attempt


def test_runs_start_in_order_and_recorded_ones_are_passed_over() -> None:
    made = Scheduler(
        map(make_run, range(4)), 4, {"run0": RunStatus.SUCCEEDED, "run2": RunStatus.FAILED}
    )
    assert started(made).run.run_id == "run1"
    assert started(made).run.run_id == "run3"
    assert made.start() is None
    assert (made.counts.skipped, made.counts.failed_before, made.counts.left) == (1, 1, 2)


def test_failed_runs_are_taken_again_when_asked() -> None:
    made = Scheduler([make_run(0)], 1, {"run0": RunStatus.FAILED}, retry_failed=True)
    assert started(made) == Attempt(make_run(0), 1)


def test_a_failed_attempt_is_tried_again_before_new_runs_start() -> None:
    made = scheduler(3, max_attempts=2)
    first, _ = started(made), started(made)
    assert made.finish(outcome(first, good=False)) is None
    assert started(made) == Attempt(first.run, 2)
    result = made.finish(outcome(Attempt(first.run, 2), good=False))
    assert result is not None
    assert (result.status, result.attempts) == (RunStatus.FAILED, 2)


def test_the_runs_are_drawn_one_at_a_time() -> None:
    drawn = []

    def runs() -> Iterator[Run]:
        for index in range(10**9):
            drawn.append(index)
            yield make_run(index)

    made = Scheduler(runs(), 10**9, {})
    assert not made.finished
    started(made)
    started(made)
    assert len(drawn) == 2


def test_a_drained_sweep_is_finished_once_nothing_is_in_flight() -> None:
    stop = Event()
    made = scheduler(3, draining=stop.is_set)
    attempt = started(made)
    stop.set()
    assert made.start() is None
    assert not made.finished
    assert made.finish(outcome(attempt, good=False)) is None
    assert made.finished
    assert made.counts.left == 3


def test_a_sweep_whose_runs_are_all_recorded_is_finished_at_once() -> None:
    made = Scheduler([make_run(0)], 1, {"run0": RunStatus.SUCCEEDED})
    assert made.finished
    assert made.counts.skipped == 1


def test_an_outcome_that_nobody_waits_for_is_refused() -> None:
    made = scheduler(1)
    attempt = started(made)
    made.finish(outcome(attempt, good=True))
    with pytest.raises(ValueError, match="not in flight"):
        made.finish(outcome(attempt, good=True))


def test_an_outcome_of_an_earlier_attempt_is_refused() -> None:
    made = scheduler(1)
    first = started(made)
    made.finish(outcome(first, good=False))
    second = started(made)
    with pytest.raises(ValueError, match="attempt 1 of run run0 is not in flight"):
        made.finish(outcome(first, good=True))
    result = made.finish(outcome(second, good=True))
    assert result is not None
    assert result.attempts == 2


class Sweeping(RuleBasedStateMachine):
    """Any order of starts, outcomes and a drain."""

    @initialize(
        count=st.integers(0, 12),
        max_attempts=st.integers(1, 3),
        workers=st.integers(1, 4),
        retry_failed=st.booleans(),
        data=st.data(),
    )
    def begin(
        self, count: int, max_attempts: int, workers: int, retry_failed: bool, data: st.DataObject
    ) -> None:
        ids = [f"run{index}" for index in range(count)]
        recorded = data.draw(
            st.dictionaries(st.sampled_from(ids), st.sampled_from(RunStatus))
            if ids
            else st.just({})
        )
        self.to_do = {
            run_id
            for run_id in ids
            if run_id not in recorded or (retry_failed and recorded[run_id] is RunStatus.FAILED)
        }
        self.max_attempts, self.workers, self.count = max_attempts, workers, count
        self.in_flight: list[Attempt] = []
        self.tries: dict[str, list[int]] = {}
        self.results: dict[str, RunResult] = {}
        self.drained = False
        self.scheduler = Scheduler(
            map(make_run, range(count)),
            count,
            recorded,
            max_attempts=max_attempts,
            retry_failed=retry_failed,
            draining=lambda: self.drained,
        )

    @precondition(lambda self: len(self.in_flight) < self.workers)
    @rule()
    def start(self) -> None:
        attempt = self.scheduler.start()
        if attempt is None:
            waiting = [
                run_id
                for run_id in self.to_do - set(self.results)
                if run_id not in {flying.run.run_id for flying in self.in_flight}
            ]
            assert self.drained or not waiting
            return
        assert not self.drained
        run_id = attempt.run.run_id
        assert run_id in self.to_do
        assert run_id not in self.results
        self.tries.setdefault(run_id, []).append(attempt.number)
        self.in_flight.append(attempt)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), good=st.booleans())
    def finish(self, data: st.DataObject, good: bool) -> None:
        attempt = data.draw(st.sampled_from(self.in_flight))
        self.in_flight.remove(attempt)
        result = self.scheduler.finish(outcome(attempt, good=good))
        assert (result is not None) == (good or attempt.number == self.max_attempts)
        if result is not None:
            assert attempt.run.run_id not in self.results
            self.results[attempt.run.run_id] = result

    @rule(once_in_ten=st.integers(0, 9))
    def drain(self, once_in_ten: int) -> None:
        if once_in_ten:
            return
        self.drained = True

    @invariant()
    def nothing_lost_doubled_or_unbounded(self) -> None:
        counts = self.scheduler.counts
        assert len({attempt.run.run_id for attempt in self.in_flight}) == len(self.in_flight)
        assert counts.in_flight == len(self.in_flight)
        for numbers in self.tries.values():
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) <= self.max_attempts
        open_runs = set(self.tries) - set(self.results)
        assert len(open_runs) <= self.workers
        assert counts.done + counts.failed == len(self.results)
        if self.scheduler.finished and not self.drained:
            assert set(self.results) == self.to_do
            assert self.scheduler.counts.left == 0


Sweeping.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestSweeping = Sweeping.TestCase
