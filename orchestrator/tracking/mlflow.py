"""MLflow as a view on the manifest: one parent run per sweep, one child run per run.

MLflow is imported, and spoken to, on one thread of its own.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import final, override

from orchestrator.common import commands
from orchestrator.common.environment import environment
from orchestrator.common.uris import sqlite_file, sqlite_uri
from orchestrator.dataset.sink import SinkContext
from orchestrator.dataset.storage.storage import TEMPORARY_PREFIX
from orchestrator.tracking.follower import Follower, LastingError, sentence
from orchestrator.tracking.mlflow_errors import is_lasting
from orchestrator.tracking.mlflow_runs import SweepRuns

_CHATTY = ("mlflow", "alembic", "urllib3")
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # MLflow's own retries take minutes; waiting for a server that is away is the follower's part.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": os.environ.get("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"),
    "MLFLOW_HTTP_REQUEST_TIMEOUT": os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT", "15"),
}


@final
class MlflowSink(Follower):
    """Logs results to MLflow without ever holding up the sweep.

    Parameters
    ----------
    context
        The sweep and its data set.
    close_timeout_s
        How long `close` waits for what is not logged yet.
    """

    def __init__(self, context: SinkContext, close_timeout_s: float = 60.0) -> None:
        super().__init__("MLflow", context.storage, context.origin, close_timeout_s)
        self._context = context
        self._uri = str(context.sweep.tracking_uri)
        self._settings = ExitStack()
        self._started = datetime.now(UTC)

    @override
    def open(self) -> None:
        self._settings.enter_context(environment(_ENVIRONMENT))
        for logger in map(logging.getLogger, _CHATTY):
            self._settings.callback(logger.setLevel, logger.level)
        super().open()

    @override
    def connect(self) -> SweepRuns:
        try:
            runs = self._runs()
        except Exception as error:
            if not is_lasting(error):
                raise
            message = sentence(error)
            if "out-of-date" in message:
                upgrade = commands.tool("mlflow", "db", "upgrade", self._uri)
                message += f" This does it: {upgrade}"
            raise LastingError(message) from error
        self.page = runs.page
        return runs

    @override
    def close(self) -> None:
        super().close()
        self._settings.close()

    def _runs(self) -> SweepRuns:
        from mlflow import MlflowClient

        for name in _CHATTY:  # not before: the import sets levels of its own
            logging.getLogger(name).setLevel(logging.ERROR)
        if (database := sqlite_file(self._uri)) is not None:
            _prepare_database(database, lambda uri: MlflowClient(uri).search_experiments())
        return SweepRuns(self._context, MlflowClient(self._uri), self._started)


def _prepare_database(path: Path, make: Callable[[str], object]) -> None:
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
            make(sqlite_uri(made))
            with closing(sqlite3.connect(made)) as whole, closing(sqlite3.connect(partial)) as copy:
                whole.backup(copy)
        if not path.exists():  # another sweep may share it
            partial.replace(path)
    with closing(sqlite3.connect(path, timeout=30.0)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
