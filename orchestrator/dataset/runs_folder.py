"""The folder of runs: what in it is whole, and setting aside what is not."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from orchestrator.dataset.layout import DAMAGED, RUNS, is_run_id, run_folder
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.storage.storage import Storage, without_litter

_CHUNK_BYTES = 2**23
_log = logging.getLogger(__name__)


def difference(storage: Storage, files: Iterable[Mapping[str, Any]]) -> str | None:
    """Return how files differ from their records, or None if they do not.

    Parameters
    ----------
    files
        Each with ``path`` relative to the data set, ``bytes`` and ``sha256``.
    """
    for file in files:
        path = file["path"]
        try:
            with storage.open(path) as stream:
                digest = _sha256(stream)
        except (FileNotFoundError, NotADirectoryError):
            return f"{path} is missing"
        if digest != file["sha256"]:
            return f"{path} has another checksum than its record"
    return None


def set_aside(storage: Storage, name: str) -> str | None:
    """Move ``runs/<name>`` to ``damaged/``; return its new path, or None if it does not exist."""
    if not storage.exists(run_folder(name)):
        return None
    taken = set(storage.list(DAMAGED))
    names = (f"{name}-{number}" for number in range(1, len(taken) + 2))
    target = f"{DAMAGED}/{next(free for free in names if free not in taken)}"
    storage.move(run_folder(name), target)
    return target


def check_runs_folder(storage: Storage, recorded: Mapping[str, RunStatus]) -> dict[str, RunStatus]:
    """Set aside what is not a run, and return the records whose runs are still there.

    Parameters
    ----------
    recorded
        Status by run id, from the manifest.
    """
    present = set()
    for name in without_litter(storage, RUNS):
        if is_run_id(name):
            present.add(name)
        elif not name.startswith("."):
            target = set_aside(storage, name)
            where = f"{storage.public_uri}/{RUNS}/{name}"
            _log.warning("%s is not a run; it was set aside as %s", where, target)
    gone = {
        run_id
        for run_id, status in recorded.items()
        if status is RunStatus.SUCCEEDED and run_id not in present
    }
    if gone:
        _log.warning(
            "%d recorded runs are no longer in %s/%s; those of this sweep are made again",
            len(gone), storage.public_uri, RUNS,
        )  # fmt: skip
    return {run_id: status for run_id, status in recorded.items() if run_id not in gone}


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):  # each is a request to an object store
        digest.update(chunk)
    return digest.hexdigest()
