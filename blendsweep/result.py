"""What a sweep's caller gets."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import final

from orchestrator.dataset.dataset import DataSet
from orchestrator.execution.launch import run_sweep
from orchestrator.execution.progress import Shown
from orchestrator.execution.scheduler import Counts
from orchestrator.execution.summary import FailedRun, Summary
from orchestrator.plan.sweep import Sweep
from scene.blender.thread import use_own_thread


@final
@dataclass(frozen=True, slots=True)
class Result:
    """How a sweep ended, and what it has made; printed, it is what the command line says.

    Parameters
    ----------
    summary
        How it ended.
    data
        The data set.
    """

    summary: Summary
    data: DataSet

    @property
    def counts(self) -> Counts:
        """Runs by what became of them."""
        return self.summary.counts

    @property
    def succeeded(self) -> int:
        """Runs of the sweep that the data set holds as succeeded."""
        return self.summary.succeeded

    @property
    def failed(self) -> int:
        """Runs of the sweep that the data set holds as failed."""
        return self.summary.failed

    @property
    def failures(self) -> tuple[FailedRun, ...]:
        """The first runs that failed this time, each with its error and its log."""
        return self.summary.failures

    @property
    def complete(self) -> bool:
        """Whether all runs are settled; False if the sweep was stopped before."""
        return self.summary.complete

    def __str__(self) -> str:
        return "\n".join(self.summary.lines())


def run_and_open(
    sweep: Sweep, *, progress: Shown, stop: threading.Event | None, handle_signals: bool
) -> Result:
    """Run a sweep and open its data set; the parameters are those of `blendsweep.run`."""
    use_own_thread()
    summary = run_sweep(sweep, progress=progress, stop=stop, handle_signals=handle_signals)
    return Result(summary, DataSet.open(sweep.output))
