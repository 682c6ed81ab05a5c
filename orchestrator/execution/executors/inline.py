"""Execution in this process: one warm session, no Ray. For debugging and for small sweeps."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from functools import partial
from typing import final

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure
from orchestrator.execution.executors.base import Executor
from orchestrator.execution.worker import Worker, WorkerSettings
from scene.blender.thread import on_blenders_thread
from scene.machine.resources import Resources

WORKER_NAME = "inline"


@final
class InlineExecutor(Executor):
    """Runs each attempt inside `wait`, on Blender's own thread if it has one, else the caller's.

    A run here can't be interrupted: `kill` ends an attempt only as long as it has not begun, and
    the process, which is the caller's own, is never recycled.

    Parameters
    ----------
    settings
        What the worker needs to know; GPUs are used only where it asks for them.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        execution = settings.execution
        self._resources = Resources(execution.cpus_per_worker, execution.gpus_per_worker or 0.0)
        self._worker: Worker | None = None
        self._submitted: Attempt | None = None
        self._killed: list[AttemptOutcome] = []

    def start(self) -> None:
        """Start Blender in this process."""
        make = partial(Worker, self._settings, self._resources, WORKER_NAME)
        self._worker = on_blenders_thread(make)

    def scale(self, useful: int) -> None:
        """Do nothing: there is one worker."""

    @property
    def workers(self) -> int:
        """One, once started."""
        return int(self._worker is not None)

    @property
    def free(self) -> int:
        """One, unless an attempt waits for its turn."""
        return int(self._worker is not None and self._submitted is None)

    def submit(self, attempt: Attempt) -> None:
        """Keep the attempt for the next `wait`."""
        if not self.free:
            raise RuntimeError("no worker is free")
        self._submitted = attempt

    def wait(self, timeout_s: float) -> list[AttemptOutcome]:  # noqa: ARG002
        """Execute the submitted attempt, however long it takes, and return its outcome."""
        outcomes, self._killed = self._killed, []
        if self._submitted is not None and self._worker is not None:
            attempt, self._submitted = self._submitted, None
            outcomes.append(on_blenders_thread(partial(self._worker.execute, attempt)))
        return outcomes

    def kill(self, attempt: Attempt, failure: Failure) -> None:
        """Drop the attempt, which waits for its turn."""
        if self._worker is None or self._submitted != attempt:
            raise ValueError(f"run {attempt.run.run_id} is not in flight")
        self._submitted = None
        now = datetime.now(UTC)
        self._killed.append(
            AttemptOutcome(
                attempt=attempt,
                worker=WORKER_NAME,
                node=socket.gethostname(),
                device=self._worker.device,
                started_at=now,
                finished_at=now,
                failure=failure,
            )
        )

    def close(self) -> None:
        """Let go of the session; bpy itself stays loaded until the process ends."""
        self._worker = None
