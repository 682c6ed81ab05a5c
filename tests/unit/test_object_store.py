"""A data set in an object store: what has a record is whole, whatever the store and others do."""

from __future__ import annotations

import io
import logging
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore import exceptions
from obstore.store import AzureStore, GCSStore, MemoryStore, S3Store

from orchestrator.dataset.storage import object_store, opening
from orchestrator.dataset.storage.object_store import ObjectStorage
from orchestrator.dataset.storage.opening import (
    bucket_region,
    connect,
    open_object_storage,
    open_storage,
)
from orchestrator.dataset.storage.storage import OutputError, TakenError, denied
from scene.errors import ConfigurationError

FILES = {"a.png": b"a", "record.json": b"{}", "sub/record.json": b"of a plugin", "z.tiff": b"z"}
KEY, SECRET = "SOMEBODY", "vErYsEcReTkEy0123456789"


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(memory: MemoryStore) -> ObjectStorage:
    return ObjectStorage("s3://bucket/out", memory, 10.0)


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    folder = tmp_path / "attempt"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


class Answers:
    """One of obstore's functions, which first answers with the errors that it is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.real = getattr(obstore, name)
        self.errors: list[BaseException | None] = []
        self.options: list[Any] = []
        monkeypatch.setattr(obstore, name, self)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.options.append(options.get("options"))
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        return self.real(*arguments, **options)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Answers]:
    return lambda name: Answers(monkeypatch, name)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited for, by which all clocks are ahead."""
    waited: list[float] = []
    real = time.monotonic
    monkeypatch.setattr(object_store.time, "monotonic", lambda: real() + sum(waited))
    monkeypatch.setattr(object_store.time, "sleep", waited.append)
    return waited


