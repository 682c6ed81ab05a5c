"""What a format of exports is, and what all formats share: options and the target folder."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np

from orchestrator.dataset.storage.storage import Storage
from orchestrator.export.claims import wrong_target
from orchestrator.export.counter import RunCounter
from orchestrator.export.source import Ids, Source

_LARGEST_WHOLE = 2**53 - 1
"""Up to here, and down to its opposite, every whole number has a float64 of its own."""


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
    split: bool
    shard_bytes: int
    license: str | None


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
