"""A prefix of an object store as the place of a data set, by way of obstore."""

from __future__ import annotations

import errno
import io
import logging
import re
import shutil
import time
from collections.abc import Buffer, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, final, override

import obstore
from obstore import exceptions

from orchestrator.dataset.storage.storage import OutputError, Storage, TakenError
from scene.imaging.files import RECORD_FILE
from scene.machine.scratch import scratch_folder

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult, ObjectMeta, PutMode, PutResult, UpdateVersion
    from obstore.store import ObjectStore

FIRST_ANSWER_S = 10.0
"""A store that never answered may be a typing error."""

LONGEST_PAUSE_S = 5.0

_WHOLE_BYTES = 2**20
"""A file of at most this size is transferred whole when it is opened."""

_LEAST_BYTES = 2**18
"""Of a larger file, at least this much is transferred at a time."""

_UPLOADS = 2
"""Parts of one large file that are uploaded at once; each must arrive before its time is up."""

_LASTING = re.compile(r"status code: (4(?!08|29)\d\d|501)")
"""Answers that waiting does not change."""

_DETAILS = re.compile(r'<Code>(\w+)|(?:message|error): "([^"\n]+)"|kind: (Timeout)')

_ROLES = re.compile(r"://(169\.254\.|metadata\.google)")
"""Where a machine of a cloud asks for its role, once nobody has given credentials."""

_REFUSALS = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)

_CONDITIONS = (
    exceptions.AlreadyExistsError,
    exceptions.PreconditionError,
    exceptions.NotSupportedError,
)
"""A condition of a write does not hold, or is none that the store knows."""

type Version = UpdateVersion | None
"""What a store calls the state of a file; None where there is no file."""

_log = logging.getLogger(__name__)


