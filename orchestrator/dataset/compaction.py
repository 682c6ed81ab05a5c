"""Merging a data set's part files, for readers that like few and large ones."""

from __future__ import annotations

from orchestrator.dataset.reading import described_sweep
from orchestrator.dataset.storage.locking import exclusive
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, denied
from orchestrator.dataset.writer import compact
from scene.errors import ConfigurationError, Problem


def compact_output(uri: str) -> dict[str, int]:
    """Merge the part files of the data set at `uri`.

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
    storage = open_storage(uri)
    described_sweep(storage)  # tells of a folder that is no data set
    try:
        with exclusive(storage):
            return compact(storage)
    except (OSError, OutputError) as error:
        if (why := denied(error)) is None:
            raise
        message = f"can't be compacted, since it can't be written: {why}"
        raise ConfigurationError([Problem(storage.public_uri, "", message)]) from error
