"""How far a data set is, read from its manifest; a sweep may be at work on it meanwhile."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import yaml

from orchestrator.driver import failure_log_path
from orchestrator.run import RunStatus
from orchestrator.storage import Storage
from scene.errors import ConfigurationError, Problem

SHOWN_LOGS = 3


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """Why runs failed: one error's type and message, and the runs that ended with it."""

    error_type: str
    error_message: str
    run_ids: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class Status:
    """How far a data set is.

    Parameters
    ----------
    output
        Its URI or folder.
    sweep
        Name of the sweep that was started last.
    total
        Number of that sweep's runs.
    succeeded, failed
        Rows of the manifest by status.
    causes
        Failures by cause, the most frequent first.
    """

    output: str
    sweep: str
    total: int
    succeeded: int
    failed: int
    causes: tuple[Cause, ...]

    @property
    def left(self) -> int:
        """Runs without a row; the manifest may also hold runs of earlier, other sweeps."""
        return max(0, self.total - self.succeeded - self.failed)

    def lines(self) -> Iterator[str]:
        """Yield the status as people read it."""
        yield (
            f"{self.sweep}: {self.total} runs, {self.succeeded} succeeded, "
            f"{self.failed} failed, {self.left} left"
        )
        for cause in self.causes:
            message = cause.error_message.partition("\n")[0]
            yield f"{len(cause.run_ids)} x {cause.error_type}: {message}"
            for run_id in cause.run_ids[:SHOWN_LOGS]:
                yield f"    {self.output}/{failure_log_path(run_id)}"
            if len(cause.run_ids) > SHOWN_LOGS:
                yield f"    and {len(cause.run_ids) - SHOWN_LOGS} more"

    def as_json(self) -> dict[str, Any]:
        """Return the status for programs."""
        return {
            "output": self.output,
            "sweep": self.sweep,
            "runs": self.total,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "left": self.left,
            "failures": [
                {
                    "error_type": cause.error_type,
                    "error_message": cause.error_message,
                    "run_ids": list(cause.run_ids),
                }
                for cause in self.causes
            ],
        }


def read_status(uri: str) -> Status:
    """Return the status of the data set at `uri`.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    """
    storage = Storage(uri)
    try:
        sweep = yaml.safe_load(storage.read("sweep.yaml"))
        name, total = str(sweep["name"]), int(sweep["runs"])
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
        message = "is not the output of a sweep: there is no sweep.yaml in it that can be read"
        raise ConfigurationError([Problem(storage.public_uri, "", message)]) from None
    counts: Counter[str] = Counter()
    failed: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in _rows(storage):
        counts[row["status"]] += 1
        if row["status"] == RunStatus.FAILED:
            failed[row["error_type"], row["error_message"]].append(row["run_id"])
    causes = [Cause(*key, tuple(run_ids)) for key, run_ids in failed.items()]
    return Status(
        output=storage.public_uri,
        sweep=name,
        total=total,
        succeeded=counts[RunStatus.SUCCEEDED],
        failed=counts[RunStatus.FAILED],
        causes=tuple(sorted(causes, key=lambda cause: -len(cause.run_ids))),
    )


def _rows(storage: Storage) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["run_id", "status", "error_type", "error_message"]
    for name in storage.list("manifest"):
        if name.startswith("part-") and name.endswith(".parquet"):
            data = pa.BufferReader(storage.read(f"manifest/{name}"))
            # On this thread alone: Arrow's own, still letting go of Python's bytes while the
            # interpreter ends, would abort the process.
            with pq.ParquetFile(data, pre_buffer=False) as part:
                yield from part.read(columns, use_threads=False).to_pylist()