class ObjectStorage(Storage):
    """A prefix of an object store; one put of a whole object is atomic, a folder is not.

    Every operation is tried again while the store does not answer. obstore itself tries for
    seconds only, because a Ctrl-C waits until it returns; the longer patience lies here.

    Parameters
    ----------
    uri
        The URI as given.
    store
        What obstore makes of it: an object store whose root is the data set's.
    patience_s
        How long a store that has answered before may be away.
    """

    def __init__(self, uri: str, store: ObjectStore, patience_s: float) -> None:
        super().__init__(uri)
        self._store = store
        self._patience_s = patience_s
        self._answered = False
        self._has_conditions = True

    @override
    def publish(self, folder: Path, relative: str) -> bool:
        record = f"{relative}/{RECORD_FILE}"
        if self._is_file(record):
            return False
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path != folder / RECORD_FILE:
                self._put(f"{relative}/{path.relative_to(folder).as_posix()}", path)
        # The record goes last: what has one is complete. Of two publishers, one can make it.
        content = (folder / RECORD_FILE).read_bytes()
        try:
            self.write_version(record, content, None)
        except TakenError:
            if self.read(record) != content:  # or else it is ours, and the answer was lost
                return False
        shutil.rmtree(folder)
        return True

    @override
    def write_file(self, relative: str, data: bytes) -> None:
        self._put(relative, data)

    @override
    @contextmanager
    def replacing(self, relative: str) -> Iterator[BinaryIO]:
        # Made on this machine, since it may go up only once it is whole.
        with self._change(), scratch_folder() as folder:
            with (folder / "content").open("w+b") as stream:
                yield stream
            self._put(relative, folder / "content")

    @override
    def read(self, relative: str) -> bytes:
        return self._ask(lambda: self._get(relative).bytes().to_bytes())

    @override
    def open(self, relative: str) -> BinaryIO:
        def begin() -> BinaryIO:
            found = self._get(relative)  # the content is transferred once it is asked for
            if found.meta["size"] <= _WHOLE_BYTES:
                return io.BytesIO(found.bytes().to_bytes())
            return io.BufferedReader(_Ranges(found.meta, self._range), _LEAST_BYTES)

        return self._ask(begin)

    @override
    def exists(self, relative: str) -> bool:
        return self._is_file(relative) or bool(self.list(relative))

    @override
    def list(self, relative: str) -> list[str]:
        found = self._ask(lambda: obstore.list_with_delimiter(self._store, self._at(relative)))
        paths = [*found["common_prefixes"], *(meta["path"] for meta in found["objects"])]
        return sorted(PurePosixPath(path).name for path in paths)

    @override
    def sizes(self, relative: str) -> dict[str, int | None]:
        path = self._at(relative)
        found = self._ask(lambda: obstore.list(self._store, path).collect())
        start = f"{path}/" if path else ""
        return {meta["path"].removeprefix(start): meta["size"] for meta in found}

    @override
    def delete(self, relative: str) -> None:
        self._check_guard()
        paths = self._files(relative)
        # The record goes first: without it, what is left counts as no run.
        for some in ([path for path in paths if path.endswith(f"/{RECORD_FILE}")], paths):
            with suppress(FileNotFoundError):
                self._ask(partial(obstore.delete, self._store, some))

    @override
    def move(self, relative: str, target: str) -> None:
        self._check_guard()
        self._expect_free(target)
        source, place = self._at(relative), self._at(target)
        for path in self._files(relative):  # objects can be copied, not renamed
            copy = place + path.removeprefix(source)
            self._ask(partial(obstore.copy, self._store, path, copy))
        self.delete(relative)

    def read_version(self, relative: str) -> tuple[bytes, Version] | None:
        """Return a file's content and version; None if there is no such file."""

        def read() -> tuple[bytes, Version]:
            found = self._get(relative)
            return found.bytes().to_bytes(), _version(found.meta)

        try:
            return self._ask(read)
        except FileNotFoundError:
            return None

    def write_version(self, relative: str, data: bytes, known: Version) -> Version:
        """Make a file, or replace the version that is known, and return the new version.

        A store that knows no conditions takes what comes last.

        Raises
        ------
        TakenError
            If there is a file, or another version of it.
        """
        if self._has_conditions:
            try:
                return self._put(relative, data, "create" if known is None else known)
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
                raise TakenError from error
            except (exceptions.NotSupportedError, OutputError) as error:
                if isinstance(error, OutputError) and not error.reason.startswith("501"):
                    raise
                self._has_conditions = False
                _log.warning(
                    "%s takes no conditional writes, so that two sweeps which start on it within "
                    "the same second are not kept apart",
                    self.public_uri,
                )
        return self._put(relative, data)

    def _put(self, relative: str, content: bytes | Path, mode: PutMode = "overwrite") -> Version:
        self._check_guard()

        def put() -> PutResult:
            try:
                return obstore.put(
                    self._store, self._at(relative), content, mode=mode, max_concurrency=_UPLOADS
                )
            except FileNotFoundError:
                raise OSError("there is no such bucket") from None

        return _version(self._ask(put))

    def _get(self, relative: str, options: GetOptions | None = None) -> GetResult:
        return obstore.get(self._store, self._at(relative), options=options)

    def _range(self, meta: ObjectMeta, start: int, end: int) -> bytes:
        options: GetOptions = {"range": (start, end), "if_match": meta["e_tag"]}
        try:
            return self._ask(lambda: self._get(meta["path"], options).bytes().to_bytes())
        except exceptions.PreconditionError:
            raise FileNotFoundError(
                errno.ENOENT, "was replaced while it was read", meta["path"]
            ) from None

    def _is_file(self, relative: str) -> bool:
        try:
            self._ask(lambda: obstore.head(self._store, self._at(relative)))
        except FileNotFoundError:
            return False
        return True

    def _files(self, relative: str) -> Sequence[str]:
        """Return the paths of all files in a folder, or that of a file."""
        path = self._at(relative)
        found = self._ask(lambda: obstore.list(self._store, path).collect())
        return [meta["path"] for meta in found] or [path]

    def _at(self, relative: str) -> str:
        checked = self._checked(relative)
        return "" if checked == "." else checked

    def _ask[T](self, operation: Callable[[], T]) -> T:
        """Return what `operation` gives, as soon as the store answers.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        obstore.exceptions.BaseError
            One of `_CONDITIONS`.
        OutputError
            If the store does not answer, or refuses.
        """
        patience_s = self._patience_s if self._answered else min(FIRST_ANSWER_S, self._patience_s)
        deadline = time.monotonic() + patience_s
        pause = 0.25
        with self._access():
            while True:
                try:
                    answer = operation()
                except exceptions.GenericError as error:
                    lasting = _LASTING.search(str(error)) is not None
                    if lasting or time.monotonic() + pause > deadline:
                        raise _as_os_error(error) from error
                    time.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_S)
                except (FileNotFoundError, *_CONDITIONS):
                    self._answered = True
                    raise
                except exceptions.BaseError as error:
                    raise _as_os_error(error) from error
                else:
                    self._answered = True
                    return answer


@final
class _Ranges(io.RawIOBase):
    """One version of an object, of which only the pieces that are read are transferred."""

    def __init__(self, meta: ObjectMeta, transfer: Callable[[ObjectMeta, int, int], bytes]) -> None:
        self._meta = meta
        self._transfer = transfer
        self._position = 0

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        starts = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._meta["size"]}
        self._position = max(starts[whence] + offset, 0)
        return self._position

    @override
    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer)
        end = min(self._position + len(view), self._meta["size"])
        if end <= self._position:
            return 0
        data = self._transfer(self._meta, self._position, end)
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


def _version(known: ObjectMeta | PutResult) -> UpdateVersion:
    parts: UpdateVersion = {"e_tag": known["e_tag"]}
    if known["version"] is not None:  # obstore takes no None here
        parts["version"] = known["version"]
    return parts


def _as_os_error(error: exceptions.BaseError) -> OSError:
    """Return in one line, as the system would, what a store answers.

    obstore's own text goes on for pages and shows URLs, in which there may be credentials.
    """
    text = str(error)
    reason = text.partition("\n")[0].rpartition(" - ")[2].partition(": <")[0]
    reason = reason.removeprefix("Server returned non-2xx status code: ")
    reason = reason.replace("HTTP error: error sending request", "it does not answer")
    for details in _DETAILS.findall(text)[-1:]:
        reason += f" ({''.join(details)})"
    if _ROLES.search(text):
        return OSError(f"no credentials are given, and the machine's role has none: {reason}")
    if isinstance(error, _REFUSALS) or re.search(r"status code: 40[13]", text):
        return PermissionError(errno.EACCES, reason)
    return OSError(reason)
