"""The loop of a sweep: executor events to the scheduler, its results to sinks and progress."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import final

from orchestrator.common.interruption import Interruption, TerminationLimit
from orchestrator.common.redaction import hidden
from orchestrator.dataset.layout import failure_log, specimen_file, specimen_folder
from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure, RunResult, SpecimenUse
from orchestrator.dataset.sink import Sink
from orchestrator.dataset.storage.storage import OutputError, Storage
from orchestrator.execution.errors import WorkersLostError, WorkerStartError
from orchestrator.execution.executors.base import Executor
from orchestrator.execution.progress import Progress
from orchestrator.execution.scheduler import Scheduler
from orchestrator.execution.summary import FailedRun

KEPT_FAILURES = 10
"""Most failures that are named at the end; the manifest holds all."""

POLL_SECONDS = 0.5
"""Longest time without a look at deadlines and signals."""


@final
class Driver:
    """Runs a sweep to its end. Sinks are open already, and stay so.

    Parameters
    ----------
    scheduler
        Decides what to start and what to try again.
    executor
        Runs attempts; started already if there is something to run, closed at the end.
    sinks
        Receive each run's final result once.
    storage
        Where logs of failures go.
    progress
        Shows what happens.
    timeout_s
        Seconds after which an attempt is ended.
    interruption
        Asks to stop before all runs are settled, which drains the scheduler; None if nothing does.

    Attributes
    ----------
    failures
        The first runs that failed.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        executor: Executor,
        sinks: Sequence[Sink],
        storage: Storage,
        progress: Progress,
        timeout_s: float,
        interruption: Interruption | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._executor = executor
        self._sinks = sinks
        self._storage = storage
        self._progress = progress
        self._timeout_s = timeout_s
        self._interruption = interruption or Interruption(TerminationLimit(), signals=False)
        self.failures: list[FailedRun] = []
        self._deadlines: dict[str, tuple[Attempt, float]] = {}
        self._worked = False

    def run(self) -> bool:
        """Execute all runs that are not recorded yet.

        Returns
        -------
        bool
            False if it was interrupted before all runs were settled.

        Raises
        ------
        WorkerStartError
            If no worker can be brought up.
        WorkersLostError
            If none can be any more; what was made is on record.
        OutputError
            If the output can't be written; runs in flight stay unsettled.
        """
        with ExitStack() as stack:
            interruption = stack.enter_context(self._interruption)
            stack.callback(self._executor.close)
            announced = False
            while not self._scheduler.finished and not interruption.drop:
                if interruption.requested and not announced:
                    note = f"Stopping: {len(self._deadlines)} runs in flight may finish"
                    drops = "; Ctrl-C again drops them" if interruption.handles_signals else ""
                    self._progress.note(note + drops)
                    announced = True
                try:
                    self._turn()
                except WorkerStartError as error:
                    if not self._worked:
                        raise
                    raise WorkersLostError(
                        f"{error}; what is made is on record, and the next start resumes"
                    ) from error
            self._progress.update(self._scheduler.counts, self._executor.workers)
            # Ending workers may take a while: what they made is on record before.
            for sink in self._sinks:
                sink.flush()
        return not interruption.requested or self._scheduler.counts.left == 0

    def _turn(self) -> None:
        """Go once round the loop."""
        counts = self._scheduler.counts
        self._executor.scale(counts.in_flight if self._interruption.requested else counts.left)
        self._see_specimens()
        while self._executor.free and (attempt := self._scheduler.start()) is not None:
            self._executor.submit(attempt)
            at = time.monotonic() + self._timeout_s
            self._deadlines[attempt.run.run_id] = (attempt, at)
        self._progress.update(self._scheduler.counts, self._executor.workers)
        for outcome in self._executor.wait(POLL_SECONDS):
            self._take(outcome)
        self._end_overdue()

    def _see_specimens(self) -> None:
        """Let runs start whose specimen is there by now; its maker goes on for a while."""
        awaited = self._scheduler.awaited_specimens if self._executor.free else ()
        for specimen in list(awaited):
            if self._storage.exists(specimen_file(specimen)):
                self._scheduler.specimen_made(specimen)

    def _take(self, outcome: AttemptOutcome) -> None:
        outcome = _without_secrets(outcome)
        self._deadlines.pop(outcome.attempt.run.run_id, None)
        self._worked = True
        self._progress.outcome(outcome)
        if outcome.specimen is SpecimenUse.MENDED:
            place = specimen_folder(str(outcome.attempt.specimen))
            self._progress.note(f"{place} was damaged; it was made again and replaced")
        failure = outcome.failure
        if failure is not None and failure.output_at_fault:
            raise OutputError(self._storage.public_uri, failure.message)
        result = self._scheduler.finish(outcome)
        if result is None:
            if failure is not None and not self._interruption.requested:
                self._progress.note(f"{_described(outcome, failure)}; trying again")
            return
        if failure is not None:
            self._settle_failure(result, failure)
        for sink in self._sinks:
            sink.record(result)

    def _settle_failure(self, result: RunResult, failure: Failure) -> None:
        run_id = result.run.run_id
        log = failure_log(run_id)
        text = _failure_log(result, failure).encode("utf-8", errors="replace")
        self._storage.write_file(log, text)
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append(FailedRun(run_id, failure.error_type, failure.message, log))
        self._progress.note(f"{_described(result.outcome, failure)}; given up, see {log}")

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for attempt in [attempt for attempt, at in self._deadlines.values() if now > at]:
            del self._deadlines[attempt.run.run_id]
            message = f"no result within {self._timeout_s:g} s; its worker was ended"
            self._executor.kill(attempt, Failure("AttemptTimeout", message))


def _without_secrets(outcome: AttemptOutcome) -> AttemptOutcome:
    """Return an outcome whose error and log, which hold whatever a library says, can be shown."""
    failure = outcome.failure
    if failure is None:
        return outcome
    failure = replace(failure, message=hidden(failure.message), log=hidden(failure.log))
    return replace(outcome, failure=failure)


def _described(outcome: AttemptOutcome, failure: Failure) -> str:
    attempt = outcome.attempt
    first_line = failure.message.partition("\n")[0]
    return f"run {attempt.run.run_id}, attempt {attempt.number}: {failure.error_type}: {first_line}"


def _failure_log(result: RunResult, failure: Failure) -> str:
    run, outcome = result.run, result.outcome
    swept = " ".join(f"{key}={value}" for key, value in run.overrides)
    return (
        f"run {run.run_id} (index {run.index}) failed after {result.attempts} attempts\n"
        f"overrides: {swept or 'none'}\n"
        f"worker: {outcome.worker} on {outcome.node}, {outcome.device}\n"
        f"{failure.error_type}: {failure.message}\n\n"
        f"{failure.log}\n"
    )
