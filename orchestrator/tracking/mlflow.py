"""MLflow as a view on the manifest: one parent run a sweep, one child run a run.

MLflow is imported, and spoken to, on one thread of its own.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import posixpath
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, final

from orchestrator.common import commands
from orchestrator.common.environment import environment
from orchestrator.common.uris import sqlite_file, sqlite_uri
from orchestrator.dataset.arrow import Row
from orchestrator.dataset.plan_table import read_plan
from orchestrator.dataset.results import RunResult
from orchestrator.dataset.sink import Sink
from orchestrator.dataset.storage.backends import TEMPORARY_PREFIX
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.writer import MANIFEST
from orchestrator.tracking import mlflow_errors as lasting
from orchestrator.tracking import mlflow_mapping as entries
from orchestrator.tracking.follower import Backlog, CatchUp, LastingError, RefusedError
from scene.errors import ConfigurationError

PREVIEW = "preview.jpg"

SHOWN_RUNS = 6
"""Most runs on the contact sheet that MLflow holds."""

REPORTED_RUNS = 50_000
"""A larger sweep's report is made by the command alone, since reading it would take too long."""

_log = logging.getLogger(__name__)
_CHATTY = ("mlflow", "alembic", "urllib3")
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # MLflow's own retries take minutes; waiting for a server that is away is CatchUp's part.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"),
    "MLFLOW_HTTP_REQUEST_TIMEOUT": os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "15"),
}
_NOTE = "mlflow.note.content"
_NAMES, _PARAM = "blendsweep.names", "blendsweep.param."

_MOST_PARAMS, _MOST_METRICS = 100, 1000
_PAGE = 1000
_STATUSES = {"succeeded": "FINISHED", "failed": "FAILED"}


@final
class MlflowSink(Sink):
    """Logs results to MLflow without ever holding up the sweep.

    Parameters
    ----------
    storage
        The data set; previews and failure logs are read from it.
    tracking_uri
        MLflow's tracking server or database.
    experiment
        Name of the experiment.
    sweep
        Name of the sweep, and of its parent run.
    document
        Content of ``sweep.yaml``.
    swept
        The keys that take more than one value.
    plugins
        Folders of plugin packages.
    backlog
        The manifest's side.
    close_timeout_s
        How long `close` waits for what is not logged yet.
    """

    def __init__(
        self,
        storage: Storage,
        tracking_uri: str,
        experiment: str,
        sweep: str,
        document: str,
        swept: Collection[str],
        plugins: Sequence[str],
        backlog: Backlog,
        close_timeout_s: float = 60.0,
    ) -> None:
        self._connect = partial(
            _connected, storage, tracking_uri, experiment, sweep, document, swept, plugins
        )
        self._backlog = backlog
        self._close_timeout_s = close_timeout_s
        self._catch_up: CatchUp | None = None
        self._settings = ExitStack()

    def open(self) -> None:
        """Start the thread; it imports MLflow, finds the sweep's runs and logs what is missing."""
        self._settings.enter_context(environment(_ENVIRONMENT))
        self._settings.enter_context(_quiet_loggers())
        self._catch_up = CatchUp("MLflow", self._connected, self._backlog, self._close_timeout_s)
        self._catch_up.start()

    def _connected(self) -> _Tracker:
        tracker = self._connect()
        self.page = tracker.page
        return tracker

    def record(self, result: RunResult) -> None:
        """Queue one run's final result."""
        if self._catch_up is not None:
            self._catch_up.add(result)

    def flush(self) -> None:
        """Do nothing: what is queued is durable in the manifest already."""

    def close(self) -> None:
        """Wait a bounded time for what is queued; the rest is for the next start."""
        if self._catch_up is not None:
            self._catch_up.close()
            self._catch_up = None
            self._settings.close()


def _connected(storage: Storage, tracking_uri: str, *arguments: Any) -> _Tracker:
    try:
        return _Tracker(storage, tracking_uri, *arguments)
    except Exception as error:
        if not lasting.is_lasting(error):
            raise
        told = lasting.sentence(error)
        if "out-of-date" in told:
            told += f" This does it: {commands.tool('mlflow', 'db', 'upgrade', tracking_uri)}"
        raise LastingError(told) from error


