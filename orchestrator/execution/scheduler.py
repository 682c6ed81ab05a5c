"""What to start next, what to try again, what to give up: a state machine without clock or I/O.

A run's way through it::

    pending ──start──> in flight ──succeeded────────────────────────> done
       ^                   │
       └──attempts left────┴──no attempts left──────────────────────> failed

    pending ──its specimen is in the making──> waiting ──made, or its maker failed──> pending

    pending ──recorded as succeeded (or failed, unless asked to retry)──> skipped

A run whose attempt failed goes to the front of the queue: its fate is settled before new runs
start, so that a fault shows early and no more runs are ever open than attempts were in flight.

Of runs that share a specimen the first makes it, and the others are passed over until it is there.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import final

from orchestrator.dataset.results import (
    Attempt,
    AttemptOutcome,
    RunResult,
    RunStatus,
    SpecimenUse,
)
from orchestrator.execution.specimen_queue import SpecimenQueue
from orchestrator.plan.run import Run


@final
@dataclass(frozen=True, slots=True)
class Counts:
    """How many runs are in which state.

    Parameters
    ----------
    total
        All runs of the sweep.
    done, failed
        Runs that ended here, by how they ended.
    skipped
        Runs that an earlier start recorded as succeeded.
    failed_before
        Runs that an earlier start recorded as failed and that are not taken again.
    in_flight
        Attempts that are out on workers.
    hidden
        Succeeded runs, of this start and of earlier ones, whose images show no particle.
    made, reused
        Runs done here that share their specimen with others, by whether they made it or found it.
    """

    total: int
    done: int = 0
    failed: int = 0
    skipped: int = 0
    failed_before: int = 0
    in_flight: int = 0
    hidden: int = 0
    made: int = 0
    reused: int = 0

    @property
    def left(self) -> int:
        """Runs that are not yet settled, those in flight included."""
        return self.total - self.done - self.failed - self.skipped - self.failed_before


@final
class Scheduler:
    """Hands out attempts and takes their outcomes.

    Parameters
    ----------
    runs
        The sweep's runs, drawn one at a time; their ids are distinct.
    total
        How many `runs` will give.
    recorded
        Status by run id of the runs that are recorded already.
    max_attempts
        How often a run is tried before it counts as failed, at least 1.
    retry_failed
        Whether runs recorded as failed are taken again.
    hidden
        Ids of recorded runs whose images show no particle.
    draining
        Whether no more attempts are to start; those in flight may still finish. Runs that wait for
        another attempt stay unsettled, for the next start to take up.
    specimen_of
        Gives the hash of a run's specimen, where others of `runs` have the same.
    stored_specimens
        Hashes of those that are there already.
    """

    def __init__(
        self,
        runs: Iterable[Run],
        total: int,
        recorded: Mapping[str, RunStatus],
        *,
        max_attempts: int = 3,
        retry_failed: bool = False,
        hidden: Container[str] = (),
        draining: Callable[[], bool] = lambda: False,
        specimen_of: Callable[[Run], str | None] = lambda _: None,
        stored_specimens: Set[str] = frozenset(),
    ) -> None:
        if max_attempts < 1:
            raise ValueError("max_attempts must be at least 1")
        self._runs: Iterator[Run] = iter(runs)
        self._ahead: Run | None = None
        self._total = total
        self._recorded = recorded
        self._max_attempts = max_attempts
        self._retry_failed = retry_failed
        self._hidden_before = hidden
        self._draining = draining
        self._specimen_of = specimen_of
        self._specimens = SpecimenQueue(stored_specimens)
        # What goes before new runs: attempts to try again, then those whose specimen is made.
        self._queue: deque[Attempt] = deque()
        self._in_flight: dict[str, Attempt] = {}
        self._done = 0
        self._failed = 0
        self._skipped = 0
        self._failed_before = 0
        self._hidden = 0
        self._uses: Counter[SpecimenUse | None] = Counter()

    @property
    def counts(self) -> Counts:
        """The present counts; recorded runs count once they were passed over."""
        return Counts(
            total=self._total,
            done=self._done,
            failed=self._failed,
            skipped=self._skipped,
            failed_before=self._failed_before,
            hidden=self._hidden,
            in_flight=len(self._in_flight),
            made=self._uses[SpecimenUse.MADE] + self._uses[SpecimenUse.MENDED],
            reused=self._uses[SpecimenUse.REUSED],
        )

    @property
    def finished(self) -> bool:
        """Whether nothing is in flight and nothing more will start.

        Looks ahead to the next run that is not recorded, which may take a while.
        """
        if self._in_flight or self._draining():
            return not self._in_flight
        # Whoever waits for a specimen waits for an attempt in flight.
        return not self._queue and self._look_ahead() is None

    @property
    def awaited_specimens(self) -> Iterable[str]:
        """Specimens in the making that runs wait for, longest first."""
        return self._specimens.awaited

    def specimen_made(self, specimen: str) -> None:
        """Take note that a specimen is there, though the run that makes it is still in flight."""
        self._queue.extend(self._specimens.made(specimen))

    def start(self) -> Attempt | None:
        """Return the next attempt to start, or None if there is none now.

        None means that the sweep is drained, that all runs were handed out, or that those which are
        left wait for a specimen; `finished` says when to stop asking.
        """
        if self._draining():
            return None
        while (attempt := self._next()) is not None:
            if self._specimens.admits(attempt):
                self._in_flight[attempt.run.run_id] = attempt
                return attempt
        return None

    def finish(self, outcome: AttemptOutcome) -> RunResult | None:
        """Take an attempt's outcome and return the run's result if that settles it.

        Raises
        ------
        ValueError
            If the attempt is not in flight.
        """
        attempt = outcome.attempt
        run_id = attempt.run.run_id
        expected = self._in_flight.get(run_id)
        if expected is None or expected.number != attempt.number:
            raise ValueError(f"attempt {attempt.number} of run {run_id} is not in flight")
        del self._in_flight[run_id]
        self._queue.extend(self._specimens.ended(attempt, stored=outcome.specimen is not None))
        if outcome.failure is None:
            self._done += 1
            self._uses[outcome.specimen] += 1
            record = outcome.record
            self._hidden += record is not None and record.visible_particles == 0
            return RunResult(attempt.run, RunStatus.SUCCEEDED, attempt.number, outcome)
        if attempt.number < self._max_attempts:
            self._queue.appendleft(replace(expected, number=attempt.number + 1))
            return None
        self._failed += 1
        return RunResult(attempt.run, RunStatus.FAILED, attempt.number, outcome)

    def _next(self) -> Attempt | None:
        """Take the next attempt in order, whether it can start or not; None if there is none."""
        if self._queue:
            return self._queue.popleft()
        if self._specimens.full or (run := self._look_ahead()) is None:
            return None
        self._ahead = None
        return Attempt(run, 1, self._specimen_of(run))

    def _look_ahead(self) -> Run | None:
        """Return the next run to take, without taking it; None if there is none."""
        while self._ahead is None and not self._draining():
            run = next(self._runs, None)
            if run is None:
                return None
            status = self._recorded.get(run.run_id)
            if status is RunStatus.SUCCEEDED:
                self._skipped += 1
                self._hidden += run.run_id in self._hidden_before
            elif status is RunStatus.FAILED and not self._retry_failed:
                self._failed_before += 1
            else:
                self._ahead = run
        return self._ahead
