"""Every storage on the conformance suite that we ship, object stores on a real S3 server, too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
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

FAULTY = """
import shutil
import time
from contextlib import contextmanager

import pytest

from blendsweep.testing.storages import StorageConformance
from orchestrator.dataset.storage.local import LocalStorage


class Overwriting(LocalStorage):
    def publish(self, folder, relative):
        shutil.rmtree(self.folder / relative, ignore_errors=True)
        return super().publish(folder, relative)


class RecordFirst(LocalStorage):
    def publish(self, folder, relative):
        if self.exists(relative):
            return False
        (self.folder / relative).mkdir(parents=True)
        for path in sorted(folder.iterdir(), key=lambda path: path.name != "record.json"):
            path.rename(self.folder / relative / path.name)
            time.sleep(0.01)
        return True


class InPlace(LocalStorage):
    @contextmanager
    def replacing(self, relative):
        with self._change():
            self._at(relative).parent.mkdir(parents=True, exist_ok=True)
            with self._at(relative).open("w+b") as stream:
                yield stream


class Unguarded(LocalStorage):
    def _check_guard(self):
        pass


class Suite(StorageConformance):
    @pytest.fixture
    def storage(self, tmp_path):
        return self.of(tmp_path / "out")


class TestSound(Suite):
    of = LocalStorage


class TestOverwriting(Suite):
    of = Overwriting


class TestRecordFirst(Suite):
    of = RecordFirst


class TestInPlace(Suite):
    of = InPlace


class TestUnguarded(Suite):
    of = Unguarded
"""


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


def test_the_suite_finds_what_is_wrong_with_a_storage(tmp_path: Path) -> None:
    (tmp_path / "test_faulty.py").write_text(FAULTY, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_faulty.py"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=200, cwd=tmp_path
    )
    failed = re.findall(r"^FAILED test_faulty.py::Test(\w+)::test_(\w+)", done.stdout, re.MULTILINE)
    assert {name for name, _ in failed} == {"Overwriting", "RecordFirst", "InPlace", "Unguarded"}
    assert set(failed) >= {
        ("Overwriting", "publishing_never_overwrites"),
        ("RecordFirst", "what_has_a_record_is_whole_while_the_data_set_grows"),
        ("InPlace", "a_file_made_piece_by_piece_appears_whole"),
        ("InPlace", "a_file_that_is_not_finished_leaves_the_old_one"),
        ("Unguarded", "nothing_changes_where_the_guard_refuses"),
    }, done.stdout
