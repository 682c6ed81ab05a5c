"""Tracking URIs at which MLflow could never record are told before anything starts."""

from __future__ import annotations

import http.server
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from orchestrator.common import commands
from orchestrator.common.uris import sqlite_uri
from orchestrator.plan.tracking_uri import misspelled
from orchestrator.tracking import usable
from orchestrator.tracking.usable import check_usable
from scene.errors import ConfigurationError


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("localhost:5000", "lacks the scheme: http://localhost:5000"),
        ("127.0.0.1:5000/x", "lacks the scheme: http://127.0.0.1:5000/x"),
        ("./mlruns", "plain folders any more; a database would be right: sqlite:////"),
        ("mlruns", "/mlruns/mlflow.db"),
        ("/data/mlruns", "sqlite:////data/mlruns/mlflow.db"),
        ("file:///data/mlruns", "sqlite:////data/mlruns/mlflow.db"),
        ("sqlite://mlflow.db", "a slash is missing: sqlite:///mlflow.db"),
        ("sqlite:mlflow.db", "lacks slashes"),
        ("sqlite:///:memory:", "a database in memory"),
        ("sqlite://", "a database in memory"),
        ("sqlite:////data/a?b/mlflow.db", "sqlite:///file:%2Fdata%2Fa%253Fb%2Fmlflow.db?uri=true"),
        ("sqlite:////data/a?b=c/mlflow.db", "not an option of SQLite; for the file /data/a?b=c/"),
        ("postgres://h/d", "the scheme is spelled postgresql://"),
        ("mysql://h/d", "its driver is not installed: MySQLdb"),
        ("postgresql+nosuch://h/d", "Can't load plugin"),
        ("http://", "names no host"),
        ("http:/host:5000", "names no host"),
        ("http://h:x/", "is not an address"),
        ("htp://h:5000", "htp:// is unknown to MLflow; known are http://, https://, sqlite://"),
    ],
)
def test_a_uri_that_can_not_work_is_told_with_one_that_can(uri: str, told: str) -> None:
    message = misspelled(uri)
    assert message is not None
    assert told in message


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:5000", "https://user:secret@host/path", "sqlite:///mlflow.db",
        "sqlite:////data/a b#c.db", "sqlite:////data/m.db?timeout=5", "databricks",
        "sqlite:///file:%2Fa%253Fb%2Fm.db?uri=true", "http://[::1]:5000",
    ],
)  # fmt: skip
def test_others_are_taken(uri: str) -> None:
    assert misspelled(uri) is None


def test_a_file_store_is_taken_by_those_who_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert misspelled("./mlruns") is None


def unusable(uri: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check_usable(uri)
    return str(caught.value)


def database(path: Path, schema: str | None) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table experiments (x int)")
        if schema is not None:
            connection.execute("create table alembic_version (version_num text)")
            connection.execute("insert into alembic_version values (?)", [schema])
        connection.commit()
    return sqlite_uri(path)


def test_the_schema_of_a_database_is_compared(tmp_path: Path) -> None:
    known, newest = usable._schemas()
    assert len(known) > 50
    check_usable(database(tmp_path / "new.db", newest))
    old = database(tmp_path / "old's?.db", min(known - {newest}))
    told = unusable(old)
    assert "made by an older MLflow" in told
    assert told.endswith(commands.tool("mlflow", "db", "upgrade", old))
    assert "by a newer MLflow" in unusable(database(tmp_path / "newer.db", "f" * 12))
    assert "not one of MLflow's" in unusable(database(tmp_path / "other.db", None))


def test_the_schemas_are_those_of_mlflow() -> None:
    from mlflow.store.db.utils import _get_latest_schema_revision

    assert usable._schemas()[1] == _get_latest_schema_revision()


def test_places_where_no_database_can_be(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database at all")
    (tmp_path / "link.db").symlink_to("/nonexistent/x.db")
    (tmp_path / "empty.db").touch()
    assert "is not a SQLite database" in unusable(sqlite_uri(tmp_path / "text.db"))
    assert "is a folder" in unusable(sqlite_uri(tmp_path))
    assert "a link that leads nowhere" in unusable(sqlite_uri(tmp_path / "link.db"))
    assert "text.db is not a folder" in unusable(sqlite_uri(tmp_path / "text.db" / "m.db"))
    assert "/proc can't be written" in unusable(sqlite_uri(Path("/proc/nothing/m.db")))
    check_usable(sqlite_uri(tmp_path / "deep" / "new.db"))
    check_usable(sqlite_uri(tmp_path / "empty.db"))
    assert not (tmp_path / "deep").exists()


def test_a_database_that_is_in_use_passes(tmp_path: Path) -> None:
    uri = database(tmp_path / "m.db", "0" * 12)
    with closing(sqlite3.connect(tmp_path / "m.db", isolation_level=None)) as other:
        other.execute("begin exclusive")
        check_usable(uri)


@contextmanager
def answering(code: int, body: bytes = b"{}") -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("code", "body", "told"),
    [
        (
            401,
            b"no",
            "refuses the login (401 Unauthorized); the variables MLFLOW_TRACKING_USERNAME",
        ),
        (403, b"no", "refuses the login"),
        (404, b"no", "there is no MLflow (404 Not Found)"),
        (200, b"<html>hello", "something answers there, but not MLflow"),
    ],
)
def test_a_server_that_refuses_is_told_without_the_password(
    code: int, body: bytes, told: str
) -> None:
    with answering(code, body) as place:
        message = unusable(f"http://me:secret123@{place}")
        assert told in message
        assert "secret123" not in message


@pytest.mark.parametrize("code", [200, 500, 503, 429])
def test_a_server_that_is_there_or_has_trouble_is_none_of_that(code: int) -> None:
    with answering(code) as place:
        check_usable(f"http://{place}")


def test_a_server_that_is_away_is_no_mistake(free_port: Callable[[], int]) -> None:
    check_usable(f"http://127.0.0.1:{free_port()}")
