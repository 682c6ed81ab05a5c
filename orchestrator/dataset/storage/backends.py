"""What a place for data sets can do, and the local folder."""

from __future__ import annotations

import errno
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, final, override

TEMPORARY_PREFIX = ".partial-"
"""Begins the names of files that are being written; readers of Parquet folders skip the dot."""


class Backend(ABC):
    """What differs between the places.

    Paths are relative to the place's root;
    :class:`orchestrator.dataset.storage.storage.Storage` has checked them.
    """

    @abstractmethod
    def publish(self, folder: Path, relative: str) -> bool:
        """Move a local folder to `relative`; False, with nothing changed, if that is taken."""

    @abstractmethod
    def write_file(self, relative: str, data: bytes) -> None:
        """Write or replace one file, whole."""

    @abstractmethod
    def replacing(self, relative: str) -> AbstractContextManager[BinaryIO]:
        """Yield a stream whose content becomes the file, whole, when the block ends in order."""

    @abstractmethod
    def read(self, relative: str) -> bytes:
        """Return a file's content, or raise FileNotFoundError."""

    @abstractmethod
    def open(self, relative: str) -> BinaryIO:
        """Open a file for reading at any position, or raise FileNotFoundError."""

    @abstractmethod
    def exists(self, relative: str) -> bool:
        """Whether there is a file or folder."""

    @abstractmethod
    def list(self, relative: str) -> list[str]:
        """Return the sorted names in a folder; none if it is missing."""

    @abstractmethod
    def delete(self, relative: str) -> None:
        """Delete a file or a folder, if it is there."""

    @abstractmethod
    def move(self, relative: str, target: str) -> None:
        """Rename a file or a folder to a `target` that is free."""


@final
class LocalFolder(Backend):
    """A folder of this machine, or one that is mounted on it.

    Parameters
    ----------
    root
        The folder; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @override
    def publish(self, folder: Path, relative: str) -> bool:
        target = self._root / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            return False
        for directory, _, names in folder.walk():
            for name in names:
                _sync(directory / name)
            _sync(directory)
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                return False
            if error.errno != errno.EXDEV:
                raise
            return self._publish_from_elsewhere(folder, relative)
        _sync(target.parent)
        return True

    def _publish_from_elsewhere(self, folder: Path, relative: str) -> bool:
        # A rename can't cross file systems: copy next to the target first.
        target = self._root / relative
        staged = _temporary(target)
        shutil.rmtree(staged, ignore_errors=True)
        try:
            shutil.copytree(folder, staged)
            published = self.publish(staged, relative)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        if published:
            shutil.rmtree(folder)
        return published

    @override
    def write_file(self, relative: str, data: bytes) -> None:
        with self.replacing(relative) as stream:
            stream.write(data)

    @override
    @contextmanager
    def replacing(self, relative: str) -> Iterator[BinaryIO]:
        target = self._root / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(target)
        try:
            with temporary.open("w+b") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync(target.parent)

    @override
    def read(self, relative: str) -> bytes:
        return (self._root / relative).read_bytes()

    @override
    def open(self, relative: str) -> BinaryIO:
        return (self._root / relative).open("rb")

    @override
    def exists(self, relative: str) -> bool:
        return (self._root / relative).exists()

    @override
    def list(self, relative: str) -> list[str]:
        folder = self._root / relative
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    @override
    def delete(self, relative: str) -> None:
        target = self._root / relative
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    @override
    def move(self, relative: str, target: str) -> None:
        (self._root / target).parent.mkdir(parents=True, exist_ok=True)
        (self._root / relative).rename(self._root / target)


def _temporary(target: Path) -> Path:
    """Return where what becomes `target` is written: next to it, so that a rename suffices."""
    return target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{target.name}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
