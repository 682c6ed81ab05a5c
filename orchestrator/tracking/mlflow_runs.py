"""A sweep as a tree of MLflow's runs, read from and logged row by row."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import posixpath
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, final

from orchestrator.common import commands
from orchestrator.common.names import short_keys
from orchestrator.common.uris import sqlite_file
from orchestrator.dataset.arrow import Row
from orchestrator.dataset.layout import (
    ARTIFACTS,
    MANIFEST,
    SWEEP,
    failure_log,
    preview_file,
    run_folder,
)
from orchestrator.dataset.plan_table import Plan
from orchestrator.dataset.sink import SinkContext
from orchestrator.tracking import mlflow_mapping as mapping
from orchestrator.tracking.follower import LastingError, RefusedError, sentence
from orchestrator.tracking.mlflow_errors import is_disk_fault, is_lasting, is_out_of_place

REPORTED_RUNS = 50_000
"""A larger sweep's report is left to the command, since reading the data set would take too long.
"""

_log = logging.getLogger(__name__)
_NOTE = "mlflow.note.content"
_PARAM = "blendsweep.param."

_MOST_PARAMS, _MOST_METRICS = 100, 1000
_PAGE = 1000
_STATUSES = {"succeeded": "FINISHED", "failed": "FAILED"}


@final
@dataclass(frozen=True, slots=True)
class _Child:
    """What MLflow has of one run: its id, and how and when the run ended, in MLflow's words."""

    mlflow_run_id: str
    status: str
    ended: int | None


