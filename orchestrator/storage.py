"""Where a data set lives: a local folder or an object store behind one interface.

Paths given to a `Storage` are relative to its root, with forward slashes. Readers never see a
half-written file: a file or a run's folder appears whole or not at all.
"""

from __future__ import annotations

import errno
import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast, final
from urllib.parse import unquote, urlsplit

from scene.record import RECORD_FILE

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

TEMPORARY_PREFIX = ".partial-"
"""Begins the names of files that are being written; readers of Parquet folders skip the dot."""


@final
class Storage:
    """One data set's place.

    Parameters
    ----------
    uri
        A folder, absolute or relative to the current one, a ``file://`` URI, or any other URI
        that pyarrow.fs knows, for instance ``s3://bucket/prefix``.

    Attributes
    ----------
    uri : str
        The absolute folder, or the URI as given.
    folder : Path or None
        The local folder; None for an object store.
    """

    def __init__(self, uri: str) -> None:
        self.folder = local_folder(uri)
        self.uri = uri if self.folder is None else str(self.folder)
        self._backend: _Backend = (
            _ObjectStore.from_uri(uri) if self.folder is None else _LocalFolder(self.folder)
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
        return self._backend.publish(folder, _checked(relative))

    def write_file(self, relative: str, data: bytes) -> None:
        """Write or replace one file; a reader finds the old or the new content, never a part."""
        self._backend.write_file(_checked(relative), data)

    def read(self, relative: str) -> bytes:
        """Return a file's content.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        return self._backend.read(_checked(relative))

    def open(self, relative: str) -> BinaryIO:
        """Open a file for reading at any position, for instance by pyarrow.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        return self._backend.open(_checked(relative))

    def exists(self, relative: str) -> bool:
        """Whether there is a file or folder `relative`."""
        return self._backend.exists(_checked(relative))

    def list(self, relative: str) -> list[str]:
        """Return the sorted names of the files and folders in a folder; none if it is missing."""
        return self._backend.list(_checked(relative))

    def delete(self, relative: str) -> None:
        """Delete a file or a folder with all it holds; nothing happens if it is missing."""
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
        self._backend.move(_checked(relative), _checked(target))


def local_folder(uri: str) -> Path | None:
    """Return the absolute local folder that `uri` names; None if it names an object store."""
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    return None if "://" in uri else Path(uri).expanduser().absolute()


def without_credentials(uri: str) -> str:
    """Return `uri` without user, password, query and fragment; plain paths stay as they are.

    >>> without_credentials("s3://key:secret@bucket/prefix?region=eu")
    's3://bucket/prefix'
    """
    if "://" not in uri:
        return uri
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _checked(relative: str) -> str:
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{relative!r} leads out of the data set")
    return str(path)


class _Backend(ABC):
    """What differs between the places; `Storage` describes the methods."""

    @abstractmethod
    def publish(self, folder: Path, relative: str) -> bool: ...

    @abstractmethod
    def write_file(self, relative: str, data: bytes) -> None: ...

    @abstractmethod
    def read(self, relative: str) -> bytes: ...

    @abstractmethod
    def open(self, relative: str) -> BinaryIO: ...

    @abstractmethod
    def exists(self, relative: str) -> bool: ...

    @abstractmethod
    def list(self, relative: str) -> list[str]: ...

    @abstractmethod
    def delete(self, relative: str) -> None: ...

    @abstractmethod
    def move(self, relative: str, target: str) -> None: ...


@final
class _LocalFolder(_Backend):
    def __init__(self, root: Path) -> None:
        self._root = root

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
        staged = target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{target.name}")
        shutil.rmtree(staged, ignore_errors=True)
        try:
            shutil.copytree(folder, staged)
            published = self.publish(staged, relative)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        if published:
            shutil.rmtree(folder)
        return published

    def write_file(self, relative: str, data: bytes) -> None:
        target = self._root / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{target.name}")
        try:
            with temporary.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync(target.parent)

    def read(self, relative: str) -> bytes:
        return (self._root / relative).read_bytes()

    def open(self, relative: str) -> BinaryIO:
        return (self._root / relative).open("rb")

    def exists(self, relative: str) -> bool:
        return (self._root / relative).exists()

    def list(self, relative: str) -> list[str]:
        folder = self._root / relative
        return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    def delete(self, relative: str) -> None:
        target = self._root / relative
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    def move(self, relative: str, target: str) -> None:
        (self._root / target).parent.mkdir(parents=True, exist_ok=True)
        (self._root / relative).rename(self._root / target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@final
class _ObjectStore(_Backend):
    """A prefix of an object store; one put of a whole object is atomic, a folder is not.

    Parameters
    ----------
    filesystem
        A pyarrow file system.
    root
        The prefix inside it.
    """

    def __init__(self, filesystem: FileSystem, root: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")

    @classmethod
    def from_uri(cls, uri: str) -> _ObjectStore:
        from pyarrow.fs import FileSystem  # costs time that local outputs need not spend

        return cls(*FileSystem.from_uri(uri))

    def _at(self, relative: str) -> str:
        return self._root if relative == "." else f"{self._root}/{relative}"

    def _kind(self, relative: str) -> str:
        name: str = self._filesystem.get_file_info(self._at(relative)).type.name
        return name

    def publish(self, folder: Path, relative: str) -> bool:
        if self.exists(f"{relative}/{RECORD_FILE}"):
            return False
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        # The record goes last: what has one is complete.
        for path in sorted(files, key=lambda path: path == folder / RECORD_FILE):
            name = path.relative_to(folder).as_posix()
            self.write_file(f"{relative}/{name}", path.read_bytes())
        shutil.rmtree(folder)
        return True

    def write_file(self, relative: str, data: bytes) -> None:
        target = self._at(relative)
        self._filesystem.create_dir(target.rpartition("/")[0], recursive=True)
        with self._filesystem.open_output_stream(target) as stream:
            stream.write(data)

    def read(self, relative: str) -> bytes:
        with self._filesystem.open_input_stream(self._at(relative)) as stream:
            data: bytes = stream.read()
        return data

    def open(self, relative: str) -> BinaryIO:
        return cast("BinaryIO", self._filesystem.open_input_file(self._at(relative)))

    def exists(self, relative: str) -> bool:
        return self._kind(relative) != "NotFound"

    def list(self, relative: str) -> list[str]:
        from pyarrow.fs import FileSelector

        selector = FileSelector(self._at(relative), allow_not_found=True)
        return sorted(info.base_name for info in self._filesystem.get_file_info(selector))

    def delete(self, relative: str) -> None:
        kind = self._kind(relative)
        if kind == "Directory":
            self._filesystem.delete_dir(self._at(relative))
        elif kind != "NotFound":
            self._filesystem.delete_file(self._at(relative))

    def move(self, relative: str, target: str) -> None:
        self._filesystem.move(self._at(relative), self._at(target))
