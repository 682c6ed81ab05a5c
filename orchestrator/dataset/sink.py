"""A place where results are recorded, and what it is made from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from orchestrator.dataset.results import RunResult

if TYPE_CHECKING:
    from orchestrator.dataset.rows import Origin
    from orchestrator.dataset.storage.storage import Storage
    from orchestrator.plan.sweep import Sweep


class Sink(ABC):
    """A place where results are recorded: the data set itself, or one that follows it.

    A sink receives each run's final result once, after the data set has it. `record` must not wait
    for a slow or absent server: what can't be written at once is queued. Only the driver's thread
    calls a sink.
    """

    page: str | None = None
    """The sweep's page below the address of the target's web application; None if it has none."""

    @abstractmethod
    def open(self) -> None:
        """Prepare for results; everything recorded earlier stays."""

    @abstractmethod
    def record(self, result: RunResult) -> None:
        """Take one run's final result, which replaces an earlier one of the same run."""

    @abstractmethod
    def flush(self) -> None:
        """Make durable what was recorded, as far as that is possible now."""

    @abstractmethod
    def close(self) -> None:
        """Flush and let go of everything; may be called again, and without `open`."""


@final
@dataclass(frozen=True, slots=True)
class SinkContext:
    """What sinks are made from.

    Parameters
    ----------
    sweep
        What is recorded.
    document
        Content of ``sweep.yaml``.
    storage
        The data set. Its manifest is the record, from which a sink may catch up.
    origin
        Where the runs come from, for their rows in the manifest.
    write_report
        Writes the report on the data set, in short, into a folder.
    swept
        The keys that take more than one value.
    mlflow_run_ids
        Run id to the id of the MLflow run that holds it, as far as that is known: the manifest
        reads here what MLflow's sink enters.
    """

    sweep: Sweep
    document: str
    storage: Storage
    origin: Origin
    write_report: Callable[[Path], None]
    swept: Collection[str] = ()
    mlflow_run_ids: dict[str, str] = field(default_factory=dict)
