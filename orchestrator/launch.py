"""Puts a sweep's parts together and runs it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, final

from orchestrator.driver import Driver, failure_log_path
from orchestrator.executors.base import Executor, WorkerSettings
from orchestrator.lock import locked
from orchestrator.progress import make_progress
from orchestrator.run import RunResult, RunStatus
from orchestrator.scheduler import Scheduler
from orchestrator.sinks.base import Sink
from orchestrator.storage import Storage, without_credentials
from orchestrator.summary import FailedRun, Summary
from orchestrator.sweep import Sweep
from scene.blender.libraries import check_libraries

if TYPE_CHECKING:
    from orchestrator.expansion import Expansion

KEPT_FAILURES = 10
"""So many failures are named in the summary; the manifest holds all."""


def run_sweep(sweep: Sweep, runs: Expansion, command: str) -> Summary:
    """Execute a sweep and record it.

    Parameters
    ----------
    sweep
        What to make and where.
    runs
        Its runs.
    command
        The command line that does the same again, for the message after an interruption.

    Raises
    ------
    MissingLibraryError
        If a system library that Blender needs is not installed on this machine, where it renders.
    OutputLockedError
        If another driver is at work on the same output.
    WorkerStartError
        If no worker can be brought up.
    """
    start = time.monotonic()
    if sweep.execution.address is None:
        check_libraries()
    storage = Storage(sweep.output)
    failures = _Failures()
    with ExitStack() as stack:
        if storage.folder is not None:
            storage.folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(storage.folder))
            _remove_attempts(storage.folder)
            stack.callback(_remove_attempts, storage.folder)
        executor = _executor(sweep)
        storage.write_file("sweep.yaml", sweep.document(len(runs)).encode())
        manifest, sinks = _sinks(sweep, runs, storage)
        for sink in sinks:
            stack.callback(sink.close)
            sink.open()
        scheduler = Scheduler(
            runs,
            len(runs),
            manifest.statuses(),
            max_attempts=sweep.execution.max_attempts,
            retry_failed=sweep.retry_failed,
        )
        progress = stack.enter_context(make_progress())
        driver = Driver(
            scheduler,
            executor,
            [*sinks, failures],
            storage,
            progress,
            sweep.execution.timeout_s,
        )
        complete = driver.run()
    uri = sweep.tracking_uri
    return Summary(
        sweep=sweep.name,
        output=storage.public_uri,
        counts=scheduler.counts,
        failures=tuple(failures.kept),
        complete=complete,
        seconds=time.monotonic() - start,
        tracking_uri=None if uri is None else without_credentials(uri),
        command=command,
    )


@final
class _Failures(Sink):
    """Keeps the first failures for the summary."""

    def __init__(self) -> None:
        self.kept: list[FailedRun] = []

    def open(self) -> None:
        """Do nothing."""

    def record(self, result: RunResult) -> None:
        """Keep a failure, if there are few."""
        failure = result.outcome.failure
        if result.status is RunStatus.FAILED and failure and len(self.kept) < KEPT_FAILURES:
            run_id = result.run.run_id
            self.kept.append(
                FailedRun(run_id, failure.error_type, failure.message, failure_log_path(run_id))
            )

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _executor(sweep: Sweep) -> Executor:
    execution = sweep.execution
    settings = WorkerSettings(
        output=sweep.output,
        plugins=sweep.plugins,
        cpus_per_worker=execution.cpus_per_worker,
        gpus_per_worker=execution.gpus_per_worker,
        recycle_after_runs=execution.recycle_after_runs,
        recycle_above_mb=execution.recycle_above_mb,
    )
    if execution.executor == "inline":
        from orchestrator.executors.inline import InlineExecutor

        return InlineExecutor(settings)
    from orchestrator.executors.ray import RayExecutor

    return RayExecutor(settings, execution.address, execution.workers)
