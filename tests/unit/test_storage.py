"""A folder as a storage, and errors of all; what every storage must do is in conformance/."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from orchestrator.common.redaction import without_credentials
from orchestrator.dataset.storage import storage as storage_module
from orchestrator.dataset.storage.object_store import ObjectStorage
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage


@pytest.fixture
def local(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "out"))


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    folder = tmp_path / "attempt"
    (folder / "sub").mkdir(parents=True)
    (folder / "record.json").write_text("{}")
    (folder / "sub" / "real.png").write_bytes(b"png")
    return folder


def test_publishing_takes_no_place_that_is_taken(local: Storage, attempt: Path) -> None:
    assert local.folder is not None
    (local.folder / "runs" / "a").mkdir(parents=True)
    assert not local.publish(attempt, "runs/a")


def test_publishing_across_file_systems(
    local: Storage, attempt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def refuse_foreign(self: Path, target: Path) -> Path:
        if self == attempt:
            raise OSError(errno.EXDEV, "cross-device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_foreign)
    assert local.publish(attempt, "runs/a")
    assert local.list("runs") == ["a"]
    assert local.list("runs/a") == ["record.json", "sub"]
    assert not attempt.exists()


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    local: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.write_file("a.txt", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space"):
        local.write_file("a.txt", b"new")
    assert local.read("a.txt") == b"old"
    assert local.list(".") == ["a.txt"]


def test_what_is_in_the_way_is_named(local: Storage) -> None:
    local.write_file("file", b"")
    local.write_file("folder/file", b"")
    with pytest.raises(OutputError, match=r"a folder where a file is needed \(folder\);"):
        local.read("folder")
    with pytest.raises(OutputError, match=r"a file where a folder is needed \(file\);"):
        local.write_file("file/below", b"")


def test_uris(tmp_path: Path) -> None:
    assert open_storage(f"file://{tmp_path}/with%20space").folder == tmp_path / "with space"
    remote = open_storage("s3://key:secret@bucket/prefix?region=eu-north-1")
    assert remote.folder is None
    assert remote.public_uri == "s3://bucket/prefix"
    assert without_credentials("outputs/sem") == "outputs/sem"


def test_a_full_disk_of_this_machine_is_not_taken_for_a_full_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage_module, "full_places", lambda: "; /tmp: No space left on device")
    store = ObjectStorage("s3://bucket/out", MemoryStore(), 10.0)
    with (
        pytest.raises(OutputError, match="a disk of this machine is full; /tmp: No space left"),
        store.replacing("x"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/scratch/content")
    assert not store.exists("x")
