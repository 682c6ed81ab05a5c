"""One driver at a time on an object store, which knows no locks: a lease that is renewed.

Two drivers that start within the same second may both come to hold it. They would write the same
bytes into the same runs; the lease is there for the everyday case of a forgotten driver.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, final

import psutil

from orchestrator.lock import LOCK_FILE, OutputLockedError, locked, owner
from orchestrator.storage import OutputError, Storage

LEASE_S = 60.0
"""A driver that has not renewed its lease for so long is dead."""

RENEWAL_S = 15.0

SETTLING_S = 0.5
"""Time for another driver that starts right now to write its lease too."""

_log = logging.getLogger(__name__)


@final
class _Lease:
    """The hold of one process on one data set."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._token = uuid.uuid4().hex
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def take(self) -> None:
        self._check()
        self._write()
        time.sleep(SETTLING_S)
        self._check()
        self._thread.start()

    def release(self) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(OutputError):
            self._storage.delete(LOCK_FILE)

    def _check(self) -> None:
        found = _read(self._storage)
        if found is not None and found["token"] != self._token and not _is_over(found):
            raise OutputLockedError(self._storage.public_uri, _named(found))

    def _write(self) -> None:
        content = {
            "process": os.getpid(),
            "machine": socket.gethostname(),
            "token": self._token,
            "until": time.time() + LEASE_S,
        }
        self._storage.write_file(LOCK_FILE, json.dumps(content).encode())

    def _renew(self) -> None:
        while not self._ended.wait(RENEWAL_S):
            try:
                self._write()
            except OutputError as error:
                _log.warning("the lease of %s: %s", self._storage.public_uri, error.reason)


@contextmanager
def exclusive(storage: Storage) -> Iterator[None]:
    """Hold a data set for this process: a folder by a lock, an object store by a lease.

    Raises
    ------
    OutputLockedError
        If another driver holds it.
    """
    if storage.folder is not None:
        with locked(storage.folder):
            yield
        return
    lease = _Lease(storage)
    lease.take()
    try:
        yield
    finally:
        lease.release()


def driver_of(storage: Storage) -> str | None:
    """Return who holds a data set, as it named itself; None if nobody does."""
    if storage.folder is not None:
        return owner(storage.folder)
    found = _read(storage)
    return None if found is None or _is_over(found) else _named(found)


def _read(storage: Storage) -> dict[str, Any] | None:
    try:
        found = json.loads(storage.read(LOCK_FILE))
        kinds = {"process": int, "machine": str, "token": str, "until": float}
        return found if all(isinstance(found[name], kinds[name]) for name in kinds) else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def _is_over(found: dict[str, Any]) -> bool:
    """Whether a lease has run out, or belongs to a process of this machine that is gone."""
    gone = found["machine"] == socket.gethostname() and not psutil.pid_exists(found["process"])
    return gone or bool(found["until"] < time.time())


def _named(found: dict[str, Any]) -> str:
    return f"process {found['process']} on {found['machine']}"
