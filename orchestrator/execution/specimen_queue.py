"""Who makes a specimen that several runs share, and which of them wait for it meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import final

from orchestrator.dataset.results import Attempt

MOST_WAITING = 1_000
"""At most this many attempts wait while those behind them start."""


@final
class SpecimenQueue:
    """Lets an attempt start unless another is making its specimen at the moment.

    An attempt waits only for one in flight, so that none waits forever: when that one ends, in
    whatever way, all that wait for it are taken out again, and the first makes what is missing.

    Parameters
    ----------
    stored
        Hashes of the specimens that are there from the start.
    """

    def __init__(self, stored: Set[str] = frozenset()) -> None:
        self._stored = set(stored)
        self._makers: dict[str, str] = {}
        self._waiting: dict[str, list[Attempt]] = {}

    @property
    def awaited(self) -> Iterable[str]:
        """Hashes of the specimens that attempts wait for, longest first."""
        return self._waiting.keys()

    @property
    def full(self) -> bool:
        """Whether no more attempts should be looked at until some can go on."""
        return sum(map(len, self._waiting.values())) >= MOST_WAITING

    def admits(self, attempt: Attempt) -> bool:
        """Whether an attempt can start; one that can't is kept here until its specimen is made."""
        specimen = attempt.specimen
        if specimen is None or specimen in self._stored:
            return True
        if specimen not in self._makers:
            self._makers[specimen] = attempt.run.run_id
            return True
        self._waiting.setdefault(specimen, []).append(attempt)
        return False

    def made(self, specimen: str) -> list[Attempt]:
        """Take note that a specimen is there, and return the attempts that waited for it."""
        self._makers.pop(specimen, None)
        self._stored.add(specimen)
        return self._waiting.pop(specimen, [])

    def ended(self, attempt: Attempt, *, stored: bool) -> list[Attempt]:
        """Take note that an attempt is over, and return those that waited for it.

        Parameters
        ----------
        stored
            Whether its specimen is there now, whatever else became of the attempt.
        """
        specimen = attempt.specimen
        if specimen is None:
            return []
        if stored:
            return self.made(specimen)
        if self._makers.get(specimen) != attempt.run.run_id:
            return []
        del self._makers[specimen]
        return self._waiting.pop(specimen, [])
