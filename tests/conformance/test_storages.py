"""Every storage on the conformance suite that we ship, object stores on a real S3 server, too."""

from __future__ import annotations

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from obstore.store import MemoryStore

from blendsweep.testing.storages import StorageConformance
from orchestrator.dataset.storage.locking import OutputLockedError, driver_of, exclusive
from orchestrator.dataset.storage.object_store import ObjectStorage
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage


def in_bucket(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URI of an empty prefix."""
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://bucket/{uuid.uuid4().hex}/a b"


class TestLocalStorage(StorageConformance):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return open_storage(str(tmp_path / "out"))


class TestObjectStorageInMemory(StorageConformance):
    @pytest.fixture
    def storage(self) -> Storage:
        return ObjectStorage("memory://", MemoryStore(), 10.0)


class TestObjectStorageOnS3(StorageConformance):
    @pytest.fixture
    def storage(self, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Storage:
        return open_storage(in_bucket(bucket, monkeypatch))


@pytest.fixture(params=["local", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "local":
        return str(tmp_path)
    return in_bucket(request.getfixturevalue("bucket"), monkeypatch)


def test_of_drivers_that_start_at_once_one_gets_the_data_set(uri: str) -> None:
    together = threading.Barrier(4)

    def start(_: int) -> bool:
        storage = open_storage(uri)
        together.wait()
        try:
            with exclusive(storage):
                together.wait()  # until all have tried
                storage.write_file("sweep.yaml", b"mine")
                return True
        except OutputLockedError as error:
            assert f"process {os.getpid()} on " in str(error)
            together.wait()
            return False

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(start, range(4))) == [False, False, False, True]
    assert driver_of(open_storage(uri)) is None


def test_a_bucket_that_is_missing_is_named(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    in_bucket(bucket, monkeypatch)
    storage = open_storage("s3://nowhere/x")
    with pytest.raises(OutputError, match="s3://nowhere/x can't be used: there is no such bucket;"):
        storage.write_file("a", b"1")
    with pytest.raises(OutputError, match=r"404 Not Found \(NoSuchBucket\)"):
        storage.list(".")
