"""Merging a data set's part files, for readers that like few and large ones."""

from __future__ import annotations

from orchestrator.dataset.reader import Reader
from orchestrator.dataset.storage.locking import exclusive
from orchestrator.dataset.storage.storage import OutputError, denied
from orchestrator.dataset.writer import compact
from scene.errors import ConfigurationError, Problem


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
    try:
        with exclusive(data.storage):
            return compact(data.storage)
    except (OSError, OutputError) as error:
        if (why := denied(error)) is None:
            raise
        message = f"can't be compacted, since it can't be written: {why}"
        raise ConfigurationError([Problem(data.uri, "", message)]) from error
