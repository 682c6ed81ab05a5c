"""A folder as the place of a data set."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, final, override

from orchestrator.dataset.storage.storage import TEMPORARY_PREFIX, Storage


@final
class LocalStorage(Storage):
    """A folder of this machine, or one that is mounted on it.

    Parameters
    ----------
    folder
        The absolute folder; it need not exist yet.
    """

    folder: Path

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.folder = folder

    @override
    def publish(self, folder: Path, relative: str) -> bool:
        with self._change():
            return _publish(folder, self._at(relative))

    @override
    def write_file(self, relative: str, data: bytes) -> None:
        with self.replacing(relative) as stream:
            stream.write(data)

    @override
    @contextmanager
    def replacing(self, relative: str) -> Iterator[BinaryIO]:
        target = self._at(relative)
        temporary = _temporary(target)
        with self._change():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("w+b") as stream:
                    yield stream
                    stream.flush()
                    os.fsync(stream.fileno())
                self._check_guard()
                temporary.replace(target)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            _sync(target.parent)

    @override
    def read(self, relative: str) -> bytes:
        with self._access():
            return self._at(relative).read_bytes()

    @override
    def open(self, relative: str) -> BinaryIO:
        with self._access():
            return self._at(relative).open("rb")

    @override
    def exists(self, relative: str) -> bool:
        with self._access():
            return self._at(relative).exists()

    @override
    def list(self, relative: str) -> list[str]:
        folder = self._at(relative)
        with self._access():
            return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []

    @override
    def sizes(self, relative: str) -> dict[str, int | None]:
        folder = self._at(relative)
        with self._access():
            if folder.is_symlink():
                return {".": None}
            return dict(_sizes(folder, "")) if folder.is_dir() else {}

    @override
    def delete(self, relative: str) -> None:
        target = self._at(relative)
        with self._change():
            if target.is_dir() and not target.is_symlink():
                doomed = _temporary(target)
                shutil.rmtree(doomed, ignore_errors=True)
                shutil.rmtree(target.rename(doomed))
            else:
                target.unlink(missing_ok=True)

    @override
    def move(self, relative: str, target: str) -> None:
        self._expect_free(target)
        with self._change():
            self._at(target).parent.mkdir(parents=True, exist_ok=True)
            self._at(relative).rename(self._at(target))

    def _at(self, relative: str) -> Path:
        return self.folder / self._checked(relative)


def _sizes(folder: Path, prefix: str) -> Iterator[tuple[str, int | None]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _sizes(folder / entry.name, f"{prefix}{entry.name}/")
            else:
                size = None if entry.is_symlink() else entry.stat(follow_symlinks=False).st_size
                yield prefix + entry.name, size


def _publish(folder: Path, target: Path) -> bool:
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
        return _publish_from_elsewhere(folder, target)
    _sync(target.parent)
    return True


def _publish_from_elsewhere(folder: Path, target: Path) -> bool:
    # A rename can't cross file systems: copy next to the target first.
    staged = _temporary(target)
    shutil.rmtree(staged, ignore_errors=True)
    try:
        shutil.copytree(folder, staged)
        published = _publish(staged, target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    if published:
        shutil.rmtree(folder)
    return published


def _temporary(target: Path) -> Path:
    """Return where what becomes `target` is written: next to it, so that a rename suffices."""
    return target.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{target.name}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
