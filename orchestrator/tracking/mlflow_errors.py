"""Which errors of MLflow waiting does not mend, and how they are told; without MLflow itself."""

from __future__ import annotations

import errno
import re
from typing import Any

_LASTING = (
    "out-of-date database schema",
    "can't locate revision",
    "file is not a database",
    "is malformed",
    "readonly database",
    "unable to open database file",
    "authentication failed",
    "access denied",
    "unknown database",
    "does not exist",
    "can't load plugin",
    "no module named",
    "valid json format",
)
"""Words, in small letters, of databases and servers that will say the same tomorrow."""

_APPENDIX = re.compile(r"\[SQL: |\(Background on this error|<!doctype|<html", re.IGNORECASE)

_PASSING_CODES = frozenset({408, 409, 425, 429})

_DISK_FAULTS = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR,
    errno.ENAMETOOLONG,
})  # fmt: skip


def is_lasting(error: BaseException) -> bool:
    """Whether an error stays until something is changed by hand."""
    if is_disk_fault(error) or isinstance(error, ImportError):
        return True
    code = http_code(error)
    if code is not None and 400 <= code < 500 and code not in _PASSING_CODES:
        return True
    text = str(error).lower()
    return any(words in text for words in _LASTING)


def is_disk_fault(error: BaseException) -> bool:
    """Whether a disk refuses to be written."""
    return isinstance(error, OSError) and error.errno in _DISK_FAULTS


def is_out_of_place(error: BaseException) -> bool:
    """Whether a run or experiment is gone, or in the trash, so that it has to be found anew."""
    text = str(error)
    return (
        getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST"
        or "must be in the 'active' state" in text
        or "must be in 'active' state" in text
    )


def http_code(error: BaseException) -> int | None:
    """Return the status code of what MLflow raises; None for what others do."""
    ask: Any = getattr(error, "get_http_status_code", None)
    return None if ask is None else int(ask())


def sentence(error: BaseException) -> str:
    """Return an error in one line, whole, without the statement and page that may be in it."""
    text = str(getattr(error, "orig", None) or error)
    text = " ".join(_APPENDIX.split(text)[0].split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
