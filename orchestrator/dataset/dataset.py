"""A data set for whoever uses it: its runs, its tables, how far it is."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, final

from orchestrator.dataset.layout import MANIFEST, PARTICLES
from orchestrator.dataset.reader import Reader
from orchestrator.dataset.recorded_run import RecordedRun
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.status import Status, status_of
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.tables import RUN_ID, read_errors_told
from scene.errors import ConfigurationError, Problem, unknown

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_WINDOW = 128
"""This many runs' rows are in memory at a time."""

_START_OF_ID = re.compile(r"[0-9a-f]{4,16}")


class UnknownRunError(ConfigurationError, LookupError):
    """There is no such run on record, or several are meant."""


@final
class DataSet(Reader):
    """A data set: a folder, or a prefix on an object store, that a sweep has written to.

    It holds nothing but what it was asked for last; a sweep may be at work on it meanwhile. All
    that is counted and yielded is of the runs that the last sweep asks for, unless `all_runs` asks
    for those of earlier sweeps, too.

    Examples
    --------
    >>> data = DataSet.open("outputs/quickstart")  # doctest: +SKIP
    >>> for run in data.runs(status="succeeded"):  # doctest: +SKIP
    ...     print(run.index, run.image("real").shape, run.features["defocus"])
    """

    @classmethod
    def open(cls, uri: str | os.PathLike[str]) -> Self:
        """Return the data set in a folder or under a URI.

        Raises
        ------
        ConfigurationError
            If there is none, or it can't be reached.
        """
        data = cls(open_storage(os.fspath(uri)))
        with read_errors_told(data.storage):
            _ = data.sweep  # raises where there is no data set
        return data

    def __len__(self) -> int:
        """Return how many runs are on record, succeeded or failed."""
        return int(self.index().asked.sum())

    def __iter__(self) -> Iterator[RecordedRun]:
        return self.runs()

    def __getitem__(self, key: SupportsIndex | str) -> RecordedRun:
        """Return a run by its index in the sweep, its id, or the start of its id.

        Raises
        ------
        UnknownRunError
            If there is no such run on record, or several are meant.
        """
        with read_errors_told(self.storage):
            ids = self._found(key) or self._found(key, anew=True)
            if len(ids) > 1:
                several = f"{key!r} can mean {len(ids)} runs, among them {', '.join(ids[:3])}"
                raise self._unknown(f"{several}; give its id")
            if not ids:
                wanted = f"there is no run {key!r} on record"
                raise self._unknown(f"{wanted}; a run is named by its id, or by its index")
            (run,) = self.runs_of(ids)
            return run

    def runs(self, status: str | None = None, *, all_runs: bool = False) -> Iterator[RecordedRun]:
        """Yield runs in the order of the sweep, a few at a time.

        Parameters
        ----------
        status
            ``succeeded`` or ``failed``; None for both.
        all_runs
            Whether to take runs, too, that the last sweep does not ask for.

        Raises
        ------
        ConfigurationError
            If there is no such status, or a part of the manifest is damaged.
        """
        if status is not None and status not in RunStatus:
            raise self._fault(unknown("status", status, RunStatus))
        with read_errors_told(self.storage):
            index = self.index()
        yield from self.runs_of(index.ids[index.chosen(status, all_runs=all_runs)])

    def runs_of(self, ids: Sequence[str] | np.ndarray[Any, Any]) -> Iterator[RecordedRun]:
        """Yield the runs that have these ids, in the order of the ids.

        Raises
        ------
        UnknownRunError
            If one of them is not on record any more.
        """
        for start in range(0, len(ids), _WINDOW):
            window = ids[start : start + _WINDOW]
            run_ids = [i.decode() if isinstance(i, bytes) else str(i) for i in window]
            with read_errors_told(self.storage):
                rows = self.rows(run_ids)
            # The first run that is asked for its particles reads those of the others along.
            particles = cache(partial(self._particles_of, tuple(run_ids)))
            for run_id in run_ids:
                if run_id not in rows:
                    raise self._unknown(f"run {run_id} is no longer on record")
                row = rows[run_id].to_pylist()[0]
                yield RecordedRun.of_row(self.storage, row, partial(_entry, particles, run_id))

    def manifest(self, columns: Sequence[str] | None = None, *, all_runs: bool = False) -> pa.Table:
        """Return the manifest, one row a run, in the order of the sweep.

        Parameters
        ----------
        columns
            The columns to read; None for all.
        all_runs
            Whether to take runs, too, that the last sweep does not ask for.

        Raises
        ------
        ConfigurationError
            If there is no such column, or a part of the manifest is damaged.

        Examples
        --------
        >>> data.manifest(["index", "coverage"]).to_pandas()  # doctest: +SKIP
        """
        import pyarrow as pa

        wanted = self._columns(columns, "run_id", "recipe_hash", "index")
        with read_errors_told(self.storage):
            parts = [
                part if all_runs else part.filter(pa.array(asked))
                for part, asked in self.recorded(wanted)
            ]
        table = _joined(MANIFEST, parts, wanted)
        ordered = table.sort_by([("index", "ascending"), ("run_id", "ascending")])
        return self._selected(MANIFEST, ordered, columns)

    def particles(
        self, columns: Sequence[str] | None = None, *, all_runs: bool = False
    ) -> pa.Table:
        """Return the particles table, one row a particle a run.

        Parameters
        ----------
        columns, all_runs
            As for `manifest`.

        Raises
        ------
        ConfigurationError
            As for `manifest`.
        """
        import numpy as np
        import pyarrow as pa

        wanted = self._columns(columns, "run_id")
        with read_errors_told(self.storage):
            index = self.index()
            ids = index.ids[index.chosen(all_runs=all_runs)]
            parts = [
                part.filter(pa.array(np.isin(np.array(part["run_id"].to_pylist(), RUN_ID), ids)))
                for part in self.tables[PARTICLES].parts(wanted)
            ]
        return self._selected(PARTICLES, _joined(PARTICLES, parts, wanted), columns)

    def status(self) -> Status:
        """Return how far it is, and why runs failed."""
        with read_errors_told(self.storage):
            return status_of(self)

    def __repr__(self) -> str:
        return f"<DataSet {self.uri}>"

    def _found(self, key: SupportsIndex | str, *, anew: bool = False) -> list[str]:
        """Return the ids of the runs that a key can mean."""
        import numpy as np

        index = self.index() if anew or self._index is None else self._index
        number = _index_of(key)
        found = np.zeros(len(index.ids), bool) if number is None else index.numbers == number
        if (found & index.asked).any():
            found &= index.asked  # before those of the same index in earlier sweeps
        elif not found.any() and isinstance(key, str) and _START_OF_ID.fullmatch(key):
            found = np.char.startswith(index.ids, key.encode())
        return [run_id.decode() for run_id in index.ids[found].tolist()]

    def _particles_of(self, run_ids: tuple[str, ...]) -> dict[str, pa.Table]:
        with read_errors_told(self.storage):
            return self.tables[PARTICLES].of_runs(run_ids)

    def _columns(self, columns: Sequence[str] | None, *more: str) -> list[str] | None:
        """Return the names of the columns to read."""
        if isinstance(columns, str):
            raise self._fault(f"columns are a list of names; [{columns!r}] would be right")
        return None if columns is None else [*{*columns, *more}]

    def _selected(self, name: str, table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
        """Return the columns that were asked for, each of which the table has in some part."""
        import pyarrow as pa

        if columns is None:
            return table
        table = table.select(columns)
        if any(pa.types.is_null(column.type) for column in table.schema):  # as missing ones are
            with read_errors_told(self.storage):
                present = self.tables[name].schema().names
            for missing in set(columns) - set(present or columns):
                raise self._fault(unknown("column", missing, present, f"in the {name} table"))
        return table

    def _fault(self, message: str) -> ConfigurationError:
        return ConfigurationError([Problem(self.uri, "", message)])

    def _unknown(self, message: str) -> UnknownRunError:
        return UnknownRunError([Problem(self.uri, "", message)])


def _joined(name: str, parts: Sequence[pa.Table], columns: Sequence[str] | None) -> pa.Table:
    """Return parts of a table as one; without any, no rows of the columns that all tables have."""
    import pyarrow as pa

    from orchestrator.dataset.arrow import as_one
    from orchestrator.dataset.schema import Columns, manifest_schema, particles_schema

    if parts:
        return as_one(parts)
    schema = {MANIFEST: manifest_schema, PARTICLES: particles_schema}[name](Columns())
    types = dict(zip(schema.names, schema.types, strict=True))
    wanted = schema.names if columns is None else columns
    return pa.schema([(column, types.get(column, pa.null())) for column in wanted]).empty_table()


def _index_of(key: object) -> int | None:
    if isinstance(key, str):
        return int(key) if key.isdecimal() and len(key) < 16 else None
    return operator.index(key) if isinstance(key, SupportsIndex) else None  # numpy's, too


def _entry(particles: Any, run_id: str) -> pa.Table:
    import pyarrow as pa

    found = particles()
    return found[run_id] if run_id in found else pa.table({"run_id": pa.array([], pa.string())})
