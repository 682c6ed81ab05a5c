"""What the driver asks of a sink."""

from __future__ import annotations

from abc import ABC, abstractmethod

from orchestrator.dataset.results import RunResult


class Sink(ABC):
    """A place where results are recorded. Only the driver holds sinks.

    A sink receives each run's final result once. `record` must not wait for a slow or absent
    server: what can't be written at once is queued.
    """

    page: str | None = None
    """Where people look at what is recorded, below the address of what shows it; None if nowhere.
    """

    @abstractmethod
    def open(self) -> None:
        """Prepare for results; everything recorded earlier stays."""

    @abstractmethod
    def record(self, result: RunResult) -> None:
        """Take one run's final result."""

    @abstractmethod
    def flush(self) -> None:
        """Make durable what was recorded, as far as that is possible now."""

    @abstractmethod
    def close(self) -> None:
        """Flush and let go of everything."""
