"""Holding a data set against its manifest, checksum by checksum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, final

from orchestrator.dataset.plan_table import read_plan, rows_by_plan
from orchestrator.dataset.provenance import Made, codes_of, mixture
from orchestrator.dataset.reading import tables
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.runs_folder import DAMAGED, difference, set_aside
from orchestrator.dataset.storage.locking import exclusive
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage, denied


@final
@dataclass(frozen=True, slots=True)
class Verification:
    """What came of holding a data set against its manifest.

    Parameters
    ----------
    runs, files
        How many were compared.
    others
        How many of the runs the last sweep does not ask for.
    damaged
        What is wrong, by run id.
    kept
        Why damaged runs were left where they are; None if they were set aside.
    codes
        Which code made the runs.
    parts
        What is wrong with part files of the tables.
    """

    runs: int
    files: int
    others: int
    damaged: Mapping[str, str]
    kept: str | None = None
    codes: tuple[Made, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing is damaged."""
        return not (self.damaged or self.parts)

    def lines(self) -> Iterator[str]:
        """Yield the result as people read it."""
        others = f" ({self.others} of them not of the last sweep)" if self.others else ""
        compared = f"{self.runs} runs{others} with {self.files} files compared"
        yield f"{compared}, {len(self.damaged)} damaged"
        for run_id, problem in self.damaged.items():
            yield f"    {run_id}: {problem}"
        yield from self.parts
        if self.damaged and self.kept is None:
            yield f"set aside in {DAMAGED}/; the sweep's command makes them again"
        elif self.damaged:
            yield f"left in place, since the data set can't be written: {self.kept}"
        yield from mixture(self.codes)

    def as_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {
            "runs": self.runs,
            "files": self.files,
            "others": self.others,
            "damaged": dict(self.damaged),
            "damaged_parts": list(self.parts),
            "set_aside": bool(self.damaged) and self.kept is None,
            "codes": [made.as_json() for made in self.codes],
        }


def verify_output(uri: str) -> Verification:
    """Compare every file of the data set at `uri` with its checksum.

    A run that does not hold what its record says is moved to ``damaged/``, so that the next start
    of the sweep makes it again. A data set that can only be read is compared all the same.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    OutputLockedError
        If a driver is at work on it.
    """
    storage = open_storage(uri)
    plan = read_plan(storage)
    damaged: dict[str, str] = {}
    parts: list[str] = []
    runs = files = others = 0
    with ExitStack() as stack:
        kept = _hold(storage, stack)
        columns = ["run_id", "recipe_hash", "status", "files"]
        for row, asked in rows_by_plan(storage, plan, columns, parts):
            if row["status"] != RunStatus.SUCCEEDED:
                continue
            runs += 1
            files += len(row["files"])
            others += not asked
            if problem := difference(storage, row["files"]):
                damaged[row["run_id"]] = problem
                kept = kept or _set_aside(storage, row["run_id"])
        for _ in tables(storage, "particles", damaged=parts):
            pass  # read whole, a part at a time
    codes = codes_of(storage)
    return Verification(runs, files, others, damaged, kept, codes, tuple(parts))


def _hold(storage: Storage, stack: ExitStack) -> str | None:
    """Hold the data set while the stack lasts; return why, if it can only be read."""
    try:
        stack.enter_context(exclusive(storage))
    except (OSError, OutputError) as error:
        if (why := denied(error)) is None:
            raise
        return why
    return None


def _set_aside(storage: Storage, run_id: str) -> str | None:
    """Set a run aside; return why, if that is not allowed."""
    try:
        set_aside(storage, run_id)
    except OutputError as error:
        if (why := denied(error)) is None:
            raise
        return why
    return None
