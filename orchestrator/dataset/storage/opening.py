"""From a URI and the environment to the storage that they name."""

from __future__ import annotations

import os
import urllib.request
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from orchestrator.common.redaction import masked, remember
from orchestrator.common.uris import local_folder
from orchestrator.dataset.storage.local import LocalStorage
from orchestrator.dataset.storage.storage import Storage
from scene.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import ObjectStore

    from orchestrator.dataset.storage.object_store import ObjectStorage

OUTAGE_S = 120.0
"""An object store that has answered before may be away this long."""

REQUEST_S = 30.0
"""One request to an object store may take this long, and half the patience at most."""

S3_OPTIONS = ("anonymous", "endpoint_override", "region", "scheme")
"""What a URI of S3 may say after its ``?``."""

AWS = "https://s3.amazonaws.com"
_ENDPOINTS = ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_PROFILES = {
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "AWS_CONFIG_FILE": "~/.aws/config",
}


def open_storage(uri: str) -> Storage:
    """Return a data set's place; nothing is read or made there yet.

    Parameters
    ----------
    uri
        A folder, absolute or relative to the current one, a ``file://`` URI, or that of an object
        store: ``s3://BUCKET/PREFIX``, ``gs://BUCKET/PREFIX``, ``az://CONTAINER/PREFIX`` or
        ``abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX``. That of S3 may have
        ``KEY:SECRET@`` before the bucket, and `S3_OPTIONS`.

    Raises
    ------
    ConfigurationError
        If the URI, with what the environment adds to it, names no place.
    """
    remember(uri)
    folder = local_folder(uri)
    return open_object_storage(uri) if folder is None else LocalStorage(folder)


def open_object_storage(uri: str, patience_s: float = OUTAGE_S) -> ObjectStorage:
    """Return a data set's place in an object store, which may be away for `patience_s`."""
    # Loading obstore takes time that local outputs need not spend.
    from obstore.exceptions import BaseError

    from orchestrator.dataset.storage.object_store import ObjectStorage

    try:
        store = connect(uri, min(REQUEST_S, patience_s / 2))
    except (BaseError, ValueError) as error:
        problem = str(error).partition("\n")[0]
        raise ConfigurationError([Problem(masked(uri), "", problem)]) from None
    return ObjectStorage(uri, store, patience_s)


def connect(uri: str, timeout_s: float) -> ObjectStore:
    """Return obstore's view of what a URI names.

    Raises
    ------
    ValueError, obstore.exceptions.BaseError
        If the URI, with what the environment adds to it, names no store.
    """
    from obstore.store import from_url

    scheme, host, path, query, _ = urlsplit(uri)
    options = dict(parse_qsl(query, keep_blank_values=True))
    settings: dict[str, Any] = {}
    if scheme.lower() == "s3":
        access, _, host = host.rpartition("@")
        settings = _s3_settings(host, access, options)
    elif options:
        raise ValueError("a URI of this kind has no options; they come from the environment")
    return from_url(
        urlunsplit((scheme.lower().replace("gcs", "gs"), host, path.strip("/"), "", "")),
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=3),
            "timeout": timedelta(seconds=timeout_s),
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=2)},
        **settings,
    )


def _s3_settings(bucket: str, access: str, options: dict[str, str]) -> dict[str, Any]:
    """Return what goes before the environment."""
    if unknown := sorted(options.keys() - set(S3_OPTIONS)):
        raise ValueError(f"unknown option {unknown[0]}; known are {', '.join(S3_OPTIONS)}")
    config: dict[str, Any] = {}
    if endpoint := options.get("endpoint_override"):
        scheme = options.get("scheme", "https")
        config["endpoint"] = endpoint if "://" in endpoint else f"{scheme}://{endpoint}"
    is_elsewhere = endpoint or any(os.environ.get(name) for name in _ENDPOINTS)
    if region := options.get("region") or (None if is_elsewhere else bucket_region(bucket)):
        config["region"] = region
    user, _, password = access.partition(":")
    if options.get("anonymous", "").lower() in ("1", "true"):
        config["skip_signature"] = True
    elif password:
        config |= {"access_key_id": unquote(user), "secret_access_key": unquote(password)}
    elif profile := _profile():
        return {"config": config, "credential_provider": profile}
    return {"config": config}


@cache
def bucket_region(bucket: str) -> str | None:
    """Return the region in which a bucket of AWS lies; None if AWS does not say."""
    request = urllib.request.Request(f"{AWS}/{quote(bucket)}", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=3) as answer:
            headers = answer.headers
    except HTTPError as error:  # a refusal, and a reference to another place, name it as well
        headers = error.headers
    except OSError:
        return None
    region: str | None = headers.get("x-amz-bucket-region")
    return region


def _profile() -> Boto3CredentialProvider | None:
    """Return the credentials of the AWS profile in use, which obstore knows nothing of.

    None where the environment has a key, which goes first, or no profile has one.
    """
    files = (Path(os.environ.get(name, usual)) for name, usual in _PROFILES.items())
    if "AWS_ACCESS_KEY_ID" in os.environ or not any(file.expanduser().exists() for file in files):
        return None
    from botocore.exceptions import BotoCoreError
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Boto3CredentialProvider()
    except BotoCoreError as error:
        raise ConfigurationError([Problem("AWS", "", str(error))]) from error
    except ValueError:
        return None
