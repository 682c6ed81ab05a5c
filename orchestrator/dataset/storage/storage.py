"""What a place for a data set can do, whether it is a folder or a prefix of an object store.

Paths given to a `Storage` are relative to its root, with forward slashes. Readers never see a
half-written file: a file or a run's folder appears whole or not at all.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from orchestrator.common.redaction import without_credentials
from orchestrator.dataset.storage.disks import full_places
from scene.errors import BlendsweepError

TEMPORARY_PREFIX = ".partial-"
"""Begins the names of files that are being written; readers of Parquet folders skip the dot."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_IN_THE_WAY = {
    errno.EEXIST: "there is a file where a folder is needed",
    errno.ENOTDIR: "there is a file where a folder is needed",
    errno.EISDIR: "there is a folder where a file is needed",
}
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


class TakenError(Exception):
    """Somebody else has written a file since it was read."""


class Storage(ABC):
    """One data set's place; `open_storage` makes one from a URI.

    Every method raises `OutputError` where the place can't be reached, read or written, and
    ValueError for a path that leads out of it. An implementation takes relative paths through
    `_checked` and does its work inside ``with self._access():`` or ``with self._change():``, which
    see to that.

    Parameters
    ----------
    uri
        The absolute folder, or the URI of an object store as given.

    Attributes
    ----------
    uri : str
        As above; it may hold credentials.
    folder : Path or None
        The local folder; None for an object store.
    guard : callable or None
        Called before whatever changes the data set; raises an `OutputError` where this
        process must not.
    """

    folder: Path | None = None
    guard: Callable[[], None] | None = None

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @property
    def public_uri(self) -> str:
        """The URI without user, password and query, for records that others read."""
        return without_credentials(self.uri)

    @abstractmethod
    def publish(self, folder: Path, relative: str) -> bool:
        """Move a finished local folder to `relative`, whole.

        Returns
        -------
        bool
            False, with nothing changed, if `relative` exists already. On an object store
            a folder counts as existing once its ``record.json``, uploaded last, is there.
        """

    @abstractmethod
    def write_file(self, relative: str, data: bytes) -> None:
        """Write or replace one file; a reader finds the old or the new content, never a part."""

    @abstractmethod
    def replacing(self, relative: str) -> AbstractContextManager[BinaryIO]:
        """Write or replace one file piece by piece.

        Yields
        ------
        BinaryIO
            A stream that can be written and sought. When the block ends in order, readers find
            all of it under `relative`; when it raises, they find what was there before.
        """

    @abstractmethod
    def read(self, relative: str) -> bytes:
        """Return a file's content.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """

    @abstractmethod
    def open(self, relative: str) -> BinaryIO:
        """Open a file for reading at any position, as ``pyarrow.parquet`` does.

        What is not read need not be transferred.

        Raises
        ------
        FileNotFoundError
            If there is none. On an object store reading raises it, too, if the file is replaced
            meanwhile, since what was opened is gone then.
        """

    @abstractmethod
    def exists(self, relative: str) -> bool:
        """Whether there is a file or folder `relative`."""

    @abstractmethod
    def list(self, relative: str) -> list[str]:
        """Return the sorted names of the files and folders in a folder; none if it is missing."""

    @abstractmethod
    def sizes(self, relative: str) -> dict[str, int | None]:
        """Return the bytes of all files below a folder, by their paths in it; none if missing.

        The size of a link, which is not followed, is None; a folder that is one itself is ``.``.
        """

    @abstractmethod
    def delete(self, relative: str) -> None:
        """Delete a file or a folder with all it holds; nothing happens if it is missing.

        A reader finds a folder whole or not at all; on an object store its ``record.json`` goes
        first, without which it does not count as one.
        """

    @abstractmethod
    def move(self, relative: str, target: str) -> None:
        """Rename a file or a folder.

        Raises
        ------
        FileExistsError
            If there is a `target` already.
        """

    @staticmethod
    def _checked(relative: str) -> str:
        path = PurePosixPath(relative)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{relative!r} leads out of the data set")
        return str(path)

    def _expect_free(self, target: str) -> None:
        if self.exists(target):
            raise FileExistsError(f"{target} exists in {self.public_uri}")

    def _check_guard(self) -> None:
        if self.guard is not None:
            self.guard()

    @contextmanager
    def _change(self) -> Iterator[None]:
        self._check_guard()
        with self._access():
            yield

    @contextmanager
    def _access(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            why = reason(error)
            if self.folder is None and error.errno in _FULL:  # no store says that of itself
                why = f"a disk of this machine is full{full_places()}"
            raise OutputError(self.public_uri, why + self._place(error)) from error

    def _place(self, error: OSError) -> str:
        """Return which place in a local output is taken; nothing if an error is about another."""
        path = Path(str(error.filename or ""))
        if self.folder is None or self.folder not in path.parents or error.errno not in _IN_THE_WAY:
            return ""
        return f" ({path.relative_to(self.folder)})"


def reason(error: Exception) -> str:
    """Return in a few words why something failed, as the operating system or a library said."""
    if (in_the_way := _IN_THE_WAY.get(getattr(error, "errno", None) or 0)) is not None:
        return in_the_way
    given: str | None = getattr(error, "strerror", None) or getattr(error, "reason", None)
    return given or (str(error).splitlines() or [type(error).__name__])[0]


def denied(error: BaseException | None) -> str | None:
    """Return the reason if `error` says that a place may only be read; else None."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DENIED:
            return reason(error)
        error = error.__cause__
    return None


def without_litter(storage: Storage, folder: str, ending: str = "") -> list[str]:
    """Return the names in a folder; what a killed process was writing there is deleted.

    Parameters
    ----------
    ending
        Ends the names of what may be deleted.
    """
    names = storage.list(folder)
    litter = [name for name in names if name.startswith(TEMPORARY_PREFIX) and name.endswith(ending)]
    for name in litter:
        storage.delete(f"{folder}/{name}")
    return [name for name in names if name not in litter]
