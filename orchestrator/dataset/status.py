"""How far a data set is, read from its manifest; a sweep may be at work on it meanwhile."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

from orchestrator.dataset.plan_table import read_plan, rows_by_plan
from orchestrator.dataset.provenance import Made, codes_of, mixture
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.storage.locking import driver_of
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.execution.driver import failure_log_path
from orchestrator.execution.progress import duration
from orchestrator.execution.summary import no_particle

SHOWN_LOGS = 3

RECENT_RUNS = 200
"""The rate is that of so many runs that ended last."""

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
                yield f"    {self.output}/{failure_log_path(run_id)}"
            if len(cause.run_ids) > SHOWN_LOGS:
                yield f"    and {len(cause.run_ids) - SHOWN_LOGS} more"
        if self.hidden:
            yield no_particle(self.hidden)
        yield from mixture(self.codes)
        for other in self.others:
            yield (
                f"also here: {other.succeeded} succeeded and {other.failed} failed runs of "
                f"{other.sweep}, recipes/{other.recipe_hash}.yaml ({other.recipe})"
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
            "codes": [made.as_json() for made in self.codes],
            "failures": [
                {
                    "error_type": cause.error_type,
                    "error_message": cause.error_message,
                    "run_ids": list(cause.run_ids),
                }
                for cause in self.causes
            ],
            "others": [
                {
                    "sweep": other.sweep,
                    "recipe": other.recipe,
                    "recipe_hash": other.recipe_hash,
                    "succeeded": other.succeeded,
                    "failed": other.failed,
                }
                for other in self.others
            ],
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


def read_status(uri: str) -> Status:
    """Return the status of the data set at `uri`.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    """
    storage = open_storage(uri)
    plan = read_plan(storage)
    counts: Counter[str] = Counter()
    failed: dict[tuple[str, str], list[str]] = defaultdict(list)
    others: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    ended: list[datetime] = []
    hidden = 0
    damaged: list[str] = []
    for row, asked in rows_by_plan(storage, plan, _COLUMNS, damaged):
        ended.append(row["finished_at"])
        place = row["sweep"] or "", row["recipe"] or "", row["recipe_hash"] or ""
        if not asked:
            others[place][row["status"]] += 1
            continue
        counts[row["status"]] += 1
        hidden += row["status"] == RunStatus.SUCCEEDED and row["visible_particles"] == 0
        if row["status"] == RunStatus.FAILED:
            failed[row["error_type"], row["error_message"]].append(row["run_id"])
    causes = [Cause(*key, tuple(run_ids)) for key, run_ids in failed.items()]
    return Status(
        output=storage.public_uri,
        sweep=plan.sweep,
        total=plan.runs,
        succeeded=counts[RunStatus.SUCCEEDED],
        failed=counts[RunStatus.FAILED],
        causes=tuple(sorted(causes, key=lambda cause: -len(cause.run_ids))),
        others=tuple(
            Others(*place, found[RunStatus.SUCCEEDED], found[RunStatus.FAILED])
            for place, found in sorted(others.items())
        ),
        driver=driver_of(storage),
        runs_per_minute=_pace_of(ended),
        codes=codes_of(storage, plan),
        hidden=hidden,
        damaged=tuple(damaged),
    )


def _pace_of(ended: list[datetime]) -> float | None:
    last = sorted(ended)[-RECENT_RUNS:]
    span = (last[-1] - last[0]).total_seconds() if len(last) > 1 else 0.0
    return 60 * (len(last) - 1) / span if span > 0 else None
