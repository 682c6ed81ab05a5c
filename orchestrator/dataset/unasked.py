"""What a data set holds that its plan does not ask for, in numbers and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

from orchestrator.common.words import amount, counted
from orchestrator.dataset.layout import PARTICLES

_SHOWN = 3


@final
@dataclass(frozen=True, slots=True)
class Unasked:
    """What no plan asks for, and what it is held against.

    Parameters
    ----------
    output
        The data set.
    sweep, limit, overrides
        Of the plan: its sweep's name, the number of runs that it was limited to, what was swept.
    planned, made
        How many runs the plan asks for, and how many of them succeeded.
    runs
        Runs on record, by id, with the bytes in their folders.
    failed
        How many of them failed.
    sweeps
        How many of them are of which sweep.
    ended
        When the first and the last of them ended; None where that is not known.
    particles
        Number of rows in the particles table that are of no run on record, or of one of `runs`.
    folders
        Folders of runs that are not on record, by id, with their bytes.
    logs
        Logs of failures, by run id, with their bytes.
    specimens
        Specimens, by hash, with their bytes.
    needed
        How many specimens are kept only because runs that are yet to be made may need them.
    strange
        What lies among them, but is not the data set's own, and is left alone: path and reason.
    """

    output: str
    sweep: str
    limit: int | None
    overrides: tuple[str, ...]
    planned: int
    made: int
    runs: Mapping[str, int]
    failed: int
    sweeps: Mapping[str, int]
    ended: tuple[datetime, datetime] | None
    particles: int
    folders: Mapping[str, int]
    logs: Mapping[str, int]
    specimens: Mapping[str, int]
    needed: int
    strange: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.runs or self.particles or self.folders or self.logs or self.specimens)

    @property
    def bytes(self) -> int:
        """Bytes of all files; those of rows in the tables are not counted."""
        kinds = (self.runs, self.folders, self.logs, self.specimens)
        return sum(sum(kind.values()) for kind in kinds)

    def lines(self) -> Iterator[str]:
        """Yield it as people read it."""
        limit = "" if self.limit is None else f" with --limit {self.limit}"
        yield (
            f"the plan is that of {self.sweep}, as started last{limit}: "
            f"{counted(self.planned, 'run')}, {self.made} of them made"
        )
        yield from (f"    {override}" for override in self.overrides)
        yield "not asked for:" if self else "nothing is there that the plan does not ask for"
        failed = f", {self.failed} of them failed" if self.failed else ""
        yield from _line(self.runs, "run", f" on record{failed}")
        yield from (f"        {count} of {sweep}" for sweep, count in self.sweeps.items())
        if self.ended is not None:
            first, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in self.ended)
            yield f"        made {first if first == last else f'between {first} and {last}'} UTC"
        yield from _line(self.folders, "folder", " of runs that are not on record")
        yield from _line(self.logs, "failure log")
        yield from _line(self.specimens, "specimen")
        if self.particles:
            yield f"    {counted(self.particles, 'row')} in {PARTICLES}/"
        if self.needed:
            yield (
                f"kept: {counted(self.needed, 'specimen')} that no run on record has, since runs "
                "of the plan that are yet to be made may need them"
            )
        for path, why in self.strange.items():
            yield f"left alone: {path} {why}"

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "output": self.output,
            "plan": {
                "sweep": self.sweep,
                "limit": self.limit,
                "overrides": list(self.overrides),
                "runs": self.planned,
                "succeeded": self.made,
            },
            "runs": len(self.runs),
            "failed": self.failed,
            "particles": self.particles,
            "folders": len(self.folders),
            "failure_logs": len(self.logs),
            "specimens": len(self.specimens),
            "bytes": self.bytes,
            "left_alone": dict(self.strange),
        }


def _line(found: Mapping[str, int], what: str, more: str = "") -> Iterator[str]:
    if found:
        names = ", ".join(sorted(found)[:_SHOWN])
        rest = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        size = amount(sum(found.values()))
        yield f"    {counted(len(found), what)}{more}, {size}: {names}{rest}"
