"""Reading a data set that may still grow: its sweep, its runs, its particles, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import yaml

from orchestrator.storage import Storage
from scene.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 10_000
"""So many rows at a time are taken apart into Python's values."""


def described_sweep(storage: Storage) -> Mapping[str, Any]:
    """Return what ``sweep.yaml`` says of the sweep that was started last.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    """
    try:
        sweep = yaml.safe_load(storage.read("sweep.yaml"))
        return {
            "name": str(sweep["name"]),
            "runs": int(sweep["runs"]),
            "recipe_hash": str(sweep["recipe_hash"]),
            "overrides": [str(text) for text in sweep["overrides"]],
            "limit": sweep["limit"],
        }
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError, yaml.YAMLError):
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
    for part in _parts(storage, "manifest", columns):
        for row in part.to_pylist():
            yield dict.fromkeys(columns or ()) | row


def particles_by_run(
    storage: Storage, columns: Sequence[str] | None = None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each run's id and its particles, as plain values, a part of the table at a time.

    Parameters
    ----------
    columns
        The columns to read beside ``run_id``, None for all.
    """
    wanted = None if columns is None else ["run_id", *columns]
    for part in _parts(storage, "particles", wanted):
        # The rows of a run lie together, in one part.
        rows = (row for batch in part.to_batches(max_chunksize=_ROWS) for row in batch.to_pylist())
        for run_id, particles in groupby(rows, itemgetter("run_id")):
            yield run_id, list(particles)


def parts(
    storage: Storage, table: str, keep: Callable[[str], bool], most: int | None = None
) -> Iterator[pa.Table]:
    """Yield a table's part files, one at a time.

    Parameters
    ----------
    table
        ``manifest`` or ``particles``.
    keep
        Whether to read the column of this name.
    most
        So many parts at most, evenly spread; None for all.
    """
    names = part_names(storage, table)
    if most is not None and len(names) > most:
        names = [names[n * len(names) // most] for n in range(most)]
    for name in names:
        yield _read(storage, f"{table}/{name}", lambda present: [c for c in present if keep(c)])


def part_names(storage: Storage, table: str) -> list[str]:
    """Return the names of a table's part files."""
    names = storage.list(table)
    return [name for name in names if name.startswith("part-") and name.endswith(".parquet")]


def _parts(storage: Storage, table: str, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    for name in part_names(storage, table):
        yield _read(
            storage,
            f"{table}/{name}",
            lambda present: present if columns is None else [c for c in columns if c in present],
        )


def _read(storage: Storage, path: str, choose: Callable[[list[str]], list[str]]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = pa.BufferReader(storage.read(path))
    # On this thread alone: Arrow's own, still letting go of Python's bytes while the
    # interpreter ends, would abort the process.
    with pq.ParquetFile(data, pre_buffer=False) as part:
        return part.read(choose(part.schema_arrow.names), use_threads=False)
