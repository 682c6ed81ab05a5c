"""Which disk is full: asked by writing, since what errors and logs say of it may mean another."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from scene.machine.scratch import SHARED_MEMORY

LEAST_FREE_BYTES = 2**20
"""A disk on which this can't be written is full."""


def write_fault(folder: Path) -> str | None:
    """Return why nothing can be written into an existing folder; None if something can.

    A quota, a disk that was mounted anew as read-only and one that is full all look alike.
    """
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as stream:
            left = memoryview(bytes(LEAST_FREE_BYTES))
            while left:
                left = left[stream.write(left) :]
            os.fsync(stream.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return None


def full_places() -> str:
    """Return which of the usual places for temporary files can't be written, as an addition.

    Empty where all can.
    """
    try:
        places = {Path(tempfile.gettempdir()): None, SHARED_MEMORY: None}
    except FileNotFoundError as error:
        return f"; {error.strerror}"
    faults = ((place, write_fault(place)) for place in places if place.is_dir())
    return "".join(f"; {place}: {fault}" for place, fault in faults if fault is not None)
