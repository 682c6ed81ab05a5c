"""What a worker may use of its machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resources:
    """The part of a machine that is reserved for one worker.

    Parameters
    ----------
    cpus
        CPU cores. Cycles gets as many threads as there are whole cores, at least 1.
    gpus
        GPUs, which may be a fraction; above 0, Cycles must render on a GPU.
    """

    cpus: float = 1.0
    gpus: float = 0.0

    @property
    def threads(self) -> int:
        """Number of threads that Cycles may use."""
        return max(1, int(self.cpus))
