"""Object stores as places for data sets, by way of pyarrow."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast, final, override

from orchestrator.dataset.storage.backends import Backend
from scene.execution.record import RECORD_FILE
from scene.machine.scratch import scratch_folder

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

OUTAGE_S = 120.0
"""A store that has answered before may be away for so long."""

FIRST_ANSWER_S = 10.0
"""A store that never answered may be a typing error."""

LONGEST_PAUSE_S = 5.0

_CHUNK_BYTES = 8 * 2**20

_LASTING = ("ACCESS_DENIED", "NO_SUCH", "INVALID", "SIGNATURE", "UNRECOGNIZED", "UNAUTHENTICATED",
            "PERMISSION", "PRECONDITION")  # fmt: skip
"""Words in errors that waiting does not mend."""


@final
class ObjectStore(Backend):
    """A prefix of an object store; one put of a whole object is atomic, a folder is not.

    Every operation is tried again for `outage_s` while the store does not answer.

    Parameters
    ----------
    filesystem
        A pyarrow file system.
    root
        The prefix inside it.
    outage_s
        How long a store that has answered before may be away.
    """

    def __init__(self, filesystem: FileSystem, root: str, outage_s: float = OUTAGE_S) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")
        # An object store has no folders; making one would leave an empty object.
        self._has_folders = filesystem.type_name == "local"
        self._answered = False
        self._outage_s = outage_s

    @classmethod
    def from_uri(cls, uri: str, outage_s: float = OUTAGE_S) -> ObjectStore:
        """Return the place that a URI known to pyarrow.fs names."""
        from pyarrow.fs import FileSystem  # costs time that local outputs need not spend

        filesystem, root = FileSystem.from_uri(uri)
        return cls(filesystem, root, outage_s)

    @override
    def publish(self, folder: Path, relative: str) -> bool:
        if self.exists(f"{relative}/{RECORD_FILE}"):
            return False
        record = folder / RECORD_FILE
        files = (path for path in folder.rglob("*") if path.is_file())
        # The record goes last: what has one is complete.
        for path in sorted(files, key=lambda path: (path == record, path)):
            name = path.relative_to(folder).as_posix()
            self.write_file(f"{relative}/{name}", path.read_bytes())
        shutil.rmtree(folder)
        return True

    @override
    def write_file(self, relative: str, data: bytes) -> None:
        target = self._at(relative)

        def write() -> None:
            if self._has_folders:
                self._filesystem.create_dir(target.rpartition("/")[0], recursive=True)
            with self._filesystem.open_output_stream(target) as stream:
                stream.write(data)

        self._patiently(write)

    @override
    @contextmanager
    def replacing(self, relative: str) -> Iterator[BinaryIO]:
        # Closing an upload publishes what it has, however it came to be closed: so what is made
        # piece by piece is made on this machine, and goes up once it is whole.
        with scratch_folder() as folder, (folder / "content").open("w+b") as stream:
            yield stream
            self._upload(stream, self._at(relative))

    def _upload(self, content: BinaryIO, target: str) -> None:
        def upload() -> None:
            if self._has_folders:
                self._filesystem.create_dir(target.rpartition("/")[0], recursive=True)
            content.seek(0)
            with self._filesystem.open_output_stream(target) as stream:
                while chunk := content.read(_CHUNK_BYTES):
                    stream.write(chunk)

        try:
            self._patiently(upload)
        except Exception:
            raise
        except BaseException:  # Ctrl-C, on which the stream was closed and so published
            self._filesystem.delete_file(target)
            raise

    @override
    def read(self, relative: str) -> bytes:
        def read() -> bytes:
            with self._filesystem.open_input_stream(self._at(relative)) as stream:
                data: bytes = stream.read()
            return data

        return self._patiently(read)

    @override
    def open(self, relative: str) -> BinaryIO:
        opened = self._patiently(lambda: self._filesystem.open_input_file(self._at(relative)))
        return cast("BinaryIO", opened)

    @override
    def exists(self, relative: str) -> bool:
        return self._kind(relative) != "NotFound"

    @override
    def list(self, relative: str) -> list[str]:
        return sorted(info.base_name for info in self._infos(relative))

    @override
    def delete(self, relative: str) -> None:
        kind = self._kind(relative)
        if kind == "Directory":
            self._patiently(lambda: self._filesystem.delete_dir(self._at(relative)))
        elif kind != "NotFound":
            self._patiently(lambda: self._filesystem.delete_file(self._at(relative)))

    @override
    def move(self, relative: str, target: str) -> None:
        # Objects can be copied, not renamed, and a folder is no object.
        source = self._at(relative)
        if self._kind(relative) == "File":
            paths = [source]
        else:
            infos = self._infos(relative, recursive=True)
            paths = [info.path for info in infos if info.type.name == "File"]
        for path in paths:
            place = target + path[len(source) :]
            if self._has_folders:
                self._filesystem.create_dir(self._at(place).rpartition("/")[0], recursive=True)
            self._copy(path, self._at(place))
        self.delete(relative)

    def _copy(self, path: str, target: str) -> None:
        self._patiently(lambda: self._filesystem.copy_file(path, target))

    def _at(self, relative: str) -> str:
        return self._root if relative == "." else f"{self._root}/{relative}"

    def _kind(self, relative: str) -> str:
        info = self._patiently(lambda: self._filesystem.get_file_info(self._at(relative)))
        name: str = info.type.name
        return name

    def _infos(self, relative: str, *, recursive: bool = False) -> Sequence[FileInfo]:
        from pyarrow.fs import FileSelector

        selector = FileSelector(self._at(relative), allow_not_found=True, recursive=recursive)
        infos: Sequence[FileInfo] = self._patiently(
            lambda: self._filesystem.get_file_info(selector)
        )
        return infos

    def _patiently[T](self, operation: Callable[[], T]) -> T:
        """Return what `operation` gives, as soon as the store answers."""
        deadline = time.monotonic() + (self._outage_s if self._answered else FIRST_ANSWER_S)
        pause = 0.25
        while True:
            try:
                result = operation()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                self._answered = True
                raise
            except OSError as error:
                pause = min(2 * pause, LONGEST_PAUSE_S)
                lasting = any(word in str(error) for word in _LASTING)
                if lasting or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
            else:
                self._answered = True
                return result
