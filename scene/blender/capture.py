"""Capture of what native code writes to the process's standard output and error."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import IO, final

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

    Blender writes there from C, past ``sys.stdout``. A closed descriptor, or a pipe that
    nobody reads any more, is not an error.
    """
    _flush()
    with tempfile.TemporaryFile() as file:
        saved = {descriptor: _duplicate(descriptor) for descriptor in (1, 2)}
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
                    os.close(original)


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
