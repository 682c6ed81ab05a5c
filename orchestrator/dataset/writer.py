"""The record of a data set: the manifest, one row a run, and the table of its particles."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import final

import pyarrow.compute as pc

from orchestrator.dataset.layout import MANIFEST, PARTICLES
from orchestrator.dataset.parts import KEY, PartTable
from orchestrator.dataset.results import RunResult, RunStatus
from orchestrator.dataset.rows import (
    Origin,
    manifest_row,
    particles_of,
    particles_table,
    rows_table,
)
from orchestrator.dataset.schema import (
    Columns,
    counts_particles,
    manifest_schema,
    particles_schema,
    with_particles,
)
from orchestrator.dataset.sink import Sink
from orchestrator.dataset.storage.storage import Storage

RUNS_PER_PART = 2_048
PARTICLES_PER_PART = 65_536

_STATUSES = frozenset(RunStatus)

FLUSH_INTERVAL_S = 1.0
"""Least time between two flushes."""

FLUSH_FRACTION = 0.05
"""Largest fraction of the time that flushing may take."""

LONGEST_INTERVAL_S = 5.0
"""However long a flush took, what `status` reports is not older than this."""


@final
class ManifestSink(Sink):
    """Writes both tables, on a thread of its own.

    A result is on disk at once if the last flush was over a second ago, else with the next flush.
    The particles are written before the manifest: a run that the manifest holds is complete.

    Parameters
    ----------
    storage
        The data set.
    origin
        Where the runs come from, for the rows.
    columns
        What decides the columns.
    mlflow_run_ids
        Run id to the MLflow run that holds it, as far as that is known when a row is written.
    """

    def __init__(
        self,
        storage: Storage,
        origin: Origin,
        columns: Columns,
        mlflow_run_ids: Mapping[str, str] | None = None,
    ) -> None:
        self._origin = origin
        self._mlflow_run_ids = {} if mlflow_run_ids is None else mlflow_run_ids
        self._manifest_schema = manifest_schema(columns)
        self._particles_schema = particles_schema(columns)
        self._manifest = PartTable(storage, MANIFEST, self._manifest_schema, RUNS_PER_PART)
        self._particles = PartTable(storage, PARTICLES, self._particles_schema, PARTICLES_PER_PART)
        self._results: dict[str, RunResult] = {}
        self._changed = threading.Condition()
        self._tables = threading.RLock()
        self._error: Exception | None = None
        self._closing = False
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Take over what earlier starts recorded.

        Particles of runs that the manifest lacks, left by a crash between the two, are dropped:
        such runs are recorded again.
        """
        self._manifest.open()
        self._particles.open()
        self._particles.remove(self._particles.run_ids - self._manifest.run_ids)
        self._manifest.begin()
        self._particles.begin()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="manifest", daemon=True)
        self._thread.start()

    def statuses(self) -> dict[str, RunStatus]:
        """Return the status of every run on disk, by run id.

        A run whose particles are lost, with a damaged part for instance, is left out, so that it
        is recorded again.
        """
        found: dict[str, RunStatus] = {}
        counts = filter(counts_particles, self._manifest_schema.names)
        columns = [KEY, "status", *counts]
        with self._tables:
            for table in self._manifest.read(columns):
                lost = with_particles(table) - self._particles.run_ids
                pairs = zip(table[KEY].to_pylist(), table["status"].to_pylist(), strict=True)
                found |= {
                    key: RunStatus(status)
                    for key, status in pairs
                    if status in _STATUSES and key not in lost
                }
        return found

    def without_particles(self) -> set[str]:
        """Return the ids of the runs on disk whose images show no particle."""
        found: set[str] = set()
        with self._tables:
            for table in self._manifest.read([KEY, "visible_particles"]):
                found.update(table.filter(pc.equal(table["visible_particles"], 0))[KEY].to_pylist())
        return found

    def record(self, result: RunResult) -> None:
        """Take one run's final result; it replaces an earlier one of the same run.

        Raises
        ------
        OutputError
            If an earlier result could not be written.
        """
        self._raise_error()
        with self._changed:
            self._results[result.run.run_id] = result
            self._changed.notify()

    def flush(self) -> None:
        """Write all results.

        Raises
        ------
        OutputError
            If the output can't be written.
        """
        self._raise_error()
        self._write_pending()

    def close(self) -> None:
        """Write all that was recorded and end the thread; may be called again."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._error = None
        self._write_pending()

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _work(self) -> None:
        not_before = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._results or self._closing)
                wait = max(0.0, not_before - time.monotonic())
                self._changed.wait_for(lambda: self._closing, wait)
                if self._closing:
                    return
            start = time.monotonic()
            try:
                self._write_pending()
            except Exception as error:  # noqa: BLE001 (whatever it is, the driver must hear of it)
                self._error = error
            end = time.monotonic()
            pause = (end - start) * (1 / FLUSH_FRACTION - 1)
            not_before = end + min(max(FLUSH_INTERVAL_S, pause), LONGEST_INTERVAL_S)

    def _write_pending(self) -> None:
        with self._tables:  # waits for what the thread is writing right now
            with self._changed:
                results, self._results = self._results, {}
            try:
                if results:
                    self._write(results)
            except BaseException:
                with self._changed:
                    self._results = results | self._results
                raise

    def _write(self, results: dict[str, RunResult]) -> None:
        without = [run_id for run_id, result in results.items() if not particles_of(result)]
        self._particles.remove(without)
        if len(without) < len(results):
            self._particles.put(particles_table(results.values(), self._particles_schema))
        rows = [manifest_row(result, self._origin) for result in results.values()]
        for row in rows:
            row["mlflow_run_id"] = self._mlflow_run_ids.get(row[KEY])
        self._manifest.put(rows_table(rows, self._manifest_schema))
