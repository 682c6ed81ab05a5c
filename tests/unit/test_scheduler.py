from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.dataset.results import (
    Attempt,
    AttemptOutcome,
    Failure,
    RunResult,
    RunStatus,
    SpecimenUse,
)
from orchestrator.execution import specimen_queue
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


def outcome(attempt: Attempt, *, good: bool, specimen: SpecimenUse | None = None) -> AttemptOutcome:
    return AttemptOutcome(
        attempt=attempt,
        worker="w",
        node="n",
        device="CPU",
        started_at=NOW,
        finished_at=NOW,
        record=RECORD if good else None,
        failure=None if good else Failure("ValueError", "no"),
        specimen=specimen,
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


def shared(run: Run) -> str:
    """Runs 0 to 9 share a specimen, 10 to 19 another."""
    return f"s{run.index // 10}"


def indices(made: Scheduler) -> list[int]:
    return [attempt.run.index for attempt in iter(made.start, None)]


def test_the_first_run_makes_its_specimen_and_the_others_wait_until_it_ended() -> None:
    made = scheduler(20, specimen_of=shared)
    first, other = started(made), started(made)
    assert (first.run.index, first.specimen) == (0, "s0")
    assert other.run.index == 10, "the next one that does not wait"
    assert made.start() is None
    assert not made.finished
    assert list(made.awaited_specimens) == ["s0", "s1"]
    made.finish(outcome(first, good=True, specimen=SpecimenUse.MADE))
    assert indices(made) == list(range(1, 10))
    assert (made.counts.made, made.counts.reused) == (1, 0)


def test_runs_need_not_wait_for_the_rest_of_the_run_that_made_their_specimen() -> None:
    made = scheduler(3, specimen_of=shared)
    maker = started(made)
    assert made.start() is None
    made.specimen_made("s0")
    assert indices(made) == [1, 2]
    made.finish(outcome(maker, good=False))
    assert started(made) == Attempt(maker.run, 2, "s0"), "what is there stays there"


def test_specimens_that_are_there_already_keep_nobody_waiting() -> None:
    made = scheduler(20, specimen_of=shared, stored_specimens={"s1"})
    assert indices(made) == [0, *range(10, 20)]


@pytest.mark.parametrize("max_attempts", [1, 2])
def test_where_a_maker_fails_the_next_one_makes_the_specimen(max_attempts: int) -> None:
    made = scheduler(3, specimen_of=shared, max_attempts=max_attempts)
    first = started(made)
    assert made.start() is None
    made.finish(outcome(first, good=False))
    assert started(made).run.index == (0 if max_attempts == 2 else 1)
    assert made.start() is None


def test_a_maker_that_failed_after_its_specimen_was_stored_keeps_nobody_waiting() -> None:
    made = scheduler(3, specimen_of=shared, max_attempts=1)
    first = started(made)
    assert made.start() is None
    made.finish(outcome(first, good=False, specimen=SpecimenUse.MADE))
    assert indices(made) == [1, 2]
    assert (made.counts.made, made.counts.reused) == (0, 0), "only runs that are done count"


def test_a_run_that_was_published_before_leaves_its_specimen_to_the_next_one() -> None:
    made = scheduler(3, specimen_of=shared)
    first = started(made)
    assert made.start() is None
    made.finish(outcome(first, good=True))
    assert started(made).run.index == 1
    assert made.start() is None


def test_only_so_many_runs_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specimen_queue, "MOST_WAITING", 5)
    made = scheduler(30, specimen_of=shared)
    assert started(made).run.index == 0
    assert made.start() is None, "five wait, and the eleventh is not looked at"
    made.specimen_made("s0")
    assert indices(made) == [*range(1, 10), 10]


class Sweeping(RuleBasedStateMachine):
    """Any order of starts, outcomes, specimens and a drain."""

    @initialize(
        count=st.integers(0, 12),
        max_attempts=st.integers(1, 3),
        workers=st.integers(1, 4),
        retry_failed=st.booleans(),
        most_waiting=st.integers(1, 12),
        data=st.data(),
    )
    def begin(
        self,
        count: int,
        max_attempts: int,
        workers: int,
        retry_failed: bool,
        most_waiting: int,
        data: st.DataObject,
    ) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(specimen_queue, "MOST_WAITING", most_waiting)
        self.most_waiting = most_waiting
        specimens = st.sampled_from([None, "s0", "s1", "s2"])
        shares = data.draw(st.lists(specimens, min_size=count, max_size=count))
        self.stored = data.draw(st.sets(st.sampled_from(["s0", "s1"])))
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
            specimen_of=lambda run: shares[run.index],
            stored_specimens=self.stored,
        )
        self.specimen = dict(zip(ids, shares, strict=True))

    def teardown(self) -> None:
        self.patch.undo()

    def in_the_making(self) -> set[str | None]:
        return {attempt.specimen for attempt in self.in_flight} - self.stored - {None}

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
            held = [run for run in waiting if self.specimen[run] in self.in_the_making()]
            assert self.drained or held == waiting or len(held) >= self.most_waiting
            return
        assert not self.drained
        run_id = attempt.run.run_id
        assert run_id in self.to_do
        assert run_id not in self.results
        assert attempt.specimen == self.specimen[run_id]
        assert attempt.specimen not in self.in_the_making(), "nobody else is making it"
        self.tries.setdefault(run_id, []).append(attempt.number)
        self.in_flight.append(attempt)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), good=st.booleans(), reached=st.booleans())
    def finish(self, data: st.DataObject, good: bool, reached: bool) -> None:
        attempt = data.draw(st.sampled_from(self.in_flight))
        self.in_flight.remove(attempt)
        use = SpecimenUse.MADE if attempt.specimen and reached else None
        if use and attempt.specimen:
            self.stored.add(attempt.specimen)
        result = self.scheduler.finish(outcome(attempt, good=good, specimen=use))
        assert (result is not None) == (good or attempt.number == self.max_attempts)
        if result is not None:
            assert attempt.run.run_id not in self.results
            self.results[attempt.run.run_id] = result

    @precondition(lambda self: self.in_the_making())
    @rule(data=st.data())
    def see_specimen(self, data: st.DataObject) -> None:
        specimen = data.draw(st.sampled_from(sorted(map(str, self.in_the_making()))))
        self.stored.add(specimen)
        self.scheduler.specimen_made(specimen)

    @rule(once_in_ten=st.integers(0, 9))
    def drain(self, once_in_ten: int) -> None:
        if once_in_ten:
            return
        self.drained = True

    @invariant()
    def nothing_lost_doubled_or_unbounded(self) -> None:
        counts = self.scheduler.counts
        assert set(self.scheduler.awaited_specimens) <= self.in_the_making()
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
