"""Temporary folders that a killed process does not leave behind for good."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "blendsweep-scratch-"

SHARED_MEMORY = Path("/dev/shm")
"""Where files cost next to nothing, on machines that have such a place."""

ORPHAN_SECONDS = 60.0
"""A folder younger than this may be one whose owner is about to lock it."""

_held: list[int] = []


def memory_folder(needed_bytes: float) -> Path | None:
    """Return the parent for scratch folders in memory; None where there is too little of it.

    Containers often have 64 MiB of shared memory and no more.
    """
    if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > 2 * needed_bytes:
        return SHARED_MEMORY
    return None


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield a private folder that is removed at the end.

    Parameters
    ----------
    parent
        Where it is made; None for the system's folder for temporary files.
    """
    folder, lock = _locked_folder(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def lasting_scratch_folder() -> Path:
    """Return a private folder that lasts as long as this process."""
    folder, lock = _locked_folder(None)
    _held.append(lock)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove_orphans() -> None:
    """Remove the folders whose processes are gone, killed before they could do so themselves.

    The operating system lets go of a lock when its process ends, in whatever way: a folder that
    can be locked is nobody's.
    """
    for parent in {SHARED_MEMORY, Path(tempfile.gettempdir())}:
        for folder in parent.glob(f"{PREFIX}*"):
            with suppress(OSError):  # another's, in use, or gone meanwhile
                if not folder.is_symlink() and _age(folder) > ORPHAN_SECONDS:
                    lock = _lock(folder)
                    shutil.rmtree(folder, ignore_errors=True)
                    os.close(lock)


def _age(folder: Path) -> float:
    return time.time() - folder.stat().st_mtime


def _locked_folder(parent: Path | None) -> tuple[Path, int]:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    return folder, _lock(folder)


def _lock(folder: Path) -> int:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
