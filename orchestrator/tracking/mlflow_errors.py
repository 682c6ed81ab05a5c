"""Which errors of MLflow stay however long one waits; without importing MLflow."""

from __future__ import annotations

import errno
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

_PASSING_CODES = frozenset({408, 409, 425, 429})

_DISK_FAULTS = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR,
    errno.ENAMETOOLONG,
})  # fmt: skip


def is_lasting(error: BaseException) -> bool:
    """Whether an error stays until something is changed by hand."""
    if is_disk_fault(error) or isinstance(error, ImportError):
        return True
    ask: Any = getattr(error, "get_http_status_code", None)  # what MLflow raises has it
    if ask is not None and 400 <= (code := int(ask())) < 500 and code not in _PASSING_CODES:
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
