"""Whether a tracking URI is one that MLflow could record at, as far as its text shows."""

from __future__ import annotations

import os
import re
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from orchestrator.common.uris import local_folder, sqlite_file, sqlite_uri

DATABASES = frozenset({"postgresql", "mysql", "mssql"})
"""Those beside SQLite in which MLflow records."""

_SQLITE_OPTIONS = frozenset(
    {"uri", "timeout", "isolation_level", "detect_types", "check_same_thread", "cached_statements"}
)


def misspelled(uri: str) -> str | None:
    """Return what is wrong with a URI as it stands, and what would be right; None if nothing."""
    scheme, colon, rest = uri.partition(":")
    dialect = scheme.lower().partition("+")[0]
    if uri in ("databricks", "databricks-uc", "uc"):
        return None
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", uri):
        return f"lacks the scheme: http://{uri}"
    if not colon or dialect == "file" or "/" in scheme or "\\" in scheme:
        return _is_folder(uri)
    if dialect in ("http", "https"):
        return _wrong_address(uri)
    if not rest.startswith("//"):
        return f"lacks slashes: {dialect}://... would be right"
    if dialect == "sqlite":
        return _wrong_sqlite(uri)
    if dialect == "postgres":
        return "the scheme is spelled postgresql://"
    if dialect in DATABASES:
        return _wrong_database(uri)
    if dialect in {point.name for point in entry_points(group="mlflow.tracking_store")}:
        return None
    known = ", ".join(f"{name}://" for name in ("http", "https", "sqlite", *sorted(DATABASES)))
    return f"{scheme}:// is unknown to MLflow; known are {known}"


def _is_folder(uri: str) -> str | None:
    if os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1"):
        return None
    folder = local_folder(uri) or Path(uri)
    text = "MLflow does not record in plain folders any more; a database would be right"
    text += f": {sqlite_uri(folder / 'mlflow.db')}"
    if any(folder.glob("*/meta.yaml")):
        text += " (mlflow migrate-filestore takes over what the folder holds)"
    return text


def _wrong_address(uri: str) -> str | None:
    try:
        host, _ = urlsplit(uri).hostname, urlsplit(uri).port
        return None if host else "names no host"
    except ValueError as error:
        return f"is not an address: {error}"


def _wrong_sqlite(uri: str) -> str | None:
    place = uri.partition("://")[2]
    if place and not place.startswith("/"):
        return f"a slash is missing: sqlite:///{place}"
    if re.match(r"/+~", place):
        return (
            f"~ does not mean the home folder in a URI; write it out: sqlite:///{Path.home()}/..."
        )
    if sqlite_file(uri) is None:
        return "is a database in memory, which nobody could look at; sqlite:///FILE would be right"
    database, _, query = uri.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    strange = set(options) - _SQLITE_OPTIONS
    if query and (not options or (strange and "uri" not in options)):
        meant = Path(unquote(database.partition(":///")[2]) + "?" + query)
        return (
            f"what follows the question mark is not an option of SQLite; for the file {meant} "
            f"it would be {sqlite_uri(meant)}"
        )
    return None


def _wrong_database(uri: str) -> str | None:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        make_url(uri).get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        return (
            f"its driver is not installed: {error.name}; install it beside Blendsweep, or name "
            "another one as in postgresql+psycopg2://"
        )
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        return f"SQLAlchemy can't read it: {error}"
    return None
