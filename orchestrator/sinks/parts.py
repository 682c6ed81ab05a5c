"""A table kept as Parquet part files that are read while it grows.

Every part file is written whole and replaced in one move, so that readers never see half of one.
New rows go to the last part, which is rewritten with them until it is full; then the next part
begins. The number of files thus stays small without a later merge. Rows of a run that comes again
replace the old ones inside the part that holds them.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestrator.sinks.tables import conform, united
from orchestrator.storage import TEMPORARY_PREFIX, Storage

KEY = "run_id"

_PART = re.compile(r"part-(\d{5,})\.parquet")
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
        A part with so many rows is full.
    """

    def __init__(
        self, storage: Storage, folder: str, schema: pa.Schema, rows_per_part: int
    ) -> None:
        self._storage = storage
        self._folder = folder
        self._schema = schema
        self._rows_per_part = rows_per_part
        self._part_of: dict[str, int] = {}
        self._row_counts: dict[int, int] = {}
        self._cached: tuple[int, pa.Table] | None = None

    @property
    def schema(self) -> pa.Schema:
        """The columns of every part."""
        return self._schema

    def open(self) -> None:
        """Take over the parts that exist; what is no part of this table is set aside."""
        schemas = {}
        for name in self._storage.list(self._folder):
            if name.startswith(TEMPORARY_PREFIX):
                self._storage.delete(f"{self._folder}/{name}")
            elif not name.startswith((".", "_")):
                self._take_over(name, schemas)
        for schema in schemas.values():
            self._schema = united(self._schema, schema)
        for number, schema in schemas.items():
            if schema != self._schema:
                self._write(number, self._load(number))

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._part_of

    def __len__(self) -> int:
        return sum(self._row_counts.values())

    def read(self, columns: list[str] | None = None) -> Iterable[pa.Table]:
        """Yield the parts, in order."""
        for number in sorted(self._row_counts):
            table = self._load(number)
            yield table if columns is None else table.select(columns)

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
            old = self._load(number)
            kept = old.filter(pc.invert(pc.is_in(old[KEY], pa.array(run_ids, pa.string()))))
            self._write(number, pa.concat_tables([kept, rows]))
            self._part_of |= dict.fromkeys(run_ids, number)

    def annotate(self, column: str, values: Mapping[str, str]) -> None:
        """Set a text column of the given runs; runs that are not here are skipped."""
        by_part: dict[int, list[str]] = defaultdict(list)
        for run_id in values:
            if run_id in self._part_of:
                by_part[self._part_of[run_id]].append(run_id)
        for number, run_ids in sorted(by_part.items()):
            table = self._load(number)
            keys, old = table[KEY].to_pylist(), table[column].to_pylist()
            chosen = set(run_ids)
            new = [values[k] if k in chosen else v for k, v in zip(keys, old, strict=True)]
            position = table.schema.get_field_index(column)
            self._write(number, table.set_column(position, column, pa.array(new, pa.string())))

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

    def _take_over(self, name: str, schemas: dict[int, pa.Schema]) -> None:
        path = f"{self._folder}/{name}"
        match = _PART.fullmatch(name)
        if match is None:
            self._set_aside(name, "is no part of this table")
            return
        number = int(match[1])
        try:
            file = pq.ParquetFile(pa.BufferReader(self._storage.read(path)))
            schema = file.schema_arrow.remove_metadata()
            missing = [column for column in self._required if column not in schema.names]
            if missing:
                self._set_aside(name, f"lacks the column {missing[0]}")
                return
            united(self._schema, schema)
            keys = file.read(columns=[KEY])[KEY].unique().to_pylist()
            count = file.metadata.num_rows
        except (pa.ArrowException, OSError) as error:
            self._set_aside(name, f"is damaged ({str(error).splitlines()[0]})")
            return
        schemas[number] = schema
        self._row_counts[number] = count
        self._cached = None
        doubled = [key for key in keys if key in self._part_of]
        self._part_of |= dict.fromkeys(keys, number)
        for key in doubled:
            _log.warning("%s: run %s is in an earlier part too; this one counts", path, key)

    @property
    def _required(self) -> tuple[str, ...]:
        return (KEY,)

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
        return f"{self._folder}/part-{number:05d}.parquet"

    def _load(self, number: int) -> pa.Table:
        if self._cached is not None and self._cached[0] == number:
            return conform(self._cached[1], self._schema)
        if number not in self._row_counts:
            return self._schema.empty_table()
        data = self._storage.read(self._path(number))
        table = pq.ParquetFile(pa.BufferReader(data)).read()
        return conform(table, self._schema)

    def _write(self, number: int, table: pa.Table) -> None:
        stream = pa.BufferOutputStream()
        table = conform(table, self._schema)
        pq.write_table(table, stream, compression="zstd")
        self._storage.write_file(self._path(number), stream.getvalue().to_pybytes())
        self._row_counts[number] = len(table)
        self._cached = (number, table.combine_chunks())


def _of_runs(table: pa.Table, run_ids: list[str]) -> pa.Table:
    return table.filter(pc.is_in(table[KEY], pa.array(run_ids, pa.string())))
