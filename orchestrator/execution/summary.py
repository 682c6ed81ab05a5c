"""What is said at a sweep's end, to people and to programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, final

from orchestrator.common import commands
from orchestrator.common.redaction import STARS, without_credentials
from orchestrator.common.words import counted, duration, no_particle
from orchestrator.dataset.layout import FAILURES, REPORT, REPORT_PAGE
from orchestrator.execution.scheduler import Counts

_UI = "http://127.0.0.1:5000"
"""Where `mlflow ui` is found by default."""


@final
@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that failed, and the path of its log relative to the output."""

    run_id: str
    error_type: str
    error_message: str
    log: str


@final
@dataclass(frozen=True, slots=True)
class Commands:
    """Command lines to paste: what resumes a sweep, and what takes its failed runs again, too."""

    resume: str
    retry: str


@final
@dataclass(frozen=True, slots=True)
class Summary:
    """A sweep's end.

    Parameters
    ----------
    sweep
        Its name.
    output
        URI or folder of the data set.
    counts
        The last counts.
    failures
        The first runs that failed in this start.
    complete
        False if it was interrupted before all runs were settled.
    seconds
        How long this start took.
    tracking_uri
        Where MLflow records; None if it does not.
    tracking_page
        The sweep's page below the address of MLflow's web application; None if it has none yet.
    commands
        What does it again; None where it was not started by a command.
    """

    sweep: str
    output: str
    counts: Counts
    failures: tuple[FailedRun, ...]
    complete: bool
    seconds: float
    tracking_uri: str | None
    tracking_page: str | None = None
    commands: Commands | None = None

    @property
    def succeeded(self) -> int:
        """Runs of the sweep that the data set holds as succeeded."""
        return self.counts.done + self.counts.skipped

    @property
    def failed(self) -> int:
        """Runs of the sweep that the data set holds as failed."""
        return self.counts.failed + self.counts.failed_before

    @property
    def exit_code(self) -> int:
        """0 if every run succeeded, 1 if some failed, 130 if interrupted."""
        if not self.complete:
            return 130
        return 1 if self.failed else 0

    def lines(self) -> Iterator[str]:
        """Yield the summary as people read it."""
        counts = self.counts
        runs = "run" if counts.done == 1 else "runs"
        parts = [f"{counts.done} {runs} done in {duration(self.seconds)}"]
        if counts.skipped:
            parts.append(f"{counts.skipped} {'was' if counts.skipped == 1 else 'were'} done before")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if counts.left:
            parts.append(f"{counts.left} left")
        yield f"{self.sweep}: {', '.join(parts)}"
        if counts.hidden:
            yield f"note:    {no_particle(counts.hidden)}"
        if counts.made + counts.reused:
            made, reused = counted(counts.made, "specimen"), counted(counts.reused, "run")
            yield f"shared:  {made} relaxed, {reused} needed no relaxation"
        yield f"results: {self.output}"
        if self.succeeded:
            yield f"labels:  {commands.program('show', self.output)}"
            yield f"report:  {commands.program('report', self.output)}"
            yield f"         makes {self.output}/{REPORT}/{REPORT_PAGE}"
        if self.tracking_uri is not None:
            yield from _mlflow(self.tracking_uri, self.tracking_page)
        for failure in self.failures:
            first_line = failure.error_message.partition("\n")[0]
            yield f"failed:  {failure.run_id}: {failure.error_type}: {first_line}"
            yield f"         log: {self.output}/{failure.log}"
        if counts.failed > len(self.failures):
            more = counts.failed - len(self.failures)
            yield f"         and {more} more: {self.output}/{FAILURES}"
        yield from self._hints()

    def _hints(self) -> Iterator[str]:
        """Yield what can be done about what is missing."""
        if self.commands is None:
            return
        resume, retry = self.commands.resume, self.commands.retry
        if self.counts.failed_before:
            yield f"{self.counts.failed_before} failed before; this takes them again: {retry}"
        elif self.failed and self.complete:
            yield f"this takes the failed runs again: {retry}"
        if not self.complete:
            yield f"interrupted; this resumes where it stopped: {resume}"
        if STARS in resume:
            yield f"in place of {STARS} goes what was secret in the command"

    def as_json(self) -> dict[str, Any]:
        """Return the summary for programs."""
        return {
            "sweep": self.sweep,
            "output": self.output,
            "runs": self.counts.total,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "left": self.counts.left,
            "no_particle": self.counts.hidden,
            "specimens": {"relaxed": self.counts.made, "reused": self.counts.reused},
            "executed": self.counts.done + self.counts.failed,
            "interrupted": not self.complete,
            "seconds": round(self.seconds, 3),
            "tracking_uri": self.tracking_uri and without_credentials(self.tracking_uri),
            "failures": [asdict(failure) for failure in self.failures],
        }


def _mlflow(tracking_uri: str, page: str | None) -> Iterator[str]:
    """Yield what shows the sweep in MLflow: its page, and first the command that serves it."""
    if re.match(r"https?://", tracking_uri):
        address = without_credentials(tracking_uri).rstrip("/")
        yield f"MLflow:  {address}/{page or ''}"
        return
    yield f"MLflow:  {commands.tool('mlflow', 'ui', '--backend-store-uri', tracking_uri)}"
    if page is not None:
        yield f"         then {_UI}/{page}"
