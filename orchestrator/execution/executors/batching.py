"""How many short runs share one call to a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from orchestrator.dataset.results import AttemptOutcome

CALL_SECONDS = 0.05
"""A call is filled up to about so long; a run that takes longer has a call of its own."""

MOST_RUNS = 32
"""Most runs in one call."""


@final
class CallSize:
    """Learns from finished calls how many runs the next ones may hold.

    A call through Ray costs about half a millisecond whatever it does. That is nothing beside a
    render and as much as the whole of a run that renders nothing.

    Attributes
    ----------
    runs
        Runs that the next call may hold, at least 1.
    """

    def __init__(self) -> None:
        self.runs = 1

    def learn(self, outcomes: Sequence[AttemptOutcome]) -> None:
        """Take the outcomes of one call into account.

        The size at most doubles, and falls at once: a few long runs in one call would wait for each
        other while other workers are idle.
        """
        if any(outcome.failure for outcome in outcomes):
            self.runs = 1  # what fails at once says nothing of how long a run takes
            return
        slowest = max((o.finished_at - o.started_at).total_seconds() for o in outcomes)
        fitting = int(CALL_SECONDS / slowest) if slowest > 0 else MOST_RUNS
        self.runs = max(1, min(fitting, 2 * self.runs, MOST_RUNS))
