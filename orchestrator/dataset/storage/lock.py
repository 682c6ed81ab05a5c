"""One driver at a time on a local output."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from scene.errors import BlendsweepError

LOCK_FILE = ".lock"

PATIENCE_S = 0.5
"""Longer than `owner` holds the lock to see whether anybody does."""


class OutputLockedError(BlendsweepError):
    """Another driver is at work on the same output.

    Parameters
    ----------
    output
        The output's folder.
    owner
        The driver that holds it, as it named itself.
    """

    def __init__(self, output: str, owner: str) -> None:
        self.output = output
        self.owner = owner
        super().__init__(output, owner)

    def __str__(self) -> str:
        return (
            f"{self.output} is in use by {self.owner}; "
            "wait until it ends, or give this sweep an --output of its own"
        )


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Hold `output`, an existing folder, for this process.

    The operating system lets go of the lock when its process ends in whatever way, so that a dead
    driver's lock never blocks.

    Raises
    ------
    OutputLockedError
        If another driver holds it.
    """
    path = output / LOCK_FILE
    lock = FileLock(path)
    try:
        lock.acquire(timeout=PATIENCE_S)
    except Timeout:
        raise OutputLockedError(str(output), _named(path)) from None
    try:
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def owner(output: Path) -> str | None:
    """Return who holds `output`, as it named itself; None if nobody does.

    Nothing is written, so that it works on what can only be read, too.
    """
    path = output / LOCK_FILE
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named(path)
    except OSError:
        return None  # no lock file, or a file system without locks
    return None


def _named(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() or "another driver"
