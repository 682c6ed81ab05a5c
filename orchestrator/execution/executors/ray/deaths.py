"""Why a worker died: Ray's errors as sentences."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from orchestrator.dataset.results import Failure


def death(error: Exception, *, kernel_killed: bool, crash_log: str) -> Failure:
    """Return why a worker died as its attempt's failure.

    Parameters
    ----------
    kernel_killed
        Whether the kernel has killed a process of this machine meanwhile, for want of memory.
    crash_log
        Path of what Python's fault handler wrote, if it is on this machine.
    """
    from ray.exceptions import OutOfMemoryError

    log = str(error)
    with suppress(OSError):
        log += "\n" + Path(crash_log).read_text(encoding="utf-8", errors="replace")
    if isinstance(error, OutOfMemoryError):
        return Failure("OutOfMemory", cause(error), log)
    if kernel_killed:
        message = "out of memory: the kernel killed a process of this machine meanwhile"
        return Failure("OutOfMemory", message, log)
    return Failure("MachineLost" if is_machine_lost(error) else "WorkerDied", cause(error), log)


def cause(error: Exception) -> str:
    """Return one sentence on what ended a worker."""
    from ray import exceptions

    if isinstance(error, exceptions.OutOfMemoryError):
        return "out of memory: Ray ended the worker because its machine had too little left"
    if is_machine_lost(error):
        return "its machine died, left the cluster or does not answer any more"
    if isinstance(error, exceptions.RayTaskError):
        return f"{type(error.cause).__name__}: {error.cause}"
    # Ray's texts are paragraphs: an exit detail, or else the last line, says what happened.
    _, found, detail = str(error).rpartition("Worker exit detail:")
    if "connection error code 2" in detail:
        return "its process ended without a word: a crash in native code, or killed from outside"
    lines = [line.strip() for line in detail.splitlines() if line.strip()] or [type(error).__name__]
    return f"its process ended: {lines[0 if found else -1]}"


def is_machine_lost(error: Exception) -> bool:
    """Whether Ray reports a machine that is gone or, sooner, an actor that does not answer."""
    from ray.exceptions import ActorUnavailableError, NodeDiedError

    kinds = (ActorUnavailableError, NodeDiedError)
    return isinstance(error, kinds) or "its node has died" in str(error)
