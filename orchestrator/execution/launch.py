"""Puts a sweep's parts together and runs it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from orchestrator.common.interruption import Interruption, TerminationLimit
from orchestrator.common.names import SEEDS
from orchestrator.common.uris import local_folder
from orchestrator.dataset.layout import ATTEMPTS, SWEEP, recipe_file
from orchestrator.dataset.plan_table import PlanWriter
from orchestrator.dataset.provenance import code_of_sweep, settled
from orchestrator.dataset.runs_folder import check_runs_folder
from orchestrator.dataset.specimens import stored_specimens
from orchestrator.dataset.storage.locking import exclusive
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage, reason
from orchestrator.execution.driver import Driver
from orchestrator.execution.executors import create as create_executor
from orchestrator.execution.progress import Shown, make_progress
from orchestrator.execution.recording import create as create_sinks
from orchestrator.execution.scheduler import Scheduler
from orchestrator.execution.summary import Commands, Summary
from orchestrator.execution.time_left import TimeLeft
from orchestrator.plan.checking import expand
from orchestrator.plan.expansion import Expansion
from orchestrator.plan.specimens import SharedSpecimens, shared_specimens
from orchestrator.plan.sweep import Sweep
from orchestrator.tracking.usable import check_usable
from scene.errors import ConfigurationError, Problem
from scene.machine.libraries import load_libraries
from scene.recipe.code import Code


def run_sweep(
    sweep: Sweep,
    runs: Expansion | None = None,
    *,
    progress: Shown = None,
    commands: Commands | None = None,
    handle_signals: bool = False,
    stop: threading.Event | None = None,
) -> Summary:
    """Execute a sweep and record it. Any thread may call; nothing is printed unless asked for.

    Parameters
    ----------
    sweep
        What to make and where.
    runs
        Its runs, if they are known already.
    progress
        How to show progress; by default it is not shown.
    commands
        Command lines that do the same again, for the summary.
    handle_signals
        Whether Ctrl-C and SIGTERM let the runs in flight finish, where this is the main thread.
        Otherwise a Ctrl-C is a ``KeyboardInterrupt`` from here, which drops them, once all is
        closed. What is recorded by then is kept, and the next call resumes.
    stop
        Once this is set, the runs in flight finish and no more start.

    Returns
    -------
    Summary
        How it ended; failed runs are counted there and raise nothing.

    Raises
    ------
    MissingLibraryError
        If a system library that Blender needs is not installed on this machine, where it renders.
    OutputLockedError
        If another driver is at work on the same output.
    ConfigurationError
        If the output can't be written from the start, MLflow's tracking URI is unusable, or a
        recipe is faulty.
    OutputError
        If it can't be written any more.
    WorkerStartError
        If no worker can be brought up.
    WorkersLostError
        If none can be any more.
    """
    start = time.monotonic()
    if runs is None:
        runs = expand(sweep)
    seeds = {number for number, axis in enumerate(runs.axes) if axis.key in SEEDS}
    time_left = TimeLeft([axis.values for axis in runs.axes], len(runs), seeds)
    shown = make_progress(progress, time_left)
    folder = local_folder(sweep.output)
    # A database inside the output does not matter where the output itself can't be written.
    writable = folder is None or os.access(folder, os.W_OK)
    if sweep.tracking_uri is not None and (sweep.settings.tracking.uri is not None or writable):
        check_usable(sweep.tracking_uri)
    if sweep.settings.execution.address is None:
        load_libraries()
    try:
        storage = open_storage(sweep.output)
    except OutputError as error:
        message = f"{error.output} can't be reached: {error.reason}"
        raise ConfigurationError([Problem(sweep.source, "output", message)]) from error
    code = code_of_sweep(sweep, runs)
    specimens = shared_specimens(sweep, runs)
    with ExitStack() as stack:
        limit = stack.enter_context(TerminationLimit())
        plan, document = _take_over(sweep, runs, specimens, code, storage, stack)
        executor = create_executor(sweep, code)
        manifest, followers = create_sinks(sweep, runs, storage, document, code)
        stack.callback(manifest.close)
        manifest.open()
        interruption = Interruption(limit, event=stop, signals=handle_signals)
        scheduler = Scheduler(
            runs,
            len(runs),
            check_runs_folder(storage, manifest.statuses()),
            max_attempts=sweep.settings.execution.max_attempts,
            retry_failed=sweep.settings.retry_failed,
            hidden=manifest.without_particles(),
            draining=lambda: interruption.requested,
            specimen_of=lambda run: None if specimens is None else specimens.of(run.index),
            stored_specimens=stored_specimens(storage, clear=True) if specimens else frozenset(),
        )
        stack.callback(executor.close)
        if not scheduler.finished:
            # Before the followers: MLflow loads on a thread while Ray starts, but an inline
            # executor loads Blender here, and two such loads at a time are asking for trouble.
            executor.start()
        for sink in followers:
            stack.callback(sink.close)
            sink.open()
        sinks = [manifest, *followers]
        driver = Driver(
            scheduler,
            executor,
            sinks,
            storage,
            stack.enter_context(shown),
            sweep.settings.execution.timeout_s,
            interruption,
        )
        complete = driver.run()
        if complete:
            plan.finish()  # before the followers close: MLflow counts by it
        plan.close()
    uri = sweep.tracking_uri
    return Summary(
        sweep=sweep.name,
        output=storage.public_uri,
        counts=scheduler.counts,
        failures=tuple(driver.failures),
        complete=complete,
        seconds=time.monotonic() - start,
        tracking_uri=uri,
        tracking_page=next((sink.page for sink in sinks if sink.page is not None), None),
        commands=commands,
    )


def _take_over(
    sweep: Sweep,
    runs: Expansion,
    specimens: SharedSpecimens | None,
    code: Code,
    storage: Storage,
    stack: ExitStack,
) -> tuple[PlanWriter, str]:
    """Lock the output while the stack lasts, clear it of old attempts, and describe the sweep.

    Returns
    -------
    PlanWriter
        At work on the plan.
    str
        Content of ``sweep.yaml``.
    """
    try:
        if storage.folder is not None:
            storage.folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(exclusive(storage))
        accepted = settled(storage, code, accept=sweep.settings.accept_versions)
        if storage.folder is not None:
            _remove_attempts(storage.folder)
            stack.callback(_remove_attempts, storage.folder)
        # `status` reads both: what the sweep is of, even after the recipe has changed.
        document = sweep.document(runs.recipe_hash, len(runs), code, accepted)
        storage.write_file(recipe_file(runs.recipe_hash), runs.recipe_document.encode())
        storage.write_file(SWEEP, document.encode())
        plan = PlanWriter(storage, sweep.name, runs, document, specimens)
        stack.callback(plan.close)
        plan.start()
    except (OSError, OutputError) as error:
        message = f"{storage.public_uri} can't be written: {reason(error)}"
        raise ConfigurationError([Problem(sweep.source, "output", message)]) from error
    return plan, document


def _remove_attempts(output: Path) -> None:
    """Remove what attempts left that nobody ended in order."""
    shutil.rmtree(output / ATTEMPTS, ignore_errors=True)
