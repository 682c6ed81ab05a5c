"""Exports in shards: files of bounded size that hold many runs each.

Beside each shard, a small file in the folder `STATE` tells which runs it holds. It is written
after the shard, so that a shard it names is whole; others are leftovers and deleted. A shard that
is not full is written anew, with what it held in front, when there is more to export.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, Protocol, final, override

import numpy as np

from orchestrator.dataset.run_files import INSTANCES
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage, without_litter
from orchestrator.dataset.tables import RUN_ID
from orchestrator.export.base import Format, Written
from orchestrator.export.claims import STATE, claimed
from orchestrator.export.source import Example, Ids

_NOTES = f"{STATE}/shards"


@final
@dataclass(frozen=True, slots=True)
class Sample:
    """One run, ready to be written.

    Parameters
    ----------
    size
        Bytes that it adds to a shard, about.
    content
        What the format's writer takes.
    """

    size: int
    content: Any


class Writer(Protocol):
    """Writes one shard."""

    def add(self, content: Any) -> None:
        """Write one sample's content."""


@final
@dataclass(frozen=True, slots=True)
class _Shard:
    """A shard that is whole: its number, its runs in order, and whether more may be added."""

    number: int
    ids: Ids
    full: bool


class ShardedFormat(Format):
    """Common to the formats that write shards, ``<folder><split>-<number>.<suffix>``."""

    folder: ClassVar[str]
    """Where shards lie in the target, ``""`` or a name with a slash."""

    suffix: ClassVar[str]
    """Ending of shards."""

    @property
    @abstractmethod
    def layout(self) -> str:
        """What must be the same in all shards; those that have another layout are made anew."""

    @abstractmethod
    def sample(self, example: Example) -> Sample:
        """Return one run, ready to be written."""

    @abstractmethod
    def writer(self, stream: BinaryIO) -> AbstractContextManager[Writer]:
        """Begin a shard; the end of the block completes it."""

    def describe(self, target: Storage, shards: dict[str, int]) -> list[str]:
        """Write what tells readers of all shards, and return the files to load.

        Parameters
        ----------
        shards
            Number of shards by split.
        """
        del target
        return [
            f"{self.folder}{split}-{{{0:06d}..{count - 1:06d}}}.{self.suffix}"
            for split, count in shards.items()
            if count
        ]

    def images(self, example: Example) -> Iterator[tuple[str, str, bytes]]:
        """Yield the images of a run: name, path and bytes.

        Raises
        ------
        RunFilesError
            If the run lacks the image that is learned from, or its masks.
        """
        for name in self.source.image_names:
            if name in example.images or name in (self.source.image, INSTANCES):
                yield name, example.image(name).path, example.read(name)

    @override
    def export(self) -> Written:
        """Write the shards of all runs that are in none."""
        written, target = Written(), open_storage(self.options.to)
        with claimed(target, self.settings):
            whole = self._whole(target)
            plans = {}
            for split in self.source.splits:
                kept = whole.get(split, {})
                plans[split] = kept, self.missing(target, split, _all_ids(kept), written)
            counts = {
                split: self._extend(target, split, kept, missing)
                for split, (kept, missing) in plans.items()
            }
            written.files = self.describe(target, counts)
        return written

    def _whole(self, target: Storage) -> dict[str, dict[int, _Shard]]:
        """Return the shards that are whole, by split and number, and delete all others."""
        without_litter(target, STATE)
        pattern = re.compile(rf"(\w+)-(\d{{6,}})\.{self.suffix}")
        notes = set(without_litter(target, _NOTES))
        whole: dict[str, dict[int, _Shard]] = {}
        for name in without_litter(target, self.folder.rstrip("/") or "."):
            if (match := pattern.fullmatch(name)) is None:
                continue
            split, number = match[1], int(match[2])
            note = target.read(f"{_NOTES}/{name}.json") if f"{name}.json" in notes else b""
            shard = self._noted(number, note)
            if shard is not None:
                whole.setdefault(split, {})[number] = shard
            else:
                target.delete(f"{self.folder}{name}")
        return whole

    def _noted(self, number: int, note: bytes) -> _Shard | None:
        """Return the shard that a note describes; None if it is damaged or of another layout."""
        try:
            content = json.loads(note)
            ids = np.array([str(run_id) for run_id in content["run_ids"]], RUN_ID)
            shard = _Shard(number, ids, full=bool(content["full"]))
            return shard if content["layout"] == self.layout else None
        except (ValueError, TypeError, KeyError):
            return None

    def _extend(self, target: Storage, split: str, kept: dict[int, _Shard], missing: Ids) -> int:
        """Write shards of missing runs and return how many shards there are then."""
        if not len(missing):
            return len(kept)
        before: Ids = np.empty(0, RUN_ID)
        if kept and not (last := kept[max(kept)]).full:
            before = last.ids
            del kept[last.number]
        samples = self._samples(np.concatenate([before, missing]), len(before))
        held = next(samples, None)
        while held is not None:
            number = next(n for n in range(len(kept) + 1) if n not in kept)
            name = f"{split}-{number:06d}.{self.suffix}"
            run_ids: list[str] = []
            size = 0
            with (
                target.replacing(f"{self.folder}{name}") as stream,
                self.writer(stream) as writer,
            ):
                while held is not None:
                    run_id, sample = held
                    if run_ids and size + sample.size > self.options.shard_bytes:
                        break
                    writer.add(sample.content)
                    run_ids.append(run_id)
                    size += sample.size
                    held = next(samples, None)
            kept[number] = _Shard(number, np.array(run_ids, RUN_ID), full=held is not None)
            content = {"layout": self.layout, "full": kept[number].full, "run_ids": run_ids}
            target.write_file(f"{_NOTES}/{name}.json", json.dumps(content).encode())
        return len(kept)

    def _samples(self, ids: Ids, again: int) -> Iterator[tuple[str, Sample]]:
        """Yield runs, ready to be written; the first `again` of them are not counted as new."""
        for number, example in enumerate(self.source.examples(ids, self.source.image_names)):
            yield example.run.run_id, self.sample(example)
            if number >= again:
                self.counter.advance()


def _all_ids(shards: dict[int, _Shard]) -> Ids:
    return np.concatenate([np.empty(0, RUN_ID), *(shard.ids for shard in shards.values())])
