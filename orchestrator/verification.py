"""Holding a data set against its manifest, checksum by checksum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from orchestrator.lease import exclusive
from orchestrator.reading import described_sweep, manifest_rows
from orchestrator.run import RunStatus
from orchestrator.runs_folder import DAMAGED, difference, set_aside
from orchestrator.storage import Storage


@final
@dataclass(frozen=True, slots=True)
class Verification:
    """What came of holding a data set against its manifest.

    Parameters
    ----------
    runs, files
        How many were compared.
    damaged
        What is wrong, by run id.
    """

    runs: int
    files: int
    damaged: Mapping[str, str]

    def lines(self) -> Iterator[str]:
        """Yield the result as people read it."""
        yield f"{self.runs} runs with {self.files} files compared, {len(self.damaged)} damaged"
        for run_id, problem in self.damaged.items():
            yield f"    {run_id}: {problem}"
        if self.damaged:
            yield f"set aside in {DAMAGED}/; the sweep's command makes them again"

    def as_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {"runs": self.runs, "files": self.files, "damaged": dict(self.damaged)}


def verify_output(uri: str) -> Verification:
    """Compare every file of the data set at `uri` with its checksum.

    A run that does not hold what its record says is moved to ``damaged/``, so that the next start
    of the sweep makes it again.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    OutputLockedError
        If a driver is at work on it.
    """
    storage = Storage(uri)
    described_sweep(storage)  # tells of a folder that is no data set
    damaged: dict[str, str] = {}
    runs = files = 0
    with exclusive(storage):
        for row in manifest_rows(storage, ["run_id", "status", "files"]):
            if row["status"] != RunStatus.SUCCEEDED:
                continue
            runs += 1
            files += len(row["files"])
            if problem := difference(storage, row["files"]):
                damaged[row["run_id"]] = problem
                set_aside(storage, row["run_id"])
    return Verification(runs, files, damaged)
