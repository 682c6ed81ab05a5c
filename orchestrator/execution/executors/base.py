"""What the driver asks of an executor."""

from __future__ import annotations

from abc import ABC, abstractmethod

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure


class Executor(ABC):
    """Runs attempts on workers, which execute one at a time.

    An executor reports every submitted attempt exactly once, whatever becomes of its worker, and
    never retries: what to try again is the scheduler's decision.
    """

    @abstractmethod
    def start(self) -> None:
        """Bring up what workers need. Returns before they are warm."""

    @abstractmethod
    def scale(self, useful: int) -> None:
        """Say how many workers can be kept busy; idle ones beyond that may be let go."""

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many workers are warm."""

    @property
    @abstractmethod
    def free(self) -> int:
        """How many more attempts it takes now."""

    @abstractmethod
    def submit(self, attempt: Attempt) -> None:
        """Hand an attempt to a free worker."""

    @abstractmethod
    def wait(self, timeout_s: float) -> list[AttemptOutcome]:
        """Return the outcomes that have arrived, waiting up to `timeout_s` for the first.

        Returns early, perhaps with nothing, when a worker has become free.

        Raises
        ------
        WorkerStartError
            If no worker can be brought up.
        """

    @abstractmethod
    def kill(self, attempt: Attempt, failure: Failure) -> None:
        """End the attempt's worker now; its outcome, with `failure`, comes from the next `wait`."""

    @abstractmethod
    def close(self) -> None:
        """End all workers and whatever was brought up for them; calling it again is harmless."""
