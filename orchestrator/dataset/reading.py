"""Reading a data set that may still grow: its sweep and its tables, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any, final

from orchestrator.dataset.storage.storage import OutputError, Storage, reason
from scene.errors import ConfigurationError, Problem
from scene.language.yaml_texts import parse_mapping

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

RUN_ID = "S16"
"""How run ids are kept by the million, as numpy's fixed texts in 16 bytes each."""

_REQUIRED = {"manifest": ("run_id", "status"), "particles": ("run_id",)}
"""Columns without which a file is no part of a table, as for `PartTable`."""

_PARTS_KEPT = 4
"""So many parts stay in memory, for runs that were recorded in another order than they are read."""


class DamagedPartError(ConfigurationError):
    """A part file of a table that is no part of it, so that its rows can't be had."""


def described_sweep(storage: Storage) -> Mapping[str, Any]:
    """Return what ``sweep.yaml`` says of the sweep that was started last.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    """
    try:
        text = storage.read("sweep.yaml").decode()
        sweep = parse_mapping(text, f"{storage.public_uri}/sweep.yaml")
        return {
            "name": str(sweep["name"]),
            "runs": int(sweep["runs"]),
            "recipe_hash": str(sweep["recipe_hash"]),
            "overrides": [str(text) for text in sweep.get("overrides") or ()],
            "versions": dict(sweep.get("versions") or {}),
            "code": dict(sweep.get("code") or {}),
            "accepted_code": [str(name) for name in sweep.get("accepted_code") or ()],
        }
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
        message = "is not the output of a sweep: there is no sweep.yaml in it that can be read"
        raise ConfigurationError([Problem(storage.public_uri, "", message)]) from None


def manifest_rows(
    storage: Storage, columns: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the manifest's rows as plain values, a part at a time.

    Parameters
    ----------
    columns
        The columns to read, None for all; those that a part lacks are None.
    """
    for part in tables(storage, "manifest", columns):
        for row in part.to_pylist():
            yield dict.fromkeys(columns or ()) | row


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


def tables(
    storage: Storage,
    table: str,
    columns: Sequence[str] | Callable[[str], bool] | None = None,
    most: int | None = None,
    *,
    damaged: list[str] | None = None,
) -> Iterator[pa.Table]:
    """Yield the part files of a table, one at a time, as Arrow tables.

    Parameters
    ----------
    table
        ``manifest`` or ``particles``.
    columns
        The columns to read, or what tells it by a name, None for all; those that a part lacks are
        missing.
    most
        So many parts at most, evenly spread; None for all.
    damaged
        Takes a sentence for each file that is no part of the table, which is passed over, as by
        the next start, which sets it aside. None to raise.

    Raises
    ------
    DamagedPartError
        If a file is no part of the table.
    ConfigurationError
        If parts were merged meanwhile.
    """
    names = part_names(storage, table)
    if most is not None and len(names) > most:
        names = [names[n * len(names) // most] for n in range(most)]
    for name in names:
        try:
            part = _read(storage, f"{table}/{name}", columns)
        except DamagedPartError as error:
            if damaged is None:
                raise
            damaged.append(str(error))
        except FileNotFoundError:
            message = "was merged with others while it was read; the same command again reads all"
            where = f"{storage.public_uri}/{table}/{name}"
            raise ConfigurationError([Problem(where, "", message)]) from None
        else:
            yield part


def part_names(storage: Storage, table: str) -> list[str]:
    """Return the names of a table's part files."""
    names = storage.list(table)
    return [name for name in names if name.startswith("part-") and name.endswith(".parquet")]


@final
class RowsOfRuns:
    """One table's rows of any runs, in any order, while the table may grow or be compacted.

    Parameters
    ----------
    storage
        The data set.
    table
        ``manifest`` or ``particles``.
    """

    def __init__(self, storage: Storage, table: str) -> None:
        self._storage = storage
        self._table = table
        self._parts: list[str] = []
        self._loaded: OrderedDict[str, pa.Table] = OrderedDict()
        self._find()

    def take(self, run_ids: Sequence[str]) -> dict[str, pa.Table]:
        """Return each run's rows; runs without any are left out."""
        found = self._take(run_ids)
        if found is None:  # rows were moved to another part since they were found
            self._find()
            found = self._take(run_ids) or {}
        return found

    def _find(self) -> None:
        """Note which run is in which part: 20 bytes a run."""
        import numpy as np

        self._parts = part_names(self._storage, self._table)
        self._loaded.clear()
        keys: list[NDArray[np.bytes_]] = [np.empty(0, RUN_ID)]
        places: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
        for number, name in enumerate(self._parts):
            part = _read(self._storage, f"{self._table}/{name}", ["run_id"])
            keys.append(np.array(part["run_id"].unique().to_pylist(), RUN_ID))
            places.append(np.full(len(keys[-1]), number, np.int32))
        joined = np.concatenate(keys)
        order = np.argsort(joined, kind="stable")
        self._keys, self._places = joined[order], np.concatenate(places)[order]

    def _take(self, run_ids: Sequence[str]) -> dict[str, pa.Table] | None:
        """Return the rows, or None if some are no longer where they were found."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found: dict[str, pa.Table] = {}
        for number, wanted in self._by_part(run_ids).items():
            try:
                part = self._part(self._parts[number])
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

    def _by_part(self, run_ids: Sequence[str]) -> dict[int, list[str]]:
        import numpy as np

        keys = np.array(run_ids, RUN_ID)
        places = np.searchsorted(self._keys, keys)
        by_part: dict[int, list[str]] = defaultdict(list)
        for run_id, key, place in zip(run_ids, keys, places.tolist(), strict=True):
            if place < len(self._keys) and self._keys[place] == key:
                by_part[int(self._places[place])].append(run_id)
        return by_part

    def _part(self, name: str) -> pa.Table:
        if name not in self._loaded:
            self._loaded[name] = _read(self._storage, f"{self._table}/{name}")
            if len(self._loaded) > _PARTS_KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(name)
        return self._loaded[name]


def _read(
    storage: Storage, path: str, columns: Sequence[str] | Callable[[str], bool] | None = None
) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = pa.BufferReader(storage.read(path))
    try:
        # On this thread alone: Arrow's own, still letting go of Python's bytes while the
        # interpreter ends, would abort the process.
        with pq.ParquetFile(data, pre_buffer=False) as part:
            present = part.schema_arrow.names
            for name in _REQUIRED[path.partition("/")[0]]:
                if name not in present:
                    raise pa.ArrowInvalid(f"there is no column {name}")
            if callable(columns):
                present = [name for name in present if columns(name)]
            elif columns is not None:
                present = [name for name in columns if name in present]
            return part.read(present, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        message = (
            f"is damaged ({reason(error)}); the sweep's command sets it aside and records anew "
            "what its runs' folders hold"
        )
        raise DamagedPartError([Problem(f"{storage.public_uri}/{path}", "", message)]) from error
