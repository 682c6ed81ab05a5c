"""How fast a sweep goes, and what its time goes into, in words."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, final

from orchestrator.common.names import step_name
from orchestrator.common.words import duration
from orchestrator.dataset.results import AttemptOutcome
from orchestrator.execution.scheduler import Counts

if TYPE_CHECKING:
    from orchestrator.execution.time_left import TimeLeft

_SHOWN_STEPS = 3


@final
class Pace:
    """How fast runs are settled, how long the rest takes, and which steps the time goes into."""

    def __init__(self, time_left: TimeLeft | None = None) -> None:
        self._first: float | None = None
        self._time_left = time_left
        self._steps: defaultdict[str, float] = defaultdict(float)

    def add(self, outcome: AttemptOutcome) -> None:
        """Take one attempt's time, and its steps' timings."""
        if self._time_left is not None:
            seconds = (outcome.finished_at - outcome.started_at).total_seconds()
            index = outcome.attempt.run.index
            self._time_left.add(index, seconds, succeeded=outcome.failure is None)
        if outcome.record is not None:
            for label, value in outcome.record.timings.items():
                self._steps[label] += value
            self._steps["publish"] += outcome.publish_seconds

    def see(self, now: float, counts: Counts, workers: int) -> None:
        """Note the time, often enough that changes of the number of workers are seen."""
        if self._first is None:
            if counts.in_flight == 0:
                return
            # Workers are warm and the first runs have just been handed out.
            self._first = now
        if self._time_left is not None:
            self._time_left.see(now, workers)

    def text(self, now: float, counts: Counts, workers: int) -> str:
        """Return rate and time left in words; empty as long as nothing is settled."""
        settled = counts.done + counts.failed
        elapsed = 0.0 if self._first is None else now - self._first
        if settled == 0 or elapsed <= 0:
            return ""
        per_minute = 60 * settled / elapsed
        rate = f"{per_minute:.1f} runs/min" if per_minute < 600 else f"{per_minute / 60:.0f} runs/s"
        if self._time_left is None or counts.left == 0:
            return rate
        seconds = self._time_left.seconds(counts.left, counts.in_flight, workers)
        return rate if seconds is None else f"{rate}, {duration(seconds)} left"

    def steps(self, columns: int) -> str:
        """Return the steps that took most, as many as fit; empty as long as nothing is known.

        >>> pace = Pace()
        >>> pace._steps.update({"RelaxCollisions": 1.0, "RenderParticlesTogether.real": 9.0})
        >>> pace.steps(80)
        'real 90 %, relax collisions 10 %'
        """
        total = sum(self._steps.values())
        most = sorted(self._steps.items(), key=lambda item: -item[1])[:_SHOWN_STEPS]
        text = ""
        for label, seconds in most:
            if total <= 0 or round(100 * seconds / total) < 1:
                break
            longer = f"{text}, " if text else ""
            longer += f"{step_name(label)} {100 * seconds / total:.0f} %"
            if len(longer) > columns:
                break
            text = longer
        return text
