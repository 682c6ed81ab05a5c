"""One driver at a time on an object store, which knows no locks: a lease that is renewed.

Each write of it depends on the state that was read before, so that of two drivers which start at
the same moment one alone gets it, and one that lost it never takes it back unawares. What a driver
writes into the data set depends on its lease, too: see `Storage.guard`.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, final

import psutil

from orchestrator.dataset.storage.conditional import (
    ConditionalFile,
    TakenError,
    Version,
    conditional_file,
)
from orchestrator.dataset.storage.lock import LOCK_FILE, OutputLockedError, locked, owner
from orchestrator.dataset.storage.storage import OutputError, Storage

LEASE_S = 60.0
"""A driver that has not renewed its lease for so long is dead."""

RENEWAL_S = 15.0


class LeaseLostError(OutputError):
    """The data set is not held any more, so that nothing must be written into it."""

    def __str__(self) -> str:
        return (
            f"this sweep lost its hold on {self.output}: {self.reason}; what is recorded there is "
            "whole, and once no other driver is at work on it the same command goes on"
        )


@final
class Lease:
    """The hold of one process on one data set.

    Parameters
    ----------
    file
        Where it is written.
    output
        What it is on, for messages.
    """

    def __init__(self, file: ConditionalFile, output: str) -> None:
        self._file = file
        self._output = output
        self._token = uuid.uuid4().hex
        self._version: Version = None
        self._until = 0.0
        self._lost: str | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew_on_and_on, name="lease", daemon=True)

    def take(self) -> None:
        """Take the lease and renew it from now on.

        Raises
        ------
        OutputLockedError
            If another driver holds it.
        """
        found = self._file.read()
        holder = None if found is None else _parsed(found[0])
        if holder is not None and not _is_over(holder):
            raise OutputLockedError(self._output, _named(holder))
        try:
            self._write(None if found is None else found[1])
        except TakenError:
            if not self._is_ours():
                raise OutputLockedError(self._output, self._holder()) from None
        self._thread.start()

    def check(self) -> None:
        """See that the lease is held.

        Raises
        ------
        LeaseLostError
            If it is not.
        """
        if self._lost is None and time.monotonic() > self._until:
            self._lost = f"it could not be renewed for {LEASE_S:g} s"
        if self._lost is not None:
            raise LeaseLostError(self._output, self._lost)

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        with suppress(OutputError):
            if self._is_ours():
                self._file.delete()

    def renew(self) -> None:
        """Renew the lease once, if it is still ours; what goes wrong shows in `check`."""
        try:
            self.check()
            # Without conditions, this is all that keeps us from taking it back.
            if not self._is_ours():
                raise TakenError
            self._write(self._version)
        except TakenError:
            with suppress(OutputError):
                if not self._is_ours():
                    self._lost = f"{self._holder()} has it now"
        except OutputError:
            pass  # tried again, until the lease is over

    def _renew_on_and_on(self) -> None:
        while self._lost is None and not self._ended.wait(RENEWAL_S):
            self.renew()

    def _write(self, known: Version) -> None:
        # What is promised to others begins before the write, whatever that takes.
        until, wall = time.monotonic() + LEASE_S, time.time() + LEASE_S
        content = {
            "process": os.getpid(),
            "machine": socket.gethostname(),
            "token": self._token,
            "until": wall,
        }
        self._version = self._file.write(json.dumps(content).encode(), known)
        self._until = until

    def _is_ours(self) -> bool:
        """Whether our token stands there; an answer that got lost may have been a yes."""
        found = self._file.read()
        holder = None if found is None else _parsed(found[0])
        if found is None or holder is None or holder["token"] != self._token:
            return False
        self._version = found[1]
        return True

    def _holder(self) -> str:
        found = self._file.read()
        holder = None if found is None else _parsed(found[0])
        return "nobody" if holder is None else _named(holder)


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
    lease = Lease(conditional_file(storage.uri, LOCK_FILE), storage.public_uri)
    lease.take()
    storage.guard = lease.check
    try:
        yield
    finally:
        storage.guard = None
        lease.release()


def driver_of(storage: Storage) -> str | None:
    """Return who holds a data set, as it named itself; None if nobody does."""
    if storage.folder is not None:
        return owner(storage.folder)
    try:
        found = _parsed(storage.read(LOCK_FILE))
    except FileNotFoundError:
        return None
    return None if found is None or _is_over(found) else _named(found)


def _parsed(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
        kinds = {"process": int, "machine": str, "token": str, "until": float}
        return found if all(isinstance(found[name], kinds[name]) for name in kinds) else None
    except (ValueError, TypeError, KeyError):
        return None


def _is_over(found: dict[str, Any]) -> bool:
    """Whether a lease has run out, or belongs to a process of this machine that is gone."""
    gone = found["machine"] == socket.gethostname() and not psutil.pid_exists(found["process"])
    return gone or bool(found["until"] < time.time())


def _named(found: dict[str, Any]) -> str:
    return f"process {found['process']} on {found['machine']}"
