"""What a format of exports is, and what all formats share: options and the target folder."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from orchestrator.dataset.layout import LOCK
from orchestrator.dataset.storage.locking import OutputLockedError, exclusive
from orchestrator.dataset.storage.storage import TEMPORARY_PREFIX, Storage
from orchestrator.export.counter import RunCounter
from orchestrator.export.source import Ids, Source
from scene.errors import COMMAND_LINE, ConfigurationError, Problem

STATE = ".blendsweep"
"""Folder of a target that tells what is exported; readers of data sets skip the dot."""

_SETTINGS = f"{STATE}/export.json"
_LARGEST_WHOLE = 2**53 - 1
"""Up to here, and down to its opposite, a float64 tells all whole numbers apart."""


@final
@dataclass(frozen=True, slots=True)
class Options:
    """What is asked of an export.

    Parameters
    ----------
    to
        The target: a folder or file, or an object store's URI of one.
    split
        Whether ``--split`` was given.
    shard_bytes
        Size that a shard must not exceed unless one run does.
    license
        Name or address of the images' licence, for formats that have a place for it.
    """

    to: str
    split: bool = False
    shard_bytes: int = 256 * 10**6
    license: str | None = None


@final
@dataclass(slots=True)
class Written:
    """What an export wrote.

    Parameters
    ----------
    new, before
        Runs by split: exported now, and already there.
    files
        What to load, relative to the target; a pattern where there are many.
    """

    new: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


class Format(ABC):
    """One format of exports; one subclass a format.

    Parameters
    ----------
    source
        The runs.
    options
        What is asked for.
    counter
        Counts every run; raises where the export is to end.
    """

    name: ClassVar[str]
    """As on the command line."""

    reserved: ClassVar[Set[str]] = frozenset()
    """Names that a split can't have here, in small letters."""

    def __init__(self, source: Source, options: Options, counter: RunCounter) -> None:
        self.source = source
        self.options = options
        self.counter = counter

    @abstractmethod
    def export(self) -> Written:
        """Write what the target lacks; whatever is there at any moment is whole."""

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same when an export is continued."""
        source = self.source
        return {"format": self.name, "split": str(source.splits), "image": source.image}

    def missing(self, target: Storage, split: str, present: Ids, written: Written) -> Ids:
        """Return which runs of a split the target lacks, and count both kinds.

        Raises
        ------
        ConfigurationError
            If the target holds runs that are not exported any more.
        """
        wanted = self.source.ids_of(split)
        strange = present[~np.isin(present, wanted)]
        if len(strange):
            raise wrong_target(
                f"{target.public_uri} holds {len(strange)} runs that the last sweep does not ask "
                f"for ({strange[0].decode()}); give another folder, or --all-runs"
            )
        missing: Ids = wanted[~np.isin(wanted, present)]
        written.new[split], written.before[split] = len(missing), len(present)
        self.counter.expect(len(missing))
        return missing


@contextmanager
def claimed(target: Storage, settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Hold a target folder for this export while the block lasts.

    Parameters
    ----------
    settings
        What must be the same when an export is continued.

    Yields
    ------
    dict
        The settings on record, with what `remember` added.

    Raises
    ------
    ConfigurationError
        If the folder holds something else, another export, or is in use.
    """
    where = target.public_uri
    _check(target, settings)
    try:
        if target.folder is not None:
            target.folder.mkdir(parents=True, exist_ok=True)
        with exclusive(target):
            found = _check(target, settings) or settings
            remember(target, found)
            yield found
    except OutputLockedError as error:
        message = f"another export, {error.owner}, is at work on {where}; wait until it ends"
        raise wrong_target(message) from error


def remember(target: Storage, settings: dict[str, Any]) -> None:
    """Put the settings of an export on record."""
    target.write_file(_SETTINGS, json.dumps(settings).encode())


def remove_litter(target: Storage, folder: str) -> list[str]:
    """Return the names in a folder; what a killed export was writing is deleted."""
    names = target.list(folder)
    for name in names:
        if name.startswith(TEMPORARY_PREFIX):
            target.delete(f"{folder}/{name}")
    return [name for name in names if not name.startswith(TEMPORARY_PREFIX)]


def plain(value: Any) -> Any:
    """Return plain data as every reader of JSON gets it.

    None stands for the numbers that JSON has no word for. Whole numbers above 2^53, which readers
    with floats alone would round without a word, are text, as I-JSON (RFC 7493, 2.2) advises.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_WHOLE else str(value)
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list) else value


def _check(target: Storage, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return the settings on record, if they allow to go on with `settings`."""
    where = target.public_uri
    try:
        found = json.loads(target.read(_SETTINGS))
        if not isinstance(found, dict):
            raise ValueError(found)
    except NotADirectoryError:
        raise wrong_target(f"{where} is a file; give a folder") from None
    except (FileNotFoundError, ValueError):
        others = [name for name in target.list(".") if name not in (LOCK, STATE)]
        if others:
            message = f"{where} holds something that is no export ({others[0]}); give a new folder"
            raise wrong_target(message) from None
        return None
    for key, value in settings.items():
        if found.get(key) != value:
            raise wrong_target(
                f"{where} holds an export with {key} {found.get(key)}, not {value}; "
                "give another folder, or the same options as before"
            )
    return found


def wrong_target(message: str) -> ConfigurationError:
    """Return the error for a target that can't be taken."""
    return ConfigurationError([Problem(COMMAND_LINE, "--to", message)])
