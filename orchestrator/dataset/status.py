"""How far a data set is, read from its manifest; a sweep may be at work on it meanwhile."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, final

import pyarrow as pa
import pyarrow.compute as pc

from orchestrator.common.words import counted, duration, no_particle
from orchestrator.dataset.layout import SPECIMENS, failure_log, recipe_file
from orchestrator.dataset.provenance import Made, codes_of, mixture
from orchestrator.dataset.reader import Reader
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.specimens import stored_specimens
from orchestrator.dataset.storage.locking import driver_of

SHOWN_LOGS = 3

RECENT_RUNS = 200
"""The pace is that of this many runs, those that ended last."""

_COLUMNS = ("run_id", "sweep", "recipe", "recipe_hash", "status", "error_type", "error_message",
            "finished_at", "visible_particles")  # fmt: skip


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """Why runs failed: one error's type and message, and the runs that ended with it."""

    error_type: str
    error_message: str
    run_ids: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class Others:
    """Runs in the data set that the last sweep does not ask for.

    Parameters
    ----------
    sweep, recipe, recipe_hash
        Where they come from.
    succeeded, failed
        How many.
    """

    sweep: str
    recipe: str
    recipe_hash: str
    succeeded: int
    failed: int


@final
@dataclass(frozen=True, slots=True)
class Status:
    """How far a data set is.

    Parameters
    ----------
    output
        Its URI or folder.
    sweep
        Name of the sweep that was started last.
    total
        Number of that sweep's runs.
    succeeded, failed
        That sweep's runs on record, by status.
    causes
        Its failures by cause, the most frequent first.
    others
        Other runs on record: of other sweeps, recipes or values.
    driver
        Who is at work on it; None if nobody is.
    runs_per_minute
        Pace of the runs that ended last; None for fewer than two.
    codes
        Which code made that sweep's succeeded runs.
    hidden
        How many of these show no particle.
    damaged
        What is wrong with part files, whose runs are not counted.
    sharing, specimens
        How many of that sweep's runs share their specimen with others, and how many specimens
        these are.
    stored
        How many specimens the data set holds.
    """

    output: str
    sweep: str
    total: int
    succeeded: int
    failed: int
    causes: tuple[Cause, ...]
    others: tuple[Others, ...]
    driver: str | None
    runs_per_minute: float | None
    codes: tuple[Made, ...] = ()
    hidden: int = 0
    damaged: tuple[str, ...] = ()
    sharing: int = 0
    specimens: int = 0
    stored: int = 0

    @property
    def left(self) -> int:
        """Runs of the sweep without a row."""
        return max(0, self.total - self.succeeded - self.failed)

    def lines(self) -> Iterator[str]:
        """Yield the status as people read it."""
        yield (
            f"{self.sweep}: {self.total} runs, {self.succeeded} succeeded, "
            f"{self.failed} failed, {self.left} left"
        )
        yield self._pace()
        yield from self.damaged
        for cause in self.causes:
            message = cause.error_message.partition("\n")[0]
            yield f"{len(cause.run_ids)} x {cause.error_type}: {message}"
            for run_id in cause.run_ids[:SHOWN_LOGS]:
                yield f"    {self.output}/{failure_log(run_id)}"
            if len(cause.run_ids) > SHOWN_LOGS:
                yield f"    and {len(cause.run_ids) - SHOWN_LOGS} more"
        if self.hidden:
            yield no_particle(self.hidden)
        if self.sharing:
            runs, specimens = counted(self.sharing, "run"), counted(self.specimens, "specimen")
            yield f"{runs} share {specimens}; {self.stored} stored in {SPECIMENS}/"
        yield from mixture(self.codes)
        for other in self.others:
            yield (
                f"also here: {other.succeeded} succeeded and {other.failed} failed runs of "
                f"{other.sweep}, {recipe_file(other.recipe_hash)} ({other.recipe})"
            )

    def as_json(self) -> dict[str, Any]:
        """Return the status for programs."""
        return {
            "output": self.output,
            "sweep": self.sweep,
            "runs": self.total,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "left": self.left,
            "driver": self.driver,
            "runs_per_minute": self.runs_per_minute,
            "no_particle": self.hidden,
            "damaged": list(self.damaged),
            "specimens": {
                "runs": self.sharing,
                "specimens": self.specimens,
                "stored": self.stored,
            },
            "codes": [made.as_json() for made in self.codes],
            "failures": [asdict(cause) for cause in self.causes],
            "others": [asdict(other) for other in self.others],
        }

    def _pace(self) -> str:
        pace = ""
        if self.runs_per_minute:
            pace = f"{self.runs_per_minute:.3g} runs/min"
            if self.driver is not None and self.left:
                pace += f", about {duration(60 * self.left / self.runs_per_minute)} left"
        if self.driver is not None:
            return f"running: {self.driver}" + (f", {pace}" if pace else "")
        work = "not running; the sweep's command resumes it" if self.left else "complete"
        return work + (f" (last pace: {pace})" if pace else "")


def status_of(data: Reader) -> Status:
    """Return the status of a data set.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    """
    plan = data.plan
    counts: Counter[str] = Counter()
    failed: dict[tuple[str, str], list[str]] = defaultdict(list)
    others: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    ended: list[datetime] = []
    hidden = 0
    damaged: list[str] = []
    for part, asked in data.recorded(_COLUMNS, damaged=damaged):
        ended = sorted([*ended, *filter(None, part["finished_at"].to_pylist())])[-RECENT_RUNS:]
        own, other = part.filter(pa.array(asked)), part.filter(pa.array(~asked))
        counts.update(own["status"].to_pylist())
        shown = own.filter(pc.equal(own["status"], RunStatus.SUCCEEDED))
        hidden += shown["visible_particles"].to_pylist().count(0)
        for row in own.filter(pc.equal(own["status"], RunStatus.FAILED)).to_pylist():
            failed[row["error_type"], row["error_message"]].append(row["run_id"])
        for row in other.select(["sweep", "recipe", "recipe_hash", "status"]).to_pylist():
            place = row["sweep"] or "", row["recipe"] or "", row["recipe_hash"] or ""
            others[place][row["status"]] += 1
    causes = [Cause(*key, tuple(run_ids)) for key, run_ids in failed.items()]
    return Status(
        output=data.uri,
        sweep=plan.sweep,
        total=plan.runs,
        succeeded=counts[RunStatus.SUCCEEDED],
        failed=counts[RunStatus.FAILED],
        causes=tuple(sorted(causes, key=lambda cause: -len(cause.run_ids))),
        others=tuple(
            Others(*place, found[RunStatus.SUCCEEDED], found[RunStatus.FAILED])
            for place, found in sorted(others.items())
        ),
        driver=driver_of(data.storage),
        runs_per_minute=_pace_of(ended),
        codes=codes_of(data, asked_for=True),
        hidden=hidden,
        damaged=tuple(damaged),
        sharing=plan.sharing,
        specimens=plan.specimens,
        stored=len(stored_specimens(data.storage)),
    )


def _pace_of(ended: list[datetime]) -> float | None:
    span = (ended[-1] - ended[0]).total_seconds() if len(ended) > 1 else 0.0
    return 60 * (len(ended) - 1) / span if span > 0 else None
