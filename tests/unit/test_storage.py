from __future__ import annotations

import errno
import os
from collections.abc import Iterator
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


@pytest.fixture(params=["local", "object store"])
def storage(request: pytest.FixtureRequest, local: Storage) -> Storage:
    """Both kinds; the object store is one in memory."""
    if request.param == "object store":
        return ObjectStorage("s3://bucket/out", MemoryStore(), 10.0)
    return local


@pytest.fixture
def attempt(tmp_path: Path) -> Path:
    folder = tmp_path / "attempt"
    (folder / "sub").mkdir(parents=True)
    (folder / "record.json").write_text("{}")
    (folder / "sub" / "real.png").write_bytes(b"png")
    return folder


def test_a_published_folder_is_there_whole_and_gone_where_it_was(
    storage: Storage, attempt: Path
) -> None:
    assert storage.publish(attempt, "runs/a")
    assert storage.list("runs/a") == ["record.json", "sub"]
    assert storage.read("runs/a/sub/real.png") == b"png"
    assert not attempt.exists()


def test_publishing_never_overwrites(storage: Storage, attempt: Path) -> None:
    storage.write_file("runs/a/record.json", b"first")
    assert not storage.publish(attempt, "runs/a")
    assert storage.read("runs/a/record.json") == b"first"
    assert storage.list("runs/a") == ["record.json"]


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


def test_write_read_replace_list_delete(storage: Storage) -> None:
    storage.write_file("a/b.txt", b"1")
    storage.write_file("a/b.txt", b"2")
    assert storage.read("a/b.txt") == b"2"
    with storage.open("a/b.txt") as stream:
        assert stream.read() == b"2"
    assert storage.list("a") == ["b.txt"]
    assert storage.exists("a")
    storage.delete("a/b.txt")
    storage.delete("a/b.txt")
    assert not storage.exists("a/b.txt")
    storage.delete("a")
    assert storage.list("a") == []


def test_reading_what_is_missing(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read("nothing")


def test_a_file_made_piece_by_piece_appears_whole(storage: Storage) -> None:
    with storage.replacing("a/b.txt") as stream:
        stream.write(b"1")
        assert storage.list("a") in ([], [f".partial-{os.getpid()}-b.txt"])
        stream.write(b"2")
    assert storage.read("a/b.txt") == b"12"
    assert storage.list("a") == ["b.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_file_that_is_not_finished_leaves_the_old_one(
    storage: Storage, error: type[BaseException]
) -> None:
    storage.write_file("a/b.txt", b"old")

    def half() -> Iterator[bytes]:
        yield b"half"
        raise error

    with pytest.raises(error), storage.replacing("a/b.txt") as stream:
        stream.writelines(half())
    assert storage.read("a/b.txt") == b"old"
    assert storage.list("a") == ["b.txt"]


def test_move_refuses_to_overwrite(storage: Storage) -> None:
    storage.write_file("a", b"a")
    storage.write_file("b", b"b")
    with pytest.raises(FileExistsError):
        storage.move("a", "b")
    storage.move("a", "c")
    assert storage.list(".") == ["b", "c"]


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


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "runs/../../x"])
def test_no_path_leads_out(storage: Storage, path: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        storage.write_file(path, b"")


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
