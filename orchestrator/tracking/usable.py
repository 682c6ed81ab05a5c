"""Whether MLflow can record at a tracking URI, as far as that can be seen without MLflow.

MLflow takes seconds to load and is spoken to while the sweep runs. What would never work is found
here, before anything starts; a server that is merely away is not.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sqlite3
import tempfile
import urllib.error
import urllib.request
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.common import commands
from orchestrator.common.redaction import masked
from orchestrator.common.uris import sqlite_file, sqlite_uri
from orchestrator.plan.tracking_uri import misspelled
from scene.errors import ConfigurationError, Problem

ANSWER_S = 3.0
"""A server that takes longer to answer is taken for one that is away."""

_OWN_LOGIN = tuple(
    f"MLFLOW_TRACKING_{name}"
    for name in ("AUTH", "AWS_SIGV4", "CLIENT_CERT_PATH", "INSECURE_TLS", "SERVER_CERT_PATH")
)
"""Variables with which only MLflow knows how to ask a server."""


def check_usable(uri: str) -> None:
    """See whether MLflow could record at a URI now.

    Raises
    ------
    ConfigurationError
        If it could neither now nor later, unless something is changed by hand.
    """
    message = misspelled(uri)
    if message is None and (file := sqlite_file(uri)) is not None:
        message = _unusable_file(file, uri)
    elif message is None and urlsplit(uri).scheme in ("http", "https"):
        message = _refusal(uri)
    if message is not None:
        place = f"MLflow's tracking URI {masked(uri)}"
        raise ConfigurationError([Problem(place, "", message)])


def _unusable_file(file: Path, uri: str) -> str | None:
    """Return why a SQLite database can't be used; None if it can, or can be made."""
    if file.is_dir():
        return f"is a folder; a file in it would be right: {sqlite_uri(file / 'mlflow.db')}"
    if not os.path.lexists(file):
        folder = next(parent for parent in file.parents if os.path.lexists(parent))
        return _unwritable(folder) if folder.is_dir() else f"{folder} is not a folder"
    if not file.exists():
        return f"{file} is a link that leads nowhere"
    if message := _unwritable(file.parent) or _unwritable(file):
        return message
    with file.open("rb") as stream:
        start = stream.read(16)
    if start and not start.startswith(b"SQLite format 3"):
        return f"{file} is not a SQLite database"
    return _wrong_schema(file, uri) if start else None


def _unwritable(path: Path) -> str | None:
    """Return why a file, or files in a folder, can't be written; None if they can."""
    try:
        # Asking for permission is not enough: root has it everywhere, even in /proc.
        with tempfile.TemporaryFile(dir=path) if path.is_dir() else path.open("r+b"):
            return None
    except OSError as error:
        return f"{path} can't be written: {error.strerror}"


def _wrong_schema(file: Path, uri: str) -> str | None:
    query = "select version_num from alembic_version"
    try:
        with closing(sqlite3.connect(file, timeout=1.0)) as connection:
            (found,) = connection.execute(query).fetchone() or (None,)
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            return None  # in use, which passes
        return f"{file} is a database, but not one of MLflow's; name a file that is not there yet"
    except sqlite3.DatabaseError as error:
        return f"{file} is damaged: {error}"
    known, newest = _schemas()
    if found == newest or not newest:
        return None
    if found in known:
        upgrade = commands.tool("mlflow", "db", "upgrade", uri)
        return f"was made by an older MLflow; after a copy of {file}, this brings it up: {upgrade}"
    return (
        "was made by a newer MLflow than is installed; install that, or give another one with "
        "--tracking-uri"
    )


def _schemas() -> tuple[set[str], str]:
    """Return the schemas that the installed MLflow knows, and the one that it takes."""
    spec = find_spec("mlflow")
    if spec is None or spec.origin is None:
        return set(), ""
    made: dict[str, str] = {}
    for path in Path(spec.origin).parent.glob("store/db_migrations/versions/*.py"):
        text = path.read_text(encoding="utf-8")
        names = dict(re.findall(r"^(revision|down_revision) = [\"'](\w+)[\"']", text, re.MULTILINE))
        if "revision" in names:
            made[names["revision"]] = names.get("down_revision", "")
    newest = made.keys() - set(made.values())
    return set(made), newest.pop() if len(newest) == 1 else ""


def _refusal(uri: str) -> str | None:
    """Return why a server refuses, or what else it is; None if it takes us, or is away."""
    if any(os.environ.get(name) for name in _OWN_LOGIN):
        return None
    parts = urlsplit(uri)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    url = f"{bare.rstrip('/')}/api/2.0/mlflow/experiments/search?max_results=1"
    request = urllib.request.Request(url, headers=_login(uri))
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            json.loads(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403) and not Path("~/.mlflow/credentials").expanduser().exists():
            return (
                f"the server refuses the login ({error.code} {error.reason}); the variables "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, "
                "hold it"
            )
        if error.code in (404, 405):
            return f"there is no MLflow ({error.code} {error.reason}); is a path or port wrong?"
    except ValueError:
        return "something answers there, but not MLflow: a page, where it has data"
    except Exception:  # noqa: BLE001 (away, or http.client's own, of a server that breaks off)
        return None
    return None


def _login(uri: str) -> dict[str, str]:
    parts = urlsplit(uri)
    user = unquote(parts.username or "") or os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    password = unquote(parts.password or "") or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    if user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}