@pytest.mark.parametrize("uploaded", range(len(FILES)))
def test_an_upload_that_is_cut_short_anywhere_is_no_run_and_the_next_one_completes_it(
    uploaded: int, store: ObjectStorage, attempt: Path, answers: Callable[[str], Answers]
) -> None:
    answers("put").errors = [*[None] * uploaded, KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        store.publish(attempt, "runs/a")
    assert not store.exists("runs/a/record.json")
    assert store.publish(attempt, "runs/a")
    assert {name: store.read(f"runs/a/{name}") for name in FILES} == FILES


def test_of_two_publishers_that_do_not_see_each_other_one_wins(
    store: ObjectStorage, attempt: Path, answers: Callable[[str], Answers]
) -> None:
    store.write_file("runs/a/record.json", b"of another")
    answers("head").errors = [FileNotFoundError()]  # as it was when this one looked
    assert not store.publish(attempt, "runs/a")
    assert store.read("runs/a/record.json") == b"of another"
    assert attempt.exists()


def test_a_record_that_arrived_though_its_answer_was_lost_is_published(
    store: ObjectStorage, attempt: Path, answers: Callable[[str], Answers]
) -> None:
    put = answers("put")
    real = put.real

    def lose_answer(store: Any, path: str, data: Any, **options: Any) -> Any:
        done = real(store, path, data, **options)
        if path == "runs/a/record.json":
            put.real = real
            raise exceptions.GenericError("connection closed before message completed")
        return done

    put.real = lose_answer
    assert store.publish(attempt, "runs/a")
    assert not attempt.exists()


def test_what_is_deleted_loses_its_record_first(
    store: ObjectStorage, attempt: Path, answers: Callable[[str], Answers]
) -> None:
    store.publish(attempt, "runs/a")
    delete = answers("delete")
    delete.errors = [None, KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        store.move("runs/a", "damaged/a-1")
    assert not store.exists("runs/a/record.json")
    assert {name: store.read(f"damaged/a-1/{name}") for name in FILES} == FILES


def test_conditions(store: ObjectStorage) -> None:
    assert store.read_version(".lock") is None
    first = store.write_version(".lock", b"one", None)
    assert store.read_version(".lock") == (b"one", first)
    second = store.write_version(".lock", b"two", first)
    assert store.read_version(".lock") == (b"two", second)
    for known in (None, first):
        with pytest.raises(TakenError):
            store.write_version(".lock", b"three", known)
    assert store.read(".lock") == b"two"


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NotSupportedError("no conditions"),
        exceptions.GenericError("x - Server returned non-2xx status code: 501 Not Implemented: <"),
    ],
)
def test_a_store_that_knows_no_conditions_takes_what_comes_last(
    error: Exception,
    store: ObjectStorage,
    answers: Callable[[str], Answers],
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers("put").errors = [error]
    with caplog.at_level(logging.WARNING):
        store.write_version(".lock", b"one", None)
        store.write_version(".lock", b"two", None)
    assert store.read(".lock") == b"two"
    assert caplog.text.count("s3://bucket/out takes no conditional writes") == 1


def test_a_store_that_is_away_is_waited_for(
    store: ObjectStorage, answers: Callable[[str], Answers], no_pauses: list[float]
) -> None:
    answers("get").errors = [exceptions.GenericError("reset by peer")] * 3
    store.write_file("a", b"1")
    assert store.read("a") == b"1"
    assert len(no_pauses) == 3


@pytest.mark.parametrize(("answered", "patience_s"), [(False, 10.0), (True, 120.0)])
def test_patience_ends(
    answered: bool,
    patience_s: float,
    memory: MemoryStore,
    answers: Callable[[str], Answers],
    no_pauses: list[float],
) -> None:
    store = ObjectStorage("s3://key:secret@bucket/out", memory, 120.0)
    if answered:
        store.list(".")
    text = "Error performing GET http://key@h/x in 1s - HTTP error: error sending request"
    answers("get").errors = [exceptions.GenericError(f'{text}\n\nmessage: "refused"\n')] * 1000
    with pytest.raises(OutputError) as told:
        store.read("a")
    assert patience_s - 5.0 <= sum(no_pauses) <= patience_s
    assert told.value.reason == "it does not answer (refused)"
    assert told.value.output == "s3://bucket/out"


def test_a_server_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        store = open_object_storage(
            f"s3://{KEY}:{SECRET}@bucket/x?scheme=http&endpoint_override={place}", 1.0
        )
        start = time.monotonic()
        with pytest.raises(OutputError) as told:
            store.read("a")
    assert time.monotonic() - start < 30
    assert told.value.reason == "it does not answer (Timeout)"
    assert SECRET not in str(told.value)


def test_missing_credentials_are_named(
    store: ObjectStorage, answers: Callable[[str], Answers], no_pauses: list[float]
) -> None:
    text = "Error performing PUT http://169.254.169.254/latest/api/token in 9s - HTTP error: error"
    answers("get").errors = [exceptions.GenericError(f"{text} sending request")] * 1000
    with pytest.raises(OutputError, match="no credentials are given, and the machine's role"):
        store.read("a")
    assert sum(no_pauses) <= 10


def test_an_answer_that_lasts_is_not_waited_for(
    store: ObjectStorage, answers: Callable[[str], Answers], no_pauses: list[float]
) -> None:
    text = "Generic S3 error: x - Server returned non-2xx status code: 404 Not Found: <?xml?>"
    answers("list_with_delimiter").errors = [
        exceptions.GenericError(f"{text}\n<Error><Code>NoSuchBucket</Code>")
    ]
    with pytest.raises(OutputError, match=r"404 Not Found \(NoSuchBucket\)"):
        store.list(".")
    assert no_pauses == []


@pytest.mark.parametrize(
    "error",
    [
        exceptions.PermissionDeniedError("x - not allowed"),
        exceptions.GenericError("x - Server returned non-2xx status code: 403 Forbidden: <"),
    ],
)
def test_a_store_that_may_only_be_read_is_known_as_a_folder_is(
    error: Exception, store: ObjectStorage, answers: Callable[[str], Answers]
) -> None:
    answers("put").errors = [error]
    with pytest.raises(OutputError) as told:
        store.write_file("a", b"1")
    assert denied(told.value) in ("not allowed", "403 Forbidden")


def test_a_table_is_read_by_its_columns(
    store: ObjectStorage, answers: Callable[[str], Answers]
) -> None:
    """Of a large part, only its footer and the columns that are asked for are transferred."""
    wide = pa.table(
        {
            "run_id": [f"{number:016x}" for number in range(200)],
            "noise": [bytes([number]) * 2**15 + number.to_bytes(2) for number in range(200)],
        }
    )
    with store.replacing("part.parquet") as stream:
        pq.write_table(wide, stream, compression="none", use_dictionary=False)
    get = answers("get")
    size = store.open("part.parquet").seek(0, io.SEEK_END)
    with store.open("part.parquet") as stream, pq.ParquetFile(stream, pre_buffer=False) as part:
        assert part.read(["run_id"], use_threads=False) == wide.select(["run_id"])
    ranges = [options["range"] for options in get.options if options]
    assert 0 < sum(end - start for start, end in ranges) < size / 5


def test_a_store_that_goes_away_while_a_table_is_read_is_not_taken_for_a_damaged_file(
    store: ObjectStorage, answers: Callable[[str], Answers], no_pauses: list[float]
) -> None:
    with store.replacing("part.parquet") as stream:
        pq.write_table(pa.table({"noise": [os.urandom(2**22)]}), stream)
    get = answers("get")
    with store.open("part.parquet") as stream, pq.ParquetFile(stream, pre_buffer=False) as part:
        get.errors = [exceptions.GenericError("reset by peer")] * 1000
        with pytest.raises(OutputError, match="reset by peer"):
            part.read(use_threads=False)
    assert no_pauses


def test_what_is_replaced_while_it_is_read_is_gone(store: ObjectStorage) -> None:
    store.write_file("big", bytes(3 * 2**20))
    with store.open("big") as stream:
        assert stream.read(10) == bytes(10)
        store.write_file("big", b"\1" * 3 * 2**20)
        stream.seek(2**21)
        with pytest.raises(FileNotFoundError, match="was replaced while it was read"):
            stream.read(10)


class _Recorder(BaseHTTPRequestHandler):
    """Answers HEAD with 404, naming a region, and keeps who asked for what."""

    def do_HEAD(self) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"] or ""))  # type: ignore[attr-defined]
        self.send_response(404)
        self.send_header("x-amz-bucket-region", "eu-north-1")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[tuple[str, str]]]:
    """Path and signature of what a server, which stands for AWS, was asked for."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Recorder)
    server.asked = asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(opening, "AWS", f"http://127.0.0.1:{server.server_port}")
    bucket_region.cache_clear()
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def signed(asked: list[tuple[str, str]], uri: str = "s3://bucket/a%20b?region=here") -> str:
    """Return the path and key by which a file of a data set is asked for."""
    host = opening.AWS.removeprefix("http://")
    separator = "&" if "?" in uri else "?"
    store = connect(f"{uri}{separator}scheme=http&endpoint_override={host}", 5.0)
    with pytest.raises(FileNotFoundError):
        obstore.head(store, "x")
    path, authorization = asked[-1]
    found = re.search(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/s3", authorization)
    return f"{path} {found['key']} {found['region']}" if found else path


def test_credentials_come_from_the_uri_then_the_environment_then_the_profile(
    asked: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".aws").mkdir()
    process = tmp_path / "process"
    process.write_text(
        '#!/bin/sh\necho \'{"Version": 1, "AccessKeyId": "PROCESS", "SecretAccessKey": "x"}\'\n'
    )
    process.chmod(0o700)
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = DEFAULT\naws_secret_access_key = x\n"
        "[other]\naws_access_key_id = OTHER\naws_secret_access_key = x\n"
    )
    (tmp_path / ".aws" / "config").write_text(f"[profile tool]\ncredential_process = {process}\n")
    assert signed(asked) == "/bucket/a%20b/x DEFAULT here"
    for profile, key in (("other", "OTHER"), ("tool", "PROCESS")):
        monkeypatch.setenv("AWS_PROFILE", profile)
        assert signed(asked) == f"/bucket/a%20b/x {key} here"
    monkeypatch.setenv("AWS_PROFILE", "unknown")
    with pytest.raises(ConfigurationError, match=r"profile \(unknown\) could not be found"):
        open_storage("s3://bucket/a?region=here")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert signed(asked) == f"/bucket/a%20b/x {KEY} here"
    assert signed(asked, "s3://URI:x%2Fy@bucket/a?region=here") == "/bucket/a/x URI here"
    assert signed(asked, "s3://bucket/a?anonymous=true") == "/bucket/a/x"


def test_aws_is_asked_where_a_bucket_lies(
    asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # that of the machine
    for bucket in ("mine", "mine", "other"):
        store = connect(f"s3://{bucket}/x", 5.0)
        assert isinstance(store, S3Store)
        assert store.config["region"] == "eu-north-1"
    assert asked == [("/mine", ""), ("/other", "")]
    for uri, region in (("s3://third/x?region=here", "here"), ("s3://third/x", None)):
        store = connect(uri, 5.0)
        assert isinstance(store, S3Store)
        assert store.config.get("region") == region  # None: the environment's
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")  # not AWS at all
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("s3://key:secret@bucket/x?secret_key=y", "unknown option secret_key; known are anonymous"),
        ("gs://bucket/x?region=y", "has no options"),
        ("s3://bucket/a//b", "empty path segment"),
        ("abfs://container/x", "Account must be specified"),
    ],
)
def test_a_uri_that_names_no_store_is_an_error_in_one_sentence(
    uri: str, what: str, asked: list[tuple[str, str]]
) -> None:
    del asked
    with pytest.raises(ConfigurationError, match=what) as told:
        open_storage(uri)
    assert "\n" not in str(told.value)
    assert "secret@" not in str(told.value)


@pytest.mark.parametrize(
    "uri",
    [
        "gs://bucket/x",
        "gcs://bucket/x",
        "abfs://container@account.dfs.core.windows.net/x",
        "abfss://container@account.dfs.core.windows.net/x",
        "az://container/x",
    ],
)
def test_other_stores_are_found_by_their_uris(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    store = connect(uri, 5.0)
    assert isinstance(store, GCSStore | AzureStore)
    assert store.prefix == "x"
