"""What a worker may use of its machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reservation:
    """Share of a machine that belongs to one worker.

    Parameters
    ----------
    cpus
        CPU cores; Cycles' threads are fixed to the whole number below, at least 1.
    gpus
        GPUs, fractions allowed; above 0, Cycles must render on a GPU.
    """

    cpus: float = 1.0
    gpus: float = 0.0

    @property
    def threads(self) -> int:
        """Number of threads Cycles may use."""
        return max(1, int(self.cpus))