@final
class SweepRuns:
    """One sweep's runs in MLflow: a parent, and a child for each run of the sweep.

    Parameters
    ----------
    context
        The sweep and its data set; previews and logs of failures are read from it.
    client
        An ``MlflowClient`` that is connected.
    started
        When the sweep was, which is before MLflow could be reached.
    """

    def __init__(self, context: SinkContext, client: Any, started: datetime) -> None:
        self._context = context
        self._storage = context.storage
        self._names: dict[str, str] = {}
        self._children: dict[str, _Child] = {}
        self._changed = False
        self._artifacts_warned = False
        context.mlflow_run_ids.clear()  # another connection's, perhaps of a database that is gone
        self._client = client
        self._experiment_id = self._experiment(context.sweep.experiment)
        self._parent = self._take_over_parent() or self._create_parent(started)
        with self._artifacts():
            self._client.log_text(self._parent, context.document, SWEEP)

    @property
    def page(self) -> str:
        """The parent run's page, which lists the children, in MLflow's web application."""
        return f"#/experiments/{self._experiment_id}/runs/{self._parent}"

    def holds(self, run_id: str, finished_at: datetime) -> bool:
        """Return whether a child has this result: a run's end is the last that is logged of it."""
        child = self._children.get(run_id)
        return child is not None and child.ended == mapping.milliseconds(finished_at)

    def log(self, row: Row) -> None:
        """Log one run, into the child that it has already or a new one."""
        try:
            self._log(row)
        except Exception as error:
            if is_out_of_place(error):
                raise  # found or made anew by the next connection
            if getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE":
                raise RefusedError(sentence(error)) from error
            if is_lasting(error):
                raise LastingError(sentence(error)) from error
            raise

    def finish(self, plan: Plan) -> None:
        """End the parent run with how many runs that were asked for succeeded and failed."""
        ended = [child.status for child in self._children.values()]
        counts = Counter(itertools.compress(ended, plan.holds(list(self._children))))
        for status, ending in _STATUSES.items():
            self._client.log_metric(self._parent, f"runs_{status}", float(counts[ending]))
        self._client.set_terminated(self._parent, "FINISHED")
        if self._changed:
            self._log_report()

    def _log_report(self) -> None:
        """Log the report on the data set, where nobody waits long for it."""
        if len(self._children) > REPORTED_RUNS:
            again = commands.program("report", self._storage.public_uri)
            _log.info("this command makes the report: %s", again)
            return
        try:
            with tempfile.TemporaryDirectory() as folder:
                self._context.write_report(Path(folder))
                with self._artifacts():
                    self._client.log_artifacts(self._parent, folder, "report")
        except Exception as error:  # noqa: BLE001 (a picture is no reason to fail)
            _log.warning("MLflow has no report: %s: %s", type(error).__name__, error)

    def _log(self, row: Row) -> None:
        from mlflow.entities import Metric, Param, RunTag

        run_id, status = row["run_id"], _STATUSES[row["status"]]
        ended = mapping.milliseconds(row["finished_at"])
        self._name_params(row)
        params = mapping.params(row, self._names)
        child = self._children.get(run_id)
        if child is None:
            child = self._create_child(row)
        else:
            # A param can't be logged twice with another spelling, such as 1 and 1.0.
            known = self._client.get_run(child.mlflow_run_id).data
            params = {key: value for key, value in params.items() if key not in known.params}
            if row["status"] == "succeeded":
                for tag in mapping.ERROR_TAGS & known.tags.keys():
                    self._client.delete_tag(child.mlflow_run_id, tag)
        key = child.mlflow_run_id
        folder = f"{self._storage.public_uri}/{run_folder(run_id)}"
        tags = mapping.tags(row, folder)
        if child.status != status:
            sweep = self._context.sweep
            tags[_NOTE] = mapping.run_note(row, folder, sweep.plugins, sweep.prototype_dirs)
        metrics = [Metric(*pair, ended, 0) for pair in mapping.metrics(row).items()]
        self._client.log_batch(
            key, metrics[: _MOST_METRICS - len(tags)], (), [RunTag(*pair) for pair in tags.items()]
        )
        for batch in itertools.batched(params.items(), _MOST_PARAMS, strict=False):
            self._client.log_batch(key, (), [Param(*pair) for pair in batch], ())
        self._attach(key, preview_file(run_id))
        if row["status"] == "failed":
            self._attach(key, failure_log(run_id))
        self._client.set_terminated(key, status, ended)
        self._keep(run_id, _Child(key, status, ended))
        self._changed = True

    def _keep(self, run_id: str, child: _Child) -> None:
        self._children[run_id] = child
        self._context.mlflow_run_ids[run_id] = child.mlflow_run_id

    def _experiment(self, name: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            location = None
            if (database := sqlite_file(self._client.tracking_uri)) is not None:
                location = (database.parent / ARTIFACTS).as_uri()
            # MLflow's pages for agents and prompts have no place for a data set.
            tags = {"mlflow.experimentKind": "custom_model_development"}
            return str(self._client.create_experiment(name, location, tags))
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
            _log.warning("MLflow: the experiment %r was in the trash and is restored", name)
        return str(experiment.experiment_id)

    def _take_over_parent(self) -> str | None:
        """Return the sweep's run of an earlier start, with its children found; None if new."""
        for run in self._search(f"tags.`blendsweep.sweep` = '{self._context.sweep.name}'"):
            if run.data.tags.get("blendsweep.output") == self._storage.public_uri:
                break
        else:
            return None
        parent = str(run.info.run_id)
        self._names = {
            key: tag.removeprefix(_PARAM)
            for tag, key in run.data.tags.items()
            if tag.startswith(_PARAM)
        }
        for child in self._search(f"tags.`mlflow.parentRunId` = '{parent}'"):
            if run_id := child.data.tags.get("blendsweep.run_id"):
                info = child.info
                self._keep(run_id, _Child(info.run_id, info.status, info.end_time))
        self._client.set_terminated(parent, "RUNNING")
        return parent

    def _create_parent(self, started: datetime) -> str:
        from mlflow.entities import Dataset, DatasetInput

        sweep, uri = self._context.sweep.name, self._storage.public_uri
        tags = {"blendsweep.sweep": sweep, "blendsweep.output": uri}
        tags[_NOTE] = mapping.sweep_note(sweep, uri)
        start = mapping.milliseconds(started)
        run = self._client.create_run(self._experiment_id, start, tags, sweep)
        source = f"{uri}/{MANIFEST}"
        dataset = Dataset(
            name=f"{sweep} manifest",
            digest=hashlib.sha256(source.encode()).hexdigest()[:8],
            source_type="local" if self._storage.folder else uri.partition("://")[0],
            source=json.dumps({"uri": source}),
        )
        self._client.log_inputs(run.info.run_id, [DatasetInput(dataset, [])])
        return str(run.info.run_id)

    def _name_params(self, row: Row) -> None:
        """Name what this row overrides; the parent knows the names, so that they stay."""
        new = [key for key in mapping.overridden(row) if key not in self._names]
        for key, name in short_keys(new, self._names, mapping.entity_name).items():
            self._client.set_tag(self._parent, f"{_PARAM}{name}", key)
            self._names[key] = name

    def _search(self, query: str) -> Iterator[Any]:
        token: str | None = ""
        while token is not None:
            page = self._client.search_runs(
                [self._experiment_id], query, max_results=_PAGE, page_token=token or None
            )
            yield from page
            token = page.token or None

    def _create_child(self, row: Row) -> _Child:
        # The id is a tag from the start: a child left half-logged by a crash is found again.
        tags = {"mlflow.parentRunId": self._parent, "blendsweep.run_id": row["run_id"]}
        started = mapping.milliseconds(row["started_at"])
        name = mapping.run_name(row, self._names, self._context.swept)
        run = self._client.create_run(self._experiment_id, started, tags, name)
        child = _Child(run.info.run_id, run.info.status, None)
        self._keep(row["run_id"], child)
        return child

    def _attach(self, run: str, relative: str) -> None:
        try:
            content = self._storage.read(relative)
        except FileNotFoundError:
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / posixpath.basename(relative)
            path.write_bytes(content)
            with self._artifacts():
                self._client.log_artifact(run, str(path))

    @contextmanager
    def _artifacts(self) -> Iterator[None]:
        """Do without artifacts where their place can't be written: all else is worth having."""
        try:
            yield
        except OSError as error:
            if not is_disk_fault(error):
                raise
            if not self._artifacts_warned:
                self._artifacts_warned = True
                _log.warning(
                    "MLflow goes without pictures and logs, since their folder can't be written: "
                    "%s; the files are in %s",
                    *(error, self._storage.public_uri),
                )
