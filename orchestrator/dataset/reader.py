"""What a data set holds and what was asked of it: where all who count its runs look it up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestrator.dataset.layout import MANIFEST, PARTICLES
from orchestrator.dataset.plan_table import Plan, read_plan
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.sweep_file import SweepFile, read_sweep_file
from orchestrator.dataset.tables import RUN_ID, Columns, Table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class RunIndex:
    """The runs on record, ordered by index and run id; some 35 bytes each.

    Parameters
    ----------
    ids
        Run ids, as 16 bytes each.
    numbers
        Places in the sweep, from 0.
    seeds
        Seeds; 0 where a failed run has none.
    succeeded
        Whether they succeeded.
    asked
        Whether the last sweep asks for them.
    """

    ids: NDArray[np.bytes_]
    numbers: NDArray[np.int64]
    seeds: NDArray[np.int64]
    succeeded: NDArray[np.bool_]
    asked: NDArray[np.bool_]

    def chosen(self, status: str | None = None, *, all_runs: bool = False) -> NDArray[np.bool_]:
        """Return which runs are asked for, or all, and ended with `status`, or in any way."""
        chosen = self.asked | all_runs
        if status is not None:
            chosen &= self.succeeded == (RunStatus(status) is RunStatus.SUCCEEDED)
        return chosen


class Reader:
    """A data set as its files are at any moment, also while a sweep writes to it.

    Parameters
    ----------
    storage
        Where it lies.

    Attributes
    ----------
    tables : dict
        ``manifest`` and ``particles``, each a `Table`.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._index: RunIndex | None = None
        self.tables = {name: Table(storage, name) for name in (MANIFEST, PARTICLES)}

    @property
    def uri(self) -> str:
        """The folder or URI, without credentials."""
        return self.storage.public_uri

    @cached_property
    def sweep(self) -> SweepFile:
        """The sweep that was started last.

        Raises
        ------
        ConfigurationError
            If there is no data set.
        """
        return read_sweep_file(self.storage)

    @cached_property
    def plan(self) -> Plan:
        """Which runs were asked for last.

        Raises
        ------
        ConfigurationError
            If there is no data set.
        """
        return read_plan(self.storage)

    def recorded(
        self, columns: Columns = None, *, damaged: list[str] | None = None
    ) -> Iterator[tuple[pa.Table, NDArray[np.bool_]]]:
        """Yield the manifest's parts, each with whether the last sweep asks for its rows' runs.

        Parameters
        ----------
        columns, damaged
            As for `Table.parts`; ``run_id`` and ``recipe_hash`` are among the columns.
        """
        for part in self.tables[MANIFEST].parts(columns, damaged=damaged):
            yield part, self.plan.asks_for(part)

    def rows(self, run_ids: Sequence[str]) -> dict[str, pa.Table]:
        """Return the manifest's row of each of some runs, by run id, as a table of one row."""
        rows = self.tables[MANIFEST].of_runs(run_ids)
        if len(rows) < len(run_ids):  # recorded since runs were looked up, as their particles were
            for table in self.tables.values():
                table.forget()
            rows = self.tables[MANIFEST].of_runs(run_ids)
        return rows

    def index(self, damaged: list[str] | None = None) -> RunIndex:
        """Read which runs are on record."""
        import numpy as np
        import pyarrow.compute as pc

        columns = ("run_id", "index", "seed", "status", "recipe_hash")
        kinds = (RUN_ID, np.int64, np.int64, np.bool_, np.bool_)
        found: list[tuple[NDArray[Any], ...]] = [tuple(np.empty(0, kind) for kind in kinds)]
        for part, asked in self.recorded(columns, damaged=damaged):
            ids, statuses = (part[name].to_pylist() for name in ("run_id", "status"))
            numbers, seeds = (
                pc.fill_null(part[name].cast("int64"), 0).to_numpy() for name in ("index", "seed")
            )
            succeeded = np.array([status == RunStatus.SUCCEEDED for status in statuses], np.bool_)
            found.append((np.array(ids, RUN_ID), numbers, seeds, succeeded, asked))
        joined = [np.concatenate(arrays) for arrays in zip(*found, strict=True)]
        order = np.lexsort((joined[0], joined[1]))
        self._index = RunIndex(*(array[order] for array in joined))
        return self._index
