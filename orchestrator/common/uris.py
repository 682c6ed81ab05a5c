"""Folders and URIs: which of them a text names, how a path is written in a URI and read back."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from orchestrator.common.redaction import masked
from scene.errors import ConfigurationError, Problem
from scene.language.paths import shown_path, written_path

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>/*)")
_STORES = frozenset({"s3", "gs", "gcs", "az", "abfs", "abfss"})
"""Schemes of object stores."""

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?P<database>[^?]*)(?:\?(?P<query>.*))?", re.DOTALL)


def local_folder(uri: str) -> Path | None:
    """Return the absolute local folder that `uri` names; None if it names an object store.

    Parameters
    ----------
    uri
        A folder, absolute or relative to the current one, perhaps with ``~``; a ``file:`` URI; or
        the URI of an object store.

    Raises
    ------
    ConfigurationError
        If it does not name a place: an unknown scheme or home folder, a slash too few.
    """
    found = _SCHEME.match(uri)
    scheme = found["scheme"].lower() if found else ""
    if found and scheme == "file":
        return _checked(_of_file_uri(uri), uri)
    if "://" in uri and found and len(found["slashes"]) >= 2:
        if scheme not in _STORES:
            known = ", ".join(f"{name}://" for name in ("file", *sorted(_STORES)))
            raise _error(uri, f"{scheme}:// is not a place for a data set; known are {known}")
        if "#" in uri:
            raise _error(uri, "in the URI of a store, # is written as %23")
        if not urlsplit(uri).netloc.rpartition("@")[2]:
            raise _error(uri, f"names no bucket; {scheme}://BUCKET/PREFIX would be right")
        return None
    if found and scheme in _STORES and found["slashes"]:
        raise _error(uri, f"lacks a slash; {scheme}://BUCKET/PREFIX would be right")
    return _checked(uri, uri)


def sqlite_uri(path: Path) -> str:
    """Return the URI of a SQLite database, as SQLAlchemy and MLflow take it.

    MLflow makes the folder that it reads in the URI as it stands, so that it must not find a
    quoted path there: one that has to be quoted is written as SQLite's own kind of URI.

    >>> sqlite_uri(Path("/a b/mlflow.db"))
    'sqlite:////a b/mlflow.db'
    >>> sqlite_uri(Path("/a?/mlflow.db"))
    'sqlite:///file:%2Fa%253F%2Fmlflow.db?uri=true'
    """
    text = str(path.absolute())
    if re.search(r"[?%\x00-\x1f\x7f]", text):
        return f"sqlite:///file:{quote(quote(text), safe='')}?uri=true"
    return f"sqlite:///{text}"


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a SQLite database; None for a database in memory, or of another kind."""
    found = _SQLITE.fullmatch(uri)
    if found is None:
        return None
    database, options = unquote(found["database"]), dict(parse_qsl(found["query"] or ""))
    if options.get("uri", "").lower() in ("true", "1", "yes", "on"):
        plain = re.split(r"[?#]", database.removeprefix("file:"), maxsplit=1)[0]
        database = unquote(re.sub(r"^//(localhost)?(?=/)", "", plain))
    if database in ("", ":memory:") or options.get("mode") == "memory":
        return None
    return Path(database).absolute()


def _of_file_uri(uri: str) -> Path:
    parts = urlsplit(uri)
    # In a path that is written out, "?" and "#" are not part of it, but somebody meant them.
    if parts.query or parts.fragment or uri.endswith(("?", "#")):
        raise _error(uri, "in a file: URI, ? is written as %3F and # as %23")
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise _error(uri, "is not absolute; file:///FOLDER would be right")
    return Path(unquote(parts.path))


def _checked(path: str | Path, uri: str) -> Path:
    try:
        return written_path(path).absolute()
    except ValueError as error:
        raise _error(uri, str(error)) from None


def _error(uri: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(shown_path(masked(uri)), "", message)])
