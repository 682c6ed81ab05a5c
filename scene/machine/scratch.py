"""Temporary folders that a killed process does not leave behind for good."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import final

PREFIX = "blendsweep-scratch-"

SHARED_MEMORY = Path("/dev/shm")
"""Where files cost next to nothing, on machines that have such a place."""

ORPHAN_SECONDS = 60.0
"""A folder younger than this may be one whose owner is about to lock it."""

_lasting: list[ScratchFolder] = []


def memory_folder(needed_bytes: float) -> Path | None:
    """Return the parent for scratch folders in memory; None where there is too little of it.

    Containers often have 64 MiB of shared memory and no more.
    """
    if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > 2 * needed_bytes:
        return SHARED_MEMORY
    return None


@final
class ScratchFolder:
    """A private folder that is removed when this object is no longer used, or the process ends.

    Attributes
    ----------
    path
        The folder.
    """

    def __init__(self) -> None:
        self.path, lock = _locked_folder(None)
        weakref.finalize(self, _remove, self.path, lock)


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
        _remove(folder, lock)


def lasting_scratch_folder() -> Path:
    """Return a private folder that lasts as long as this process."""
    _lasting.append(ScratchFolder())
    return _lasting[-1].path


def remove_orphans() -> None:
    """Remove the folders whose processes are gone, killed before they could do so themselves.

    The operating system lets go of a lock when its process ends, in whatever way: a folder that
    can be locked is nobody's.
    """
    for parent in {SHARED_MEMORY, Path(tempfile.gettempdir())}:
        for folder in parent.glob(f"{PREFIX}*"):
            with suppress(OSError):  # another's, in use, or gone meanwhile
                if not folder.is_symlink() and _age(folder) > ORPHAN_SECONDS:
                    _remove(folder, _lock(folder))


def _age(folder: Path) -> float:
    return time.time() - folder.stat().st_mtime


def _remove(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


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
