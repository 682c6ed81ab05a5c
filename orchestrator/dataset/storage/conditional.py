"""One file in an object store that is written only where nobody else has written it meanwhile."""

from __future__ import annotations

import errno
import logging
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any, final, override
from urllib.parse import parse_qsl, unquote, urlsplit

from orchestrator.dataset.storage.storage import OutputError, Storage, reason

PATIENCE_S = 10.0
"""A store that does not answer is tried for so long; far shorter than what is held lasts."""

type Version = dict[str, Any] | None
"""What a store calls the state of a file; None for a store without conditions."""

_log = logging.getLogger(__name__)


class TakenError(Exception):
    """Somebody else has written the file since."""


class ConditionalFile(ABC):
    """A small file whose writes may depend on its state."""

    @abstractmethod
    def read(self) -> tuple[bytes, Version] | None:
        """Return content and version; None if there is no such file."""

    @abstractmethod
    def write(self, data: bytes, known: Version) -> Version:
        """Make the file, or replace the version that is known, and return the new version.

        Raises
        ------
        TakenError
            If there is a file, or another version of it.
        OutputError
            If the store does not answer or refuses.
        """

    @abstractmethod
    def delete(self) -> None:
        """Delete the file."""


def conditional_file(uri: str, relative: str) -> ConditionalFile:
    """Return a file of a data set; one without conditions where its store knows none."""
    if uri.lower().startswith("s3://"):
        return _S3File(uri, relative)
    return PlainFile(Storage(uri, PATIENCE_S), relative)


@final
class PlainFile(ConditionalFile):
    """A file in a store that takes whatever comes last."""

    def __init__(self, storage: Storage, relative: str) -> None:
        self._storage = storage
        self._relative = relative

    @override
    def read(self) -> tuple[bytes, Version] | None:
        try:
            return self._storage.read(self._relative), None
        except FileNotFoundError:
            return None

    @override
    def write(self, data: bytes, known: Version) -> Version:
        self._storage.write_file(self._relative, data)
        return None

    @override
    def delete(self) -> None:
        self._storage.delete(self._relative)


@final
class _S3File(ConditionalFile):
    """A file in S3 or a store like it, by way of obstore."""

    def __init__(self, uri: str, relative: str) -> None:
        self._storage = Storage(uri, PATIENCE_S)
        self._relative = relative
        self._store = _s3_store(uri)
        self._plain: PlainFile | None = None
        self._answered = False

    @override
    def read(self) -> tuple[bytes, Version] | None:
        import obstore

        if self._plain is not None:
            return self._plain.read()
        try:
            found = obstore.get(self._store, self._relative)
            content = bytes(found.bytes()), {"e_tag": found.meta["e_tag"]}
        except FileNotFoundError:
            self._answered = True
            return None
        except obstore.exceptions.BaseError as error:
            if self._answered:  # with these credentials, so it is only away for a while
                raise self._unusable(error) from error
            return self._without_conditions(error).read()
        self._answered = True
        return content

    @override
    def write(self, data: bytes, known: Version) -> Version:
        import obstore
        from obstore import exceptions

        if self._plain is not None:
            return self._plain.write(data, known)
        try:
            mode: Any = "create" if known is None else known
            return {"e_tag": obstore.put(self._store, self._relative, data, mode=mode)["e_tag"]}
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
            raise TakenError from error
        except FileNotFoundError as error:
            raise TakenError from error  # it is gone, or the bucket is
        except exceptions.NotSupportedError as error:
            return self._without_conditions(error).write(data, known)
        except exceptions.BaseError as error:
            raise self._unusable(error) from _denial(error)

    @override
    def delete(self) -> None:
        self._storage.delete(self._relative)

    def _unusable(self, error: Exception) -> OutputError:
        return OutputError(self._storage.public_uri, _first_line(error))

    def _without_conditions(self, error: Exception) -> PlainFile:
        """Go on as with a store that knows no conditions, where it is there at all."""
        plain = PlainFile(self._storage, self._relative)
        plain.read()  # tells in its own words what is wrong if it does not answer
        if self._plain is None:
            self._plain = plain
            _log.warning(
                "%s takes no conditional writes, so that two sweeps which start on it within the "
                "same second are not kept apart: %s",
                *(self._storage.public_uri, _first_line(error)),
            )
        return plain


def _denial(error: Exception) -> Exception:
    """Return what a store said as the system says it, where it is that writing is not allowed."""
    from obstore import exceptions

    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError):
        return PermissionError(errno.EACCES, _first_line(error))
    return error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _s3_store(uri: str) -> Any:
    from obstore.store import S3Store
    from pyarrow.fs import FileSystem

    try:
        filesystem, root = FileSystem.from_uri(uri)  # which finds out where the bucket is
    except OSError as error:
        raise OutputError(uri, reason(error)) from error
    bucket, _, prefix = root.partition("/")
    parts = urlsplit(uri)
    options = dict(parse_qsl(parts.query))
    known: Any = {"region": filesystem.region}
    if parts.password is not None:
        known |= {
            "access_key_id": unquote(parts.username or ""),
            "secret_access_key": unquote(parts.password),
        }
    if options.get("anonymous", "").lower() in ("1", "true"):
        known["skip_signature"] = True
    if place := options.get("endpoint_override"):
        known["endpoint"] = (
            place if "://" in place else f"{options.get('scheme', 'https')}://{place}"
        )
    return S3Store(
        bucket,
        prefix=prefix.rstrip("/") or None,
        config=known,
        client_options={"allow_http": True, "connect_timeout": "3s", "timeout": "5s"},
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=PATIENCE_S)},
    )
