"""What a sweep would do: its runs, and how many of them the data set holds already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from orchestrator.dataset.layout import MANIFEST, RUNS
from orchestrator.dataset.provenance import code_of_sweep, settled
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.tables import read_errors_told

if TYPE_CHECKING:
    from orchestrator.dataset.storage.storage import Storage
    from orchestrator.plan.expansion import Expansion
    from orchestrator.plan.sweep import Sweep

LISTED_RUNS = 10_000
"""At most this many runs are listed; the plan of a sweep that has started names all."""

COMPARED_RUNS = 1_000_000
"""At most this many runs, from the first on, are looked for in the data set."""


@final
@dataclass(frozen=True, slots=True)
class Recorded:
    """How many of a sweep's runs a data set holds.

    Parameters
    ----------
    output
        The data set.
    runs, compared
        How many runs the sweep has, and how many of them were looked for.
    succeeded, failed
        How many of these are on record.
    new
        How many of them would be executed.
    """

    output: str
    runs: int
    compared: int
    succeeded: int
    failed: int
    new: int

    def lines(self) -> Iterator[str]:
        """Yield it as people read it: nothing where nothing is recorded."""
        if self.succeeded + self.failed:
            parts = [f"{self.succeeded} succeeded", f"{self.failed} failed"]
            yield (
                f"recorded in {self.output}: {', '.join(parts[: 2 if self.failed else 1])}; "
                f"{self.new} would be executed"
            )
            if self.compared < self.runs:
                yield f"only the first {self.compared} runs were looked for"

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "compared": self.compared,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "new": self.new,
        }


def listed(runs: Expansion) -> Iterator[str]:
    """Yield a line for each run, and their number."""
    swept = set(runs.swept_keys)
    width = len(str(len(runs) - 1))
    for position in range(min(len(runs), LISTED_RUNS)):
        values = " ".join(f"{k}={v}" for k, v in runs.overrides(position) if k in swept)
        yield f"{position:>{width}}  {runs.run_id(position)}  {values}".rstrip()
    if len(runs) > LISTED_RUNS:
        yield f"... and {len(runs) - LISTED_RUNS} more; --limit N lists the first N alone"
    yield f"{len(runs)} runs"


def recorded(sweep: Sweep, runs: Expansion) -> Recorded:
    """Compare a sweep's runs with its data set, of which nothing is changed.

    Raises
    ------
    ConfigurationError
        If the data set can't be read, or other code began it and that is not accepted.
    """
    storage = open_storage(sweep.output)
    with read_errors_told(storage):
        accept = sweep.settings.accept_versions
        settled(storage, code_of_sweep(sweep, runs), accept=accept)
        return _compared(sweep, runs, storage)


def _compared(sweep: Sweep, runs: Expansion, storage: Storage) -> Recorded:
    statuses = _statuses(storage)
    compared = min(len(runs), COMPARED_RUNS)
    succeeded = failed = 0
    for position in range(compared) if statuses else ():
        status = statuses.get(runs.run_id(position))
        succeeded += status == RunStatus.SUCCEEDED
        failed += status == RunStatus.FAILED
    new = compared - succeeded - (0 if sweep.settings.retry_failed else failed)
    return Recorded(storage.public_uri, len(runs), compared, succeeded, failed, new)


def _statuses(storage: Storage) -> dict[str, str]:
    """Return the status of every run on record, without those whose files are gone."""
    if not storage.list(MANIFEST):
        return {}
    from orchestrator.dataset.reader import Reader

    found: dict[str, str] = {}
    for part in Reader(storage).tables[MANIFEST].parts(["run_id", "status"], damaged=[]):
        found |= zip(part["run_id"].to_pylist(), part["status"].to_pylist(), strict=True)
    present = set(storage.list(RUNS))
    return {
        run_id: status
        for run_id, status in found.items()
        if status != RunStatus.SUCCEEDED or run_id in present
    }
