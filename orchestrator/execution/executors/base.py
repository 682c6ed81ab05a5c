"""What the driver asks of an executor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure
from scene.errors import BlendsweepError
from scene.recipe.code import Code


class WorkerStartError(BlendsweepError):
    """No worker can be brought up, so that no run can be executed."""


class OtherCodeError(WorkerStartError):
    """A worker's machine has other code than the driver's: images of both would be mixed."""


class WorkersLostError(BlendsweepError):
    """No worker can be brought up any more, after some have worked."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs to know, once, before its first run.

    Parameters
    ----------
    output
        URI or absolute path of the data set.
    plugins
        Folders that ``$plugins`` names resolve in.
    cpus_per_worker
        CPU cores that belong to each worker.
    gpus_per_worker
        GPUs that belong to each worker, fractions allowed; None lets the executor choose.
    recycle_after_runs, recycle_above_mb
        A worker is replaced between two runs after so many runs, or when its resident memory in
        MiB has grown above the limit.
    shared_output
        Whether a local output is a folder that all machines of a cluster see.
    code
        The code of the driver's machine, which a worker's must be, too; empty for any.
    """

    output: str
    plugins: tuple[str, ...] = ()
    cpus_per_worker: float = 1.0
    gpus_per_worker: float | None = None
    recycle_after_runs: int = 200
    recycle_above_mb: int = 4096
    shared_output: bool = False
    code: Code = field(default_factory=dict)


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
    def kill(self, attempt: Attempt, failure: Failure) -> bool:
        """End the attempt's worker now; its outcome, with `failure`, comes from the next `wait`.

        Returns
        -------
        bool
            False if the attempt was not alone on its worker, or waits for one: then nothing is
            reported, and it begins anew, alone.
        """

    @abstractmethod
    def close(self) -> None:
        """End all workers and whatever was brought up for them; calling it again is harmless."""
