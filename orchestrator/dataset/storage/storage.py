"""Where a data set lives: a local folder or an object store behind one interface.

Paths given to a `Storage` are relative to its root, with forward slashes. Readers never see a
half-written file: a file or a run's folder appears whole or not at all.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, final

from orchestrator.common.redaction import masked, remember, without_credentials
from orchestrator.common.uris import local_folder
from orchestrator.dataset.storage.backends import Backend, LocalFolder
from orchestrator.dataset.storage.disks import full_places
from orchestrator.dataset.storage.object_store import OUTAGE_S, ObjectStore
from scene.errors import BlendsweepError, ConfigurationError, Problem

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM}


class OutputError(BlendsweepError):
    """The output can't be reached or written; what it holds is whole.

    Parameters
    ----------
    output
        The folder, or the URI without credentials.
    reason
        What the file system answers, for instance ``No space left on device``.
    """

    def __init__(self, output: str, reason: str) -> None:
        self.output = output
        self.reason = reason
        super().__init__(output, reason)

    def __str__(self) -> str:
        return (
            f"the output {self.output} can't be used: {self.reason}; what it holds is whole, "
            "and once that is mended the same command goes on where it stopped"
        )


@final
class Storage:
    """One data set's place.

    Every method raises `OutputError` where the place can't be reached, read or written.

    Parameters
    ----------
    uri
        A folder, absolute or relative to the current one, a ``file://`` URI, or any other URI
        that pyarrow.fs knows, for instance ``s3://bucket/prefix``.
    patience_s
        How long an object store that answered before may be away; None for what a sweep can wait.

    Attributes
    ----------
    uri : str
        The absolute folder, or the URI as given.
    folder : Path or None
        The local folder; None for an object store.
    guard : callable or None
        Called before whatever changes the data set; raises an `OutputError` where this
        process must not.
    """

    def __init__(self, uri: str, patience_s: float | None = None) -> None:
        self.guard: Callable[[], None] | None = None
        remember(uri)
        self.folder = local_folder(uri)
        self.uri = uri if self.folder is None else str(self.folder)
        self._backend: Backend = (
            _object_store(uri, patience_s) if self.folder is None else LocalFolder(self.folder)
        )

    @property
    def public_uri(self) -> str:
        """The URI without user, password and query, for records that others read."""
        return without_credentials(self.uri)

    def publish(self, folder: Path, relative: str) -> bool:
        """Move a finished local folder to `relative`, whole.

        Returns
        -------
        bool
            False, with nothing changed, if `relative` exists already. On an object store
            a folder counts as existing once its ``record.json``, uploaded last, is there.
        """
        with self._change():
            return self._backend.publish(folder, _checked(relative))

    def write_file(self, relative: str, data: bytes) -> None:
        """Write or replace one file; a reader finds the old or the new content, never a part."""
        with self._change():
            self._backend.write_file(_checked(relative), data)

    @contextmanager
    def replacing(self, relative: str) -> Iterator[BinaryIO]:
        """Write or replace one file piece by piece.

        Yields
        ------
        BinaryIO
            A stream that can be written and sought. When the block ends in order, readers find
            all of it under `relative`; when it raises, they find what was there before.
        """
        with self._change(), self._backend.replacing(_checked(relative)) as stream:
            yield stream
            if self.guard is not None:
                self.guard()  # nothing of it can be read so far

    def read(self, relative: str) -> bytes:
        """Return a file's content.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        with self._access():
            return self._backend.read(_checked(relative))

    def open(self, relative: str) -> BinaryIO:
        """Open a file for reading at any position, for instance by pyarrow.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        with self._access():
            return self._backend.open(_checked(relative))

    def exists(self, relative: str) -> bool:
        """Whether there is a file or folder `relative`."""
        with self._access():
            return self._backend.exists(_checked(relative))

    def list(self, relative: str) -> list[str]:
        """Return the sorted names of the files and folders in a folder; none if it is missing."""
        with self._access():
            return self._backend.list(_checked(relative))

    def delete(self, relative: str) -> None:
        """Delete a file or a folder with all it holds; nothing happens if it is missing."""
        with self._change():
            self._backend.delete(_checked(relative))

    def move(self, relative: str, target: str) -> None:
        """Rename a file or a folder.

        Raises
        ------
        FileExistsError
            If there is a `target` already.
        """
        if self.exists(target):
            raise FileExistsError(f"{target} exists in {self.public_uri}")
        with self._change():
            self._backend.move(_checked(relative), _checked(target))

    @contextmanager
    def _change(self) -> Iterator[None]:
        if self.guard is not None:
            self.guard()
        with self._access():
            yield

    @contextmanager
    def _access(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            told = reason(error)
            if self.folder is None and error.errno in _FULL:  # which no store says of itself
                told = f"a disk of this machine is full{full_places()}"
            raise OutputError(self.public_uri, told) from error


def _object_store(uri: str, patience_s: float | None) -> ObjectStore:
    try:
        return ObjectStore.from_uri(uri, OUTAGE_S if patience_s is None else patience_s)
    except ValueError as error:  # pyarrow's, of a URI that it can't read
        told = f"{str(error).partition(': ')[0]}; a blank is written as %20, others as %-codes, too"
        raise ConfigurationError([Problem(masked(uri), "", told)]) from None
    except OSError as error:
        raise OutputError(without_credentials(uri), reason(error)) from error


def reason(error: Exception) -> str:
    """Return what the operating system, or pyarrow, gave as its reason."""
    told: str | None = getattr(error, "strerror", None)
    return told or (str(error).splitlines() or [type(error).__name__])[0]


def denied(error: BaseException | None) -> str | None:
    """Return the reason if `error` says that a place may be read only; else None."""
    while error is not None:
        if isinstance(error, OSError) and (error.errno in _DENIED or "ACCESS_DENIED" in str(error)):
            return reason(error)
        error = error.__cause__
    return None


def _checked(relative: str) -> str:
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{relative!r} leads out of the data set")
    return str(path)
