"""Credentials, kept out of everything that is printed, logged or recorded.

What is secret is known in two ways. In a URI, by its place: before the ``@`` of its host, and in
every option that is not known to be harmless. In other text, by its value: those of the
environment's variables whose names say so, and those of the URIs that were `remember`-ed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import IO, Any
from urllib.parse import quote, quote_plus, unquote

STARS = "***"
"""Stands for what is not shown."""

HARMLESS = frozenset({
    "allow_bucket_creation", "allow_bucket_deletion", "anonymous", "autocommit", "cache", "charset",
    "connect_timeout", "driver", "encrypt", "endpoint_override", "mode", "region",
    "request_timeout", "scheme", "sslmode", "timeout", "trustservercertificate", "uri",
})  # fmt: skip
"""Options of URIs whose values are not secret."""

LEAST_PASSWORD, LEAST_OTHER = 4, 8
"""Shorter values are hidden in URIs alone; elsewhere they are parts of ordinary words."""

_TOKEN = re.compile(r"[A-Za-z][\w+.-]*://(?:(?![A-Za-z][\w+.-]*://)\S)*")
_USER = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*://)(?P<user>[^/?#\s]*@|[^/@\s]*:(?!\d+/)\S*@)")
_OPTION = re.compile(r"(?P<name>[?&;#][^=&;?#\s]+=)(?P<value>[^&;#\s]+)")
_TELLING = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|ACCESS_KEY|API_KEY|PRIVATE_KEY")
_PLACES = ("_FILE", "_PATH", "_DIR", "_URI", "_URL")

_remembered: set[str] = set()


def without_credentials(uri: str) -> str:
    """Return `uri` without user, password, options and fragment; names of files stay as they are.

    >>> without_credentials("s3://key:secret@bucket/prefix?region=eu")
    's3://bucket/prefix'
    """
    if "://" not in uri or uri.startswith("sqlite"):
        return masked(uri)  # the options of a database in a file are part of its name
    bare = _USER.sub(r"\g<scheme>", uri, count=1)
    return re.split(r"[?#]", bare, maxsplit=1)[0]


def masked(text: str) -> str:
    """Return `text` with stars for what is secret in the URIs that it holds.

    >>> masked("--output=s3://key:se/cret@bucket/p?region=eu&secret_key=x")
    '--output=s3://***@bucket/p?region=eu&secret_key=***'
    """
    return _TOKEN.sub(lambda found: _masked_uri(found[0]), text)


def hidden(text: str) -> str:
    """Return `text` with stars for all secrets, wherever they stand in it."""
    text = masked(text)
    # The longest first: one may be part of another.
    for secret in sorted(_spellings(_remembered | _of_environment()), key=len, reverse=True):
        text = text.replace(secret, STARS)
    return text


def remember(text: str) -> None:
    """Hide from now on what is secret in the URIs of `text`, also where it stands alone."""
    for token in _TOKEN.findall(text):
        if found := _USER.match(token):
            user, _, password = found["user"].removesuffix("@").partition(":")
            _remember(user, LEAST_OTHER)
            _remember(password, LEAST_PASSWORD)
        for option in _OPTION.finditer(token):
            if not _is_harmless(option["name"]):
                _remember(option["value"], LEAST_PASSWORD)


def guarded(stream: IO[str]) -> IO[str]:
    """Return a stream that hides secrets in what is written to it, and else is `stream`."""
    return stream if isinstance(stream, _Guarded) else _Guarded(stream)  # type: ignore[return-value]


class _Guarded:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(hidden(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _masked_uri(uri: str) -> str:
    uri = _USER.sub(rf"\g<scheme>{STARS}@", uri, count=1)
    return _OPTION.sub(
        lambda found: found[0] if _is_harmless(found["name"]) else found["name"] + STARS, uri
    )


def _is_harmless(option: str) -> bool:
    return option[1:-1].lower() in HARMLESS


def _remember(secret: str, least: int) -> None:
    if len(secret) >= least:
        _remembered.add(secret)


def _spellings(secrets: Iterable[str]) -> set[str]:
    """Return secrets as they are and as URIs hold them."""
    found = set()
    for secret in secrets:
        plain = unquote(secret)
        found |= {secret, plain, quote(plain), quote(plain, safe=""), quote_plus(plain)}
    return found


def _of_environment() -> set[str]:
    return {
        value
        for name, value in os.environ.items()
        if len(value) >= LEAST_OTHER
        and _TELLING.search(name.upper())
        and not name.upper().endswith(_PLACES)
    }
