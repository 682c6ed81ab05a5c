"""Capture of what native code writes to the process's standard output and error."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import IO, Any, TextIO, final

_KEPT_BYTES = 1 << 20


@final
class CapturedLog:
    """What was written since the capture began; readable during the capture and after it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file: IO[bytes] | None = file
        self._text = ""

    @property
    def text(self) -> str:
        """The last MiB of the output."""
        if self._file is not None:
            _flush()
            size = os.fstat(self._file.fileno()).st_size
            start = max(0, size - _KEPT_BYTES)
            self._text = os.pread(self._file.fileno(), size - start, start).decode(errors="replace")
        return self._text

    def close(self) -> None:
        """Keep the text and release the file."""
        _ = self.text
        self._file = None


@contextmanager
def captured_output() -> Iterator[CapturedLog]:
    """Redirect file descriptors 1 and 2 into a log until the block ends.

    Blender writes there from C, past ``sys.stdout``. What other threads print meanwhile is not
    redirected. A closed descriptor, or a pipe that nobody reads any more, is not an error.
    """
    with tempfile.TemporaryFile() as file, _saved() as saved, _others_apart(saved):
        _flush()
        log = CapturedLog(file)
        try:
            for descriptor in saved:
                os.dup2(file.fileno(), descriptor)
            yield log
        finally:
            log.close()
            for descriptor, original in saved.items():
                if original is None:
                    os.close(descriptor)
                else:
                    os.dup2(original, descriptor)


@contextmanager
def _saved() -> Iterator[Mapping[int, int | None]]:
    """Duplicate the descriptors, each to its duplicate; None for a closed one."""
    saved = {descriptor: _duplicate(descriptor) for descriptor in (1, 2)}
    try:
        yield saved
    finally:
        for original in saved.values():
            if original is not None:
                os.close(original)


@final
class _ByThread:
    """A stream that is another one for all threads but the one that made it.

    Parameters
    ----------
    own, others
        The streams.
    """

    def __init__(self, own: TextIO, others: TextIO) -> None:
        self._own = own
        self._others = others
        self._owner = threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        stream = self._own if threading.get_ident() == self._owner else self._others
        return getattr(stream, name)


@contextmanager
def _others_apart(saved: Mapping[int, int | None]) -> Iterator[None]:
    """Let other threads print where they did before these descriptors were redirected."""
    with ExitStack() as stack:
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            stream, original = getattr(sys, name), saved[descriptor]
            if original is None or not _writes_to(stream, descriptor):
                continue
            others = stack.enter_context(
                open(
                    original,
                    "w",
                    buffering=1,
                    encoding=stream.encoding,
                    errors=stream.errors,
                    closefd=False,
                )
            )
            setattr(sys, name, _ByThread(stream, others))
            stack.callback(setattr, sys, name, stream)
        yield


def _writes_to(stream: Any, descriptor: int) -> bool:
    try:
        return bool(stream.fileno() == descriptor)
    except (AttributeError, OSError, ValueError):
        return False


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _duplicate(descriptor: int) -> int | None:
    try:
        return os.dup(descriptor)
    except OSError:
        return None


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    # The C library has a buffer of its own, which a redirected descriptor fills up.
    _c_library().fflush(None)
