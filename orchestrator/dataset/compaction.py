"""Merging a data set's part files, for readers that like few and large ones."""

from __future__ import annotations

import pyarrow as pa

from orchestrator.dataset.layout import MANIFEST, PARTICLES
from orchestrator.dataset.parts import KEY, PartTable
from orchestrator.dataset.reader import Reader
from orchestrator.dataset.storage.locking import changing
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.writer import PARTICLES_PER_PART, RUNS_PER_PART


def compacted(data: Reader) -> dict[str, int]:
    """Merge the part files of a data set.

    Returns
    -------
    dict
        Table name to its number of part files.

    Raises
    ------
    ConfigurationError
        If there is no data set, or it can only be read.
    OutputLockedError
        If a driver is at work on it.
    """
    _ = data.sweep  # raises where there is no data set
    with changing(data.storage, "compacted"):
        return compact(data.storage)


def compact(storage: Storage) -> dict[str, int]:
    """Merge the part files of a data set that nobody else writes to; return as `compacted`."""
    counts = {}
    for name, rows in ((MANIFEST, RUNS_PER_PART), (PARTICLES, PARTICLES_PER_PART)):
        table = PartTable(storage, name, pa.schema([(KEY, pa.string())]), rows)
        table.open()
        counts[name] = table.compact()
    return counts
