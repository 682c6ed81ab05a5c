"""One driver at a time on a local output."""

from __future__ import annotations

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
    """Return who holds `output`, as it named itself; None if nobody does."""
    path = output / LOCK_FILE
    if not path.is_file():
        return None
    try:
        with FileLock(path, blocking=False):
            return None
    except Timeout:
        return _named(path)
    except OSError:
        return None  # a data set on a disk that can't be written has no driver


def _named(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() or "another driver"
