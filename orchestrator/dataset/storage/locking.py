"""One driver at a time: a lock on a folder, a lease on an object store, which knows no locks.

The operating system lets go of a lock when its process ends in whatever way, so that a dead
driver's never blocks. A lease is renewed, and one that is not runs out. Each write of it depends on
the state that was read before, so that of two drivers which start at the same moment one alone gets
it, and one that lost it never takes it back unawares. What a driver writes into the data set
depends on its lease, too: see `Storage.guard`.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import psutil
from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from orchestrator.dataset.layout import LOCK
from orchestrator.dataset.storage.opening import open_object_storage
from orchestrator.dataset.storage.storage import OutputError, Storage, TakenError, denied
from scene.errors import BlendsweepError, ConfigurationError, Problem

if TYPE_CHECKING:
    from orchestrator.dataset.storage.object_store import ObjectStorage, Version

LOCK_PATIENCE_S = 0.5
"""Longer than `driver_of` holds a folder's lock to see whether anybody does."""

LEASE_S = 60.0
"""A driver that has not renewed its lease for this long is dead."""

RENEWAL_S = 15.0

LEASE_PATIENCE_S = 10.0
"""A store that does not answer is tried for this long; far shorter than a lease lasts."""


class OutputLockedError(BlendsweepError):
    """Another driver is at work on the same output.

    Parameters
    ----------
    output
        The output's folder, or its URI without credentials.
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
            "wait until it ends; a sweep can also be given another --output"
        )


class LeaseLostError(OutputError):
    """The data set is not held any more, so that nothing must be written into it."""

    def __str__(self) -> str:
        return (
            f"this sweep lost its hold on {self.output}: {self.reason}; what is recorded there is "
            "whole, and once no other driver is at work on it the same command goes on"
        )


@contextmanager
def exclusive(storage: Storage) -> Iterator[None]:
    """Hold a data set, a folder that exists or an object store, for this process.

    Raises
    ------
    OutputLockedError
        If another driver holds it.
    """
    if storage.folder is not None:
        with _locked(storage.folder):
            yield
        return
    lease = Lease(open_object_storage(storage.uri, LEASE_PATIENCE_S))
    lease.take()
    storage.guard = lease.check
    try:
        yield
    finally:
        storage.guard = None
        lease.release()


@contextmanager
def changing(storage: Storage, done: str) -> Iterator[None]:
    """Hold a data set that a command changes, as `exclusive` does.

    Parameters
    ----------
    done
        What is done to it, for the sentence: ``compacted``.

    Raises
    ------
    OutputLockedError
        If a driver holds it.
    ConfigurationError
        If it can only be read.
    """
    try:
        with exclusive(storage):
            yield
    except (OSError, OutputError) as error:
        if (why := denied(error)) is None:
            raise
        message = f"can't be {done}, since it can't be written: {why}"
        raise ConfigurationError([Problem(storage.public_uri, "", message)]) from error


def driver_of(storage: Storage) -> str | None:
    """Return who holds a data set, as it named itself; None if nobody does.

    Nothing is written, so that it works on what can only be read, too.
    """
    if storage.folder is not None:
        return _owner(storage.folder / LOCK)
    try:
        holder = _parsed(storage.read(LOCK))
    except FileNotFoundError:
        return None
    return None if holder is None or holder.is_gone() else str(holder)


@contextmanager
def _locked(output: Path) -> Iterator[None]:
    path = output / LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=LOCK_PATIENCE_S)
    except Timeout:
        raise OutputLockedError(str(output), _named(path)) from None
    try:
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _owner(path: Path) -> str | None:
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


@final
class Lease:
    """The hold of one process on one data set in an object store.

    Parameters
    ----------
    storage
        The data set, by a storage of little patience that nobody else uses.
    """

    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage
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
        holder = self._read()
        if holder is not None and not holder.is_gone():
            raise OutputLockedError(self._storage.public_uri, str(holder))
        try:
            self._write()
        except TakenError:
            if not self._is_ours():
                raise OutputLockedError(self._storage.public_uri, self._holder()) from None
        self._thread.start()

    def check(self) -> None:
        """Check that the lease is held.

        Raises
        ------
        LeaseLostError
            If it is not.
        """
        if self._lost is None and time.monotonic() > self._until:
            self._lost = f"it could not be renewed for {LEASE_S:g} s"
        if self._lost is not None:
            raise LeaseLostError(self._storage.public_uri, self._lost)

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        with suppress(OutputError):
            if self._is_ours():
                self._storage.delete(LOCK)

    def renew(self) -> None:
        """Renew the lease once, if it is still ours; what goes wrong shows in `check`."""
        try:
            self.check()
            # On a store without conditions, this is all that keeps us from taking it back.
            if not self._is_ours():
                raise TakenError
            self._write()
        except TakenError:
            with suppress(OutputError):
                if not self._is_ours():
                    self._lost = f"{self._holder()} has it now"
        except OutputError:
            pass  # tried again, until the lease is over

    def _renew_on_and_on(self) -> None:
        while self._lost is None and not self._ended.wait(RENEWAL_S):
            self.renew()

    def _write(self) -> None:
        # What is promised to others begins before the write, whatever that takes.
        until, wall = time.monotonic() + LEASE_S, time.time() + LEASE_S
        holder = _Holder(os.getpid(), socket.gethostname(), self._token, wall)
        content = _HOLDER.dump_json(holder)
        self._version = self._storage.write_version(LOCK, content, self._version)
        self._until = until

    def _read(self) -> _Holder | None:
        """Return who stands there, and note the version."""
        found = self._storage.read_version(LOCK)
        self._version = None if found is None else found[1]
        return None if found is None else _parsed(found[0])

    def _is_ours(self) -> bool:
        """Whether our token stands there; an answer that was lost may have been a yes."""
        holder = self._read()
        return holder is not None and holder.token == self._token

    def _holder(self) -> str:
        return str(self._read() or "nobody")


@dataclass(frozen=True, slots=True)
class _Holder:
    """What stands in a lease."""

    process: int
    machine: str
    token: str
    until: float

    def is_gone(self) -> bool:
        """Whether the lease has run out, or its process was one of this machine and is gone."""
        gone = self.machine == socket.gethostname() and not psutil.pid_exists(self.process)
        return gone or self.until < time.time()

    def __str__(self) -> str:
        return f"process {self.process} on {self.machine}"


_HOLDER = TypeAdapter(_Holder)


def _parsed(data: bytes) -> _Holder | None:
    """Return the holder that stands in a lease; None if `data` is not a lease."""
    try:
        return _HOLDER.validate_json(data)
    except ValidationError:
        return None
