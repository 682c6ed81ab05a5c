"""Merging a data set's part files, for readers that like few and large ones."""

from __future__ import annotations

from orchestrator.lease import exclusive
from orchestrator.reading import described_sweep
from orchestrator.sinks.manifest import compact
from orchestrator.storage import Storage


def compact_output(uri: str) -> dict[str, int]:
    """Merge the part files of the data set at `uri`.

    Returns
    -------
    dict
        Table name to its number of part files.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    OutputLockedError
        If a driver is at work on it.
    """
    storage = Storage(uri)
    described_sweep(storage)  # tells of a folder that is no data set
    with exclusive(storage):
        return compact(storage)
