"""Puts an export's parts together and runs it."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

from orchestrator.common.interruption import Interruption, TerminationLimit
from orchestrator.common.redaction import without_credentials
from orchestrator.common.uris import local_folder
from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.layout import OWN
from orchestrator.dataset.storage.target import target_errors_told
from orchestrator.export import FORMATS
from orchestrator.export.base import Format, Options, Written
from orchestrator.export.claims import wrong_target
from orchestrator.export.counter import RunCounter
from orchestrator.export.source import Source
from orchestrator.export.splits import Splits
from scene.errors import COMMAND_LINE, ConfigurationError, Problem

LEAST_SHARD_MB, MOST_SHARD_MB = 0.001, 1_000_000


@final
@dataclass(frozen=True, slots=True)
class Exported:
    """What is said at an export's end.

    Parameters
    ----------
    format
        Its name.
    output, to
        Data set and target, without credentials.
    written
        What was exported.
    seeds
        Number of different seeds by split.
    """

    format: str
    output: str
    to: str
    written: Written
    seeds: dict[str, int]

    def lines(self) -> Iterator[str]:
        """Yield the result as people read it."""
        for split, new in self.written.new.items():
            before, seeds = self.written.before[split], self.seeds[split]
            line = f"{split}: {new + before} runs of {seeds} seeds"
            yield line + (f", {new} of them new" if before else "")
            if not new + before:
                yield f"    no seed falls into {split}; a sweep with more seeds fills it"
        yield f"{self.format}: {self.to}"

    def as_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {
            "format": self.format,
            "output": self.output,
            "to": self.to,
            "files": self.written.files,
            "splits": {
                split: {
                    "runs": new + self.written.before[split],
                    "new": new,
                    "seeds": self.seeds[split],
                }
                for split, new in self.written.new.items()
            },
        }


def export_output(
    name: str,
    uri: str,
    to: str,
    *,
    split: str | None = None,
    image: str = "real",
    all_runs: bool = False,
    shard_mb: float = 256,
    license_name: str | None = None,
) -> Exported:
    """Export the succeeded runs of the data set at `uri`.

    Parameters
    ----------
    name
        The format, one of `FORMATS`.
    to
        Target folder, file or URI.
    split
        Fractions of splits, ``train=0.8,val=0.2``; None for one split.
    image
        Name of the image that is learned from.
    all_runs
        Whether to take runs too that the last sweep does not ask for.
    shard_mb
        Size of a shard in 10^6 bytes, which it must not exceed unless one run does.
    license_name
        Name or address of the images' licence; None if it is not stated.

    Raises
    ------
    ConfigurationError
        If there is no data set, what is asked for can't be had, or the data set can't be read or
        the target written.
    RunFilesError
        If a run's files are missing or damaged.
    """
    options = Options(to, split is not None, _shard_bytes(shard_mb), license_name)
    kind: type[Format] = pkgutil.resolve_name(FORMATS[name])
    splits = Splits.parse(split)
    _check_names(splits, kind)
    _check_place(uri, to)
    with (
        TerminationLimit() as limit,
        Interruption(limit) as interruption,
        RunCounter(interruption).shown() as counter,
    ):
        data = DataSet.open(uri)
        source = Source(data, splits, image, all_runs=all_runs)
        with target_errors_told(to):
            written = kind(source, options, counter).export()
    seeds = {split: source.seeds_of(split) for split in splits}
    return Exported(name, data.uri, without_credentials(to), written, seeds)


def _shard_bytes(megabytes: float) -> int:
    if not LEAST_SHARD_MB <= megabytes <= MOST_SHARD_MB:  # no number is neither
        message = f"must be from {LEAST_SHARD_MB:g} to {MOST_SHARD_MB:,}, got {megabytes:g}"
        raise ConfigurationError([Problem(COMMAND_LINE, "--shard-mb", message)])
    return int(megabytes * 10**6)


def _check_names(splits: Splits, kind: type[Format]) -> None:
    problems = [
        Problem(COMMAND_LINE, "--split", f"{name!r} means something else in {kind.name}")
        for name in splits
        if name.casefold() in kind.reserved
    ]
    if problems:
        raise ConfigurationError(problems)


def _check_place(uri: str, to: str) -> None:
    """Refuse to write into the tables and runs of the data set itself."""
    output, target = local_folder(uri), local_folder(to)
    one, other = (
        (uri.rstrip("/"), to.rstrip("/"))
        if output is None or target is None
        else (os.path.realpath(output), os.path.realpath(target))
    )
    if other == one or any(f"{other}/".startswith(f"{one}/{name}/") for name in OWN):
        message = f"{without_credentials(to)} is the data set itself; export beside it"
        raise wrong_target(message)
