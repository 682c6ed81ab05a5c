"""Reading the tables of a data set, which may grow or be compacted meanwhile, in bounded memory."""

from __future__ import annotations

import io
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO, final

from orchestrator.dataset.layout import MANIFEST, PARTICLES, part_number
from orchestrator.dataset.storage.storage import OutputError, Storage, reason
from scene.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray

RUN_ID = "S16"
"""How run ids are kept by the million, as numpy's fixed texts in 16 bytes each."""

REQUIRED = {MANIFEST: ("run_id", "status"), PARTICLES: ("run_id",)}
"""Text columns without which a file is not a part of a table."""

_PARTS_KEPT = 4
"""This many parts stay in memory, for runs recorded in another order than they are read."""

type Columns = Sequence[str] | Callable[[str], bool] | None
"""Names of columns, what chooses them by their names, or None for all."""


class DamagedPartError(ConfigurationError):
    """A part file that is not a part of its table, so that its rows are lost."""


@contextmanager
def read_errors_told(storage: Storage) -> Iterator[None]:
    """Turn what the system says of a data set, while the block reads it, into one sentence.

    Raises
    ------
    ConfigurationError
        If the block raises an `OutputError`.
    """
    try:
        yield
    except OutputError as error:
        message = f"can't be read: {error.reason}"
        raise ConfigurationError([Problem(storage.public_uri, "", message)]) from error


@final
class Table:
    """A table of a data set, for readers.

    Parameters
    ----------
    storage
        The data set.
    name
        ``manifest`` or ``particles``.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self._storage = storage
        self._name = name
        self._found: list[str] | None = None
        self._loaded: OrderedDict[str, pa.Table] = OrderedDict()

    def part_names(self) -> list[str]:
        """Return the names of the part files there are now, in order."""
        return [name for name in self._storage.list(self._name) if part_number(name) is not None]

    def parts(
        self, columns: Columns = None, *, most: int | None = None, damaged: list[str] | None = None
    ) -> Iterator[pa.Table]:
        """Yield the part files, one at a time.

        Parameters
        ----------
        columns
            The columns to read. Those that are named but that a part lacks are null; those that
            are chosen by a function are missing.
        most
            At most this many parts, evenly spread; None for all.
        damaged
            Receives a sentence for each damaged file, which is passed over, as it is by the next
            start of the sweep. None to raise.

        Raises
        ------
        DamagedPartError
            If a file is not a part of the table.
        ConfigurationError
            If parts were merged meanwhile.
        """
        names = self.part_names()
        if most is not None and len(names) > most:
            names = [names[n * len(names) // most] for n in range(most)]
        for name in names:
            try:
                part = self._read(name, columns)
            except DamagedPartError as error:
                if damaged is None:
                    raise
                damaged.append(str(error))
            except FileNotFoundError:
                message = (
                    "was merged with others while it was read; the same command again reads all"
                )
                where = f"{self._storage.public_uri}/{self._name}/{name}"
                raise ConfigurationError([Problem(where, "", message)]) from None
            else:
                yield part

    def of_runs(self, run_ids: Sequence[str]) -> dict[str, pa.Table]:
        """Return the rows of any runs, by run id; runs without any are left out."""
        found = None if self._found is None else self._of_runs(run_ids)
        if found is None:  # first, or rows were moved to another part since they were found
            self._find()
            found = self._of_runs(run_ids) or {}
        return found

    def schema(self) -> pa.Schema:
        """Return the columns of all parts; those of one name get a common type."""
        from orchestrator.dataset.arrow import united

        schemas = []
        for name in self.part_names():
            source = self._storage.open(f"{self._name}/{name}")
            with source, self._opened(name, source) as part:
                schemas.append(part.schema_arrow.remove_metadata())
        return united(*schemas)

    def forget(self) -> None:
        """Look for runs anew, which may have been recorded meanwhile."""
        self._found = None

    def _find(self) -> None:
        """Note which run is in which part: 20 bytes a run."""
        import numpy as np

        self._found = self.part_names()
        self._loaded.clear()
        keys: list[NDArray[np.bytes_]] = [np.empty(0, RUN_ID)]
        places: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
        for number, name in enumerate(self._found):
            part = self._read(name, ["run_id"])
            keys.append(np.array(part["run_id"].unique().to_pylist(), RUN_ID))
            places.append(np.full(len(keys[-1]), number, np.int32))
        joined = np.concatenate(keys)
        order = np.argsort(joined, kind="stable")
        self._keys, self._places = joined[order], np.concatenate(places)[order]

    def _of_runs(self, run_ids: Sequence[str]) -> dict[str, pa.Table] | None:
        """Return the rows, or None if some are no longer where they were found."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found: dict[str, pa.Table] = {}
        for name, wanted in self._by_part(run_ids).items():
            try:
                part = self._part(name)
            except FileNotFoundError:
                return None
            rows = part.filter(pc.is_in(part["run_id"], pa.array(wanted, pa.string())))
            start = 0
            for run_id, group in groupby(rows["run_id"].to_pylist()):
                length = len(list(group))
                found[run_id] = rows.slice(start, length)
                start += length
            if not found.keys() >= set(wanted):
                return None
        return found

    def _by_part(self, run_ids: Sequence[str]) -> dict[str, list[str]]:
        import numpy as np

        names = self._found or []
        keys = np.array(run_ids, RUN_ID)
        places = np.searchsorted(self._keys, keys)
        by_part: dict[str, list[str]] = defaultdict(list)
        for run_id, key, place in zip(run_ids, keys, places.tolist(), strict=True):
            if place < len(self._keys) and self._keys[place] == key:
                by_part[names[self._places[place]]].append(run_id)
        return by_part

    def _part(self, name: str) -> pa.Table:
        if name not in self._loaded:
            self._loaded[name] = self._read(name)
            if len(self._loaded) > _PARTS_KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(name)
        return self._loaded[name]

    def _read(self, name: str, columns: Columns = None) -> pa.Table:
        path = f"{self._name}/{name}"
        try:
            with self._storage.open(path) as source:  # of which not all need be transferred
                return self._read_from(source, name, columns)
        except FileNotFoundError:
            # It is gone, or was replaced while it was read in pieces: then it is read at once.
            return self._read_from(io.BytesIO(self._storage.read(path)), name, columns)

    def _read_from(self, source: BinaryIO, name: str, columns: Columns) -> pa.Table:
        import pyarrow as pa

        with self._opened(name, source) as part:
            present = part.schema_arrow.names
            if columns is None or callable(columns):
                wanted = present if columns is None else [*filter(columns, present)]
                return part.read(wanted, use_threads=False)
            wanted = [column for column in columns if column in present]
            table = part.read(wanted, use_threads=False)
            for column in columns:
                if column not in present:
                    table = table.append_column(column, pa.nulls(len(table)))
            return table.select(columns)

    @contextmanager
    def _opened(self, name: str, source: BinaryIO) -> Iterator[pq.ParquetFile]:
        """Open a part file, and read it, on this thread alone.

        Arrow's own threads, still letting go of Python's bytes while the interpreter ends, would
        abort the process.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(source, pre_buffer=False) as part:
                for required in REQUIRED[self._name]:
                    if required not in part.schema_arrow.names:
                        raise pa.ArrowInvalid(f"there is no column {required}")
                yield part
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            message = (
                f"is damaged ({reason(error)}); the sweep's command sets it aside and records "
                "anew what its runs' folders hold"
            )
            where = f"{self._storage.public_uri}/{self._name}/{name}"
            raise DamagedPartError([Problem(where, "", message)]) from error
