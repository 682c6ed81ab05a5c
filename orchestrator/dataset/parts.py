"""A table kept as Parquet part files that are read while it grows.

Every part file is written whole and replaced in one move, so that readers never see half of one.
New rows go to the last part, which is rewritten with them until it is full; then the next part
begins. The number of files thus stays small without a later merge. Rows of a run that comes again
replace the old ones inside the part that holds them.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any, final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestrator.dataset.arrow import common_type, conform, united
from orchestrator.dataset.layout import part_file, part_number
from orchestrator.dataset.storage.storage import Storage, without_litter
from orchestrator.dataset.tables import REQUIRED

KEY = "run_id"

_log = logging.getLogger(__name__)


@final
class PartTable:
    """One table of a data set; each row belongs to a run.

    Parameters
    ----------
    storage
        The data set.
    folder
        The table's folder in it.
    schema
        Columns; those of existing parts and of rows yet to come are added.
    rows_per_part
        A part with this many rows is full.
    """

    def __init__(
        self,
        storage: Storage,
        folder: str,
        schema: pa.Schema,
        rows_per_part: int,
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._schema = schema
        self._rows_per_part = rows_per_part
        self._part_of: dict[str, int] = {}
        self._row_counts: dict[int, int] = {}
        self._cached: tuple[int, pa.Table] | None = None

    def open(self) -> None:
        """Take over the parts that exist; files that are not parts of this table are set aside."""
        schemas: dict[int, pa.Schema] = {}
        doubled: dict[int, set[str]] = defaultdict(set)
        for name in without_litter(self._storage, self._folder):
            if not name.startswith((".", "_")):
                try:
                    number, schema, run_ids = self._inspect(name)
                except _MisfitError as misfit:
                    self._set_aside(name, str(misfit))
                    continue
                schemas[number] = schema
                for run_id in run_ids:
                    if run_id in self._part_of:
                        doubled[self._part_of[run_id]].add(run_id)
                    self._part_of[run_id] = number
        for schema in schemas.values():
            self._schema = united(self._schema, schema)
        for number, schema in schemas.items():
            if schema != self._schema or number in doubled:
                self._write(number, _without(self._load(number), doubled[number]))

    def begin(self) -> None:
        """Write a part without rows if there is none, so that readers find the columns.

        The first rows go to it.
        """
        if not self._row_counts:
            self._write(0, self._schema.empty_table())

    @property
    def run_ids(self) -> Set[str]:
        """The runs that have rows here."""
        return self._part_of.keys()

    def read(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the parts, in order."""
        for number in sorted(self._row_counts):
            yield self._load(number, columns)

    def put(self, table: pa.Table) -> None:
        """Add rows; those of runs that are here already replace the old ones.

        All rows of a run come in one call. If it fails, it can be called again with the same rows.
        """
        schema = united(self._schema, table.schema)
        if schema != self._schema:
            self._schema = schema
            for number in sorted(self._row_counts):
                self._write(number, self._load(number))
        table = conform(table, self._schema)
        for number, run_ids in self._places(table).items():
            rows = _of_runs(table, run_ids)
            kept = _without(self._load(number), run_ids)
            self._write(number, pa.concat_tables([kept, rows]))
            self._part_of |= dict.fromkeys(run_ids, number)

    def remove(self, run_ids: Iterable[str]) -> None:
        """Delete the rows of runs; those that are not here are skipped."""
        by_part: dict[int, list[str]] = defaultdict(list)
        for run_id in run_ids:
            if run_id in self._part_of:
                by_part[self._part_of[run_id]].append(run_id)
        for number, gone in by_part.items():
            self._write(number, _without(self._load(number), gone))
            for run_id in gone:
                del self._part_of[run_id]

    def compact(self) -> int:
        """Merge parts that are not full and return how many parts are left.

        A merge that is cut short leaves rows in two parts, which the next `open` repairs.
        """
        target, buffered = 0, self._schema.empty_table()
        numbers = sorted(self._row_counts)
        for number in numbers:
            buffered = pa.concat_tables([buffered, self._load(number)])
            if len(buffered) >= self._rows_per_part or number == numbers[-1]:
                self._write(target, buffered)
                self._part_of |= dict.fromkeys(buffered[KEY].unique().to_pylist(), target)
                target, buffered = target + 1, self._schema.empty_table()
        for number in numbers:
            if number >= target:
                self._storage.delete(self._path(number))
                del self._row_counts[number]
        return target

    def _places(self, table: pa.Table) -> dict[int, list[str]]:
        """Return which runs of `table` go to which part; new ones fill up the last."""
        places: dict[int, list[str]] = defaultdict(list)
        last = max(self._row_counts, default=0)
        filled = self._row_counts.get(last, 0)
        for entry in pc.value_counts(table[KEY]).to_pylist():
            run_id, count = entry["values"], entry["counts"]
            if run_id in self._part_of:
                places[self._part_of[run_id]].append(run_id)
                continue
            if filled >= self._rows_per_part:
                last, filled = last + 1, 0
            filled += count
            places[last].append(run_id)
        return dict(sorted(places.items()))

    def _inspect(self, name: str) -> tuple[int, pa.Schema, list[str]]:
        """Count one file's rows; return its number, its columns and its runs.

        Raises
        ------
        _MisfitError
            If it is damaged, or not a part of this table.
        """
        number = part_number(name)
        if number is None:
            raise _MisfitError("is not a part of this table")
        path = f"{self._folder}/{name}"
        try:
            with self._storage.open(path) as source:
                return number, *self._read_head(number, source)
        except (pa.ArrowException, OSError):
            # Damage, or a store that does not answer, which would be no reason to set it aside.
            whole = pa.BufferReader(self._storage.read(path))
        try:
            return number, *self._read_head(number, whole)
        except (pa.ArrowException, OSError) as error:
            raise _MisfitError(f"is damaged ({str(error).splitlines()[0]})") from error

    def _read_head(self, number: int, source: Any) -> tuple[pa.Schema, list[str]]:
        file = pq.ParquetFile(source, pre_buffer=False)
        schema = file.schema_arrow.remove_metadata()
        self._check(schema)
        run_ids: list[str] = _read(file, [KEY])[KEY].unique().to_pylist()
        self._row_counts[number] = file.metadata.num_rows
        return schema, run_ids

    def _check(self, schema: pa.Schema) -> None:
        for column in REQUIRED[self._folder]:
            if column not in schema.names or not pa.types.is_string(schema.field(column).type):
                raise _MisfitError(f"lacks the text column {column}")
        known = {column.name: column.type for column in self._schema}
        for column in schema:
            kind = known.get(column.name, column.type)
            nested = pa.types.is_nested(column.type) or pa.types.is_nested(kind)
            if nested and not pa.types.is_nested(common_type(kind, column.type)):
                raise _MisfitError(f"has another kind of column {column.name}")

    def _set_aside(self, name: str, reason: str) -> None:
        # Neither pyarrow (leading underscore) nor a *.parquet pattern (ending) finds it there.
        target = f"_{name}.set-aside"
        number = 1
        while self._storage.exists(f"{self._folder}/{target}"):
            number += 1
            target = f"_{name}.set-aside-{number}"
        self._storage.move(f"{self._folder}/{name}", f"{self._folder}/{target}")
        where = f"{self._storage.public_uri}/{self._folder}"
        _log.warning("%s/%s %s; it was set aside as %s", where, name, reason, target)

    def _path(self, number: int) -> str:
        return part_file(self._folder, number)

    def _load(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        if number not in self._row_counts:
            return self._schema.empty_table()
        if self._cached is not None and self._cached[0] == number:
            table = conform(self._cached[1], self._schema)
            return table if columns is None else table.select(columns)
        with self._storage.open(self._path(number)) as source:
            file = pq.ParquetFile(source, pre_buffer=False)
            if columns is not None:
                return _read(file, columns)
            return conform(_read(file), self._schema)

    def _write(self, number: int, table: pa.Table) -> None:
        stream = pa.BufferOutputStream()
        table = conform(table, self._schema)
        with pq.ParquetWriter(stream, table.schema, compression="zstd") as file:
            if len(table):  # a group of no rows is more than `datasets` can read
                file.write_table(table)
        self._storage.write_file(self._path(number), stream.getvalue().to_pybytes())
        self._row_counts[number] = len(table)
        self._cached = (number, table.combine_chunks())


class _MisfitError(Exception):
    """A file that is not a part of the table; the message says why."""


def _without(table: pa.Table, run_ids: Iterable[str]) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(table[KEY], pa.array(run_ids, pa.string()))))


def _of_runs(table: pa.Table, run_ids: Iterable[str]) -> pa.Table:
    return table.filter(pc.is_in(table[KEY], pa.array(run_ids, pa.string())))


def _read(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> pa.Table:
    # On this thread alone: Arrow's own, still letting go of Python's bytes while the interpreter
    # ends, can abort the process.
    return file.read(columns=columns, use_threads=False)
