"""What became of a run: its attempts, and the result that is recorded. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.plan.run import Run
from scene.execution.record import RunRecord


class RunStatus(StrEnum):
    """How a run ended, as the manifest spells it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


class SpecimenUse(StrEnum):
    """How an attempt came by a specimen that several runs share; the data set holds it since."""

    MADE = "made"
    REUSED = "reused"
    MENDED = "mended"
    """Made again, because the stored one was damaged."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a run on one worker.

    Parameters
    ----------
    number
        Counts from 1.
    specimen
        Hash of the run's specimen, where other runs of the plan have the same.
    """

    run: Run
    number: int
    specimen: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed.

    Parameters
    ----------
    error_type
        Type name of the error, for instance ``StepError`` or ``WorkerDied``.
    message
        One sentence.
    log
        Traceback and Blender's log; may be empty where the worker died.
    output_at_fault
        Whether the output could not be written: nothing that another attempt would mend.
    """

    error_type: str
    message: str
    log: str = ""
    output_at_fault: bool = False


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """What one attempt gave: exactly one of `record` and `failure` is set.

    Parameters
    ----------
    worker, node, device
        Names of the worker, of its machine, and of the Cycles device.
    started_at, finished_at
        Timezone-aware, UTC.
    publish_seconds
        Time for checksums and the move into ``runs/``.
    specimen
        How it came by the specimen that it shares; None if it shares none, or did not get there.
    """

    attempt: Attempt
    worker: str
    node: str
    device: str
    started_at: datetime
    finished_at: datetime
    record: RunRecord | None = None
    failure: Failure | None = None
    publish_seconds: float = 0.0
    specimen: SpecimenUse | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """The final word on a run, as the sinks receive it, once.

    `outcome` is the last attempt's; `attempts` counts all of them.
    """

    run: Run
    status: RunStatus
    attempts: int
    outcome: AttemptOutcome
