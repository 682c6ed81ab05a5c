"""What a sweep would do: its runs, and how many of them the data set holds already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, final

from orchestrator.common.words import counted
from orchestrator.dataset.layout import MANIFEST, RUNS
from orchestrator.dataset.provenance import code_of_sweep, settled
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.specimens import stored_specimens
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
class Sharing:
    """How the runs that would be executed share specimens, each of which is relaxed once.

    Parameters
    ----------
    runs
        How many of them share their specimen with other runs of the sweep.
    specimens
        How many specimens these have.
    stored
        How many of these the data set holds.
    """

    runs: int
    specimens: int
    stored: int

    @property
    def saved(self) -> int:
        """How many runs need not relax their particles."""
        return self.runs - self.specimens + self.stored

    def line(self) -> str:
        """Return it as people read it."""
        stored = f", {self.stored} of them stored already" if self.stored else ""
        return (
            f"{counted(self.runs, 'run')} to execute share {counted(self.specimens, 'specimen')}"
            f"{stored}: {counted(self.saved, 'relaxation')} saved"
        )

    def as_json(self) -> dict[str, int]:
        """Return it for programs."""
        return asdict(self) | {"relaxations_saved": self.saved}


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
    sharing
        How these share specimens; None if they don't, or none is to be reused.
    """

    output: str
    runs: int
    compared: int
    succeeded: int
    failed: int
    new: int
    sharing: Sharing | None = None

    def lines(self) -> Iterator[str]:
        """Yield it as people read it: nothing where nothing is recorded or shared."""
        if self.succeeded + self.failed:
            parts = [f"{self.succeeded} succeeded", f"{self.failed} failed"]
            yield (
                f"recorded in {self.output}: {', '.join(parts[: 2 if self.failed else 1])}; "
                f"{self.new} would be executed"
            )
            if self.compared < self.runs:
                yield f"only the first {self.compared} runs were looked for"
        if self.sharing is not None:
            yield self.sharing.line()

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "compared": self.compared,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "new": self.new,
            "specimens": None if self.sharing is None else self.sharing.as_json(),
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
    found = [statuses.get(runs.run_id(n)) for n in range(compared)] if statuses else []
    done = {RunStatus.SUCCEEDED} if sweep.settings.retry_failed else set(RunStatus)
    new = [n for n in range(compared) if not found or found[n] not in done]
    return Recorded(
        output=storage.public_uri,
        runs=len(runs),
        compared=compared,
        succeeded=found.count(RunStatus.SUCCEEDED),
        failed=found.count(RunStatus.FAILED),
        new=len(new),
        sharing=_sharing(sweep, runs, new, storage),
    )


def _sharing(sweep: Sweep, runs: Expansion, new: Sequence[int], storage: Storage) -> Sharing | None:
    import numpy as np

    from orchestrator.plan.specimens import shared_specimens

    shared = shared_specimens(sweep, runs)
    firsts = np.empty(0) if shared is None else shared.firsts(np.array(new, np.int64))
    sharing = firsts[firsts >= 0]
    if shared is None or not sharing.size:
        return None
    specimens = np.unique(sharing).tolist()
    kept = stored_specimens(storage)
    stored = sum(shared.of(first) in kept for first in specimens) if kept else 0
    return Sharing(len(sharing), len(specimens), stored)


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