@final
class _Tracker:
    """One sweep's runs in MLflow; `MlflowSink` describes the parameters."""

    def __init__(
        self,
        storage: Storage,
        tracking_uri: str,
        experiment: str,
        sweep: str,
        document: str,
        swept: Collection[str],
        plugins: Sequence[str],
    ) -> None:
        self._storage = storage
        self._plugins = plugins
        self._swept = swept
        self._names: dict[str, str] = {}
        self._short = True
        self._mlflow = _import_mlflow()
        if (database := sqlite_file(tracking_uri)) is not None:
            _prepare_database(self._mlflow, database)
        self._client = self._mlflow.MlflowClient(tracking_uri)
        self._experiment_id = self._experiment(experiment, tracking_uri)
        self._statuses: dict[str, str] = {}
        self._children: dict[str, str] = {}
        self._changed = False
        self._parent = self._find_parent(sweep)
        if self._parent is None:
            self._parent = self._create_parent(sweep)
        else:
            self._find_names()
            self._find_children()
            self._client.set_terminated(self._parent, "RUNNING")
        self._artifacts_told = False
        with self._artifacts():
            self._client.log_text(self._parent, document, "sweep.yaml")

    @property
    def page(self) -> str:
        """The parent run's page, which lists the children, in MLflow's web application."""
        return f"#/experiments/{self._experiment_id}/runs/{self._parent}"

    def log(self, row: Row) -> str:
        """Log one run, into the child it has already or a new one; return the child's id."""
        try:
            return self._log(row)
        except Exception as error:
            if lasting.is_out_of_place(error):
                raise  # found or made anew by the next connection
            if getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE":
                raise RefusedError(lasting.sentence(error)) from error
            if lasting.is_lasting(error):
                raise LastingError(lasting.sentence(error)) from error
            raise

    def finish(self) -> None:
        """End the parent run with how many runs that were asked for succeeded and failed."""
        counts = Counter(itertools.compress(self._statuses.values(), self._asked_for()))
        for status in _STATUSES:
            self._client.log_metric(self._parent, f"runs_{status}", float(counts[status]))
        self._client.set_terminated(self._parent, "FINISHED")
        if self._changed:
            self._log_report()

    def _asked_for(self) -> Iterable[bool]:
        """Return for each child whether the last sweep asks for its run."""
        try:
            plan = read_plan(self._storage)
        except ConfigurationError:  # somebody has removed sweep.yaml
            return itertools.repeat(True)
        held: list[bool] = plan.holds(list(self._statuses)).tolist()
        return held

    def _log_report(self) -> None:
        """Log the report on the data set, of a size that no one waits for long."""
        from orchestrator.report.build import build_report, save_report

        if len(self._statuses) > REPORTED_RUNS:
            again = commands.program("report", self._storage.public_uri)
            _log.info("the report is left to the command: %s", again)
            return
        try:
            report = build_report(self._storage, SHOWN_RUNS, brief=True)
            with tempfile.TemporaryDirectory() as folder:
                save_report(report, Path(folder))
                with self._artifacts():
                    self._client.log_artifacts(self._parent, folder, "report")
        except Exception as error:  # noqa: BLE001 (a picture is no reason to fail)
            _log.warning("MLflow has no report: %s: %s", type(error).__name__, error)

    def _log(self, row: Row) -> str:
        from mlflow.entities import Metric, Param, RunTag

        run_id = row["run_id"]
        finished = entries.milliseconds(row["finished_at"])
        self._name_params(row)
        params = entries.params(row, self._names)
        child = self._children.get(run_id)
        if child is None:
            child = self._children[run_id] = self._create_child(row)
        else:
            # A parameter can't be logged twice with another spelling, such as 1 and 1.0.
            known = self._client.get_run(child).data
            params = {key: value for key, value in params.items() if key not in known.params}
            if row["status"] == "succeeded":
                for tag in entries.ERROR_TAGS & known.tags.keys():
                    self._client.delete_tag(child, tag)
        metrics = [
            Metric(key, value, finished, 0)
            for key, value in entries.metrics(row, self._short).items()
        ]
        folder = f"{self._storage.public_uri}/runs/{run_id}"
        tags = entries.tags(row, folder)
        if self._statuses.get(run_id) != row["status"]:
            tags[_NOTE] = entries.run_note(row, folder, self._plugins)
        run_tags = [RunTag(key, value) for key, value in tags.items()]
        self._client.log_batch(child, metrics[: _MOST_METRICS - len(tags)], (), run_tags)
        for batch in itertools.batched(params.items(), _MOST_PARAMS, strict=False):
            self._client.log_batch(child, (), [Param(key, value) for key, value in batch], ())
        self._attach(child, f"runs/{run_id}/{PREVIEW}")
        if row["status"] == "failed":
            self._attach(child, f"failures/{run_id}.log")
        self._client.set_terminated(child, _STATUSES[row["status"]], finished)
        self._statuses[run_id] = row["status"]
        self._changed = True
        return child

    def _experiment(self, name: str, tracking_uri: str) -> str:
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            location = None
            if (database := sqlite_file(tracking_uri)) is not None:
                location = (database.parent / "mlartifacts").as_uri()
            # MLflow's pages for agents and prompts have no place for a data set.
            tags = {"mlflow.experimentKind": "custom_model_development"}
            return str(self._client.create_experiment(name, location, tags))
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
            _log.warning("MLflow: the experiment %r was in the trash and is restored", name)
        return str(experiment.experiment_id)

    def _find_parent(self, sweep: str) -> str | None:
        for run in self._search(f"tags.`blendsweep.sweep` = '{sweep}'"):
            if run.data.tags.get("blendsweep.output") == self._storage.public_uri:
                return str(run.info.run_id)
        return None

    def _create_parent(self, sweep: str) -> str:
        from mlflow.entities import Dataset, DatasetInput

        uri = self._storage.public_uri
        tags = {"blendsweep.sweep": sweep, "blendsweep.output": uri, _NAMES: "short"}
        tags[_NOTE] = entries.sweep_note(sweep, uri)
        run = self._client.create_run(self._experiment_id, tags=tags, run_name=sweep)
        source = f"{uri}/{MANIFEST}"
        dataset = Dataset(
            name=f"{sweep} manifest",
            digest=hashlib.sha256(source.encode()).hexdigest()[:8],
            source_type="local" if self._storage.folder else uri.partition("://")[0],
            source=json.dumps({"uri": source}),
        )
        self._client.log_inputs(run.info.run_id, [DatasetInput(dataset, [])])
        return str(run.info.run_id)

    def _find_children(self) -> None:
        for run in self._search(f"tags.`mlflow.parentRunId` = '{self._parent}'"):
            tags = run.data.tags
            if run_id := tags.get("blendsweep.run_id"):
                self._children[run_id] = run.info.run_id
                self._statuses[run_id] = tags.get("blendsweep.status", "")

    def _find_names(self) -> None:
        tags = self._client.get_run(self._parent).data.tags
        if _NAMES not in tags:  # of a version that named by the manifest's columns
            self._short = False
        self._names = {
            key: tag.removeprefix(_PARAM) for tag, key in tags.items() if tag.startswith(_PARAM)
        }

    def _name_params(self, row: Row) -> None:
        """Name what this row overrides; the parent knows the names, so that they stay."""
        new = [key for key in entries.overridden(row) if key not in self._names]
        if not self._short:
            self._names |= {key: entries.entity_name(key) for key in new}
            return
        for key, name in entries.param_names(new, self._names).items():
            self._client.set_tag(self._parent, f"{_PARAM}{name}", key)
            self._names[key] = name

    def _search(self, query: str) -> Iterator[Any]:
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id], query, max_results=_PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return

    def _create_child(self, row: Row) -> str:
        # The id is a tag from the start: a child left half-logged by a crash is found again.
        tags = {"mlflow.parentRunId": self._parent, "blendsweep.run_id": row["run_id"]}
        started = entries.milliseconds(row["started_at"])
        name = entries.run_name(row, self._names, self._swept)
        run = self._client.create_run(self._experiment_id, started, tags, name)
        return str(run.info.run_id)

    def _attach(self, run: str, relative: str) -> None:
        if not self._storage.exists(relative):
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / posixpath.basename(relative)
            path.write_bytes(self._storage.read(relative))
            with self._artifacts():
                self._client.log_artifact(run, str(path))

    @contextmanager
    def _artifacts(self) -> Iterator[None]:
        """Do without artifacts where their place can't be written: all else is worth having."""
        try:
            yield
        except OSError as error:
            if not lasting.is_disk_fault(error):
                raise
            if not self._artifacts_told:
                self._artifacts_told = True
                _log.warning(
                    "MLflow goes without pictures and logs, whose place can't be written: %s; the "
                    "files are in %s",
                    *(error, self._storage.public_uri),
                )


def _import_mlflow() -> Any:
    import mlflow

    _quieten()  # the import sets levels of its own
    return mlflow


@contextmanager
def _quiet_loggers() -> Iterator[None]:
    levels = {name: logging.getLogger(name).level for name in _CHATTY}
    _quieten()
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _quieten() -> None:
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


def _prepare_database(mlflow: Any, path: Path) -> None:
    """Make the database if it is missing, so that it appears whole, and switch on WAL.

    MLflow takes seconds to make its tables, and can't open a database where that was cut short.
    With write-ahead logging the MLflow UI can read while a sweep writes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        partial = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
        partial.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / path.name
            mlflow.MlflowClient(sqlite_uri(made)).search_experiments()
            with closing(sqlite3.connect(made)) as whole, closing(sqlite3.connect(partial)) as copy:
                whole.backup(copy)
        if not path.exists():  # another sweep may share it
            partial.replace(path)
    with closing(sqlite3.connect(path, timeout=30.0)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
