"""On an object store, what has a record is whole, and a driver's hold on a data set ends."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pyarrow.fs
import pytest

from orchestrator.dataset.storage import lease
from orchestrator.dataset.storage.lock import LOCK_FILE, OutputLockedError
from orchestrator.dataset.storage.object_store import ObjectStore
from orchestrator.dataset.storage.storage import Storage

FILES = {"a.png": b"a", "record.json": b"{}", "sub/record.json": b"of a plugin", "z.tiff": b"z"}


@pytest.fixture
def store(tmp_path: Path) -> Storage:
    """A data set on the object store's code, over a folder of this machine."""
    made = Storage(str(tmp_path / "out"))
    made._backend = ObjectStore(pyarrow.fs.LocalFileSystem(), str(made.folder))
    made.folder = None
    return made


@pytest.mark.parametrize("uploaded", range(len(FILES)))
def test_an_upload_that_is_cut_short_anywhere_is_no_run_and_the_next_one_completes_it(
    uploaded: int, store: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "attempt"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    write_file, left = ObjectStore.write_file, [uploaded]

    def cut_short(self: ObjectStore, relative: str, data: bytes) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        write_file(self, relative, data)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "write_file", cut_short)
        with pytest.raises(KeyboardInterrupt):
            store.publish(folder, "runs/a")
    assert not store.exists("runs/a/record.json")
    assert store.publish(folder, "runs/a")
    assert {name: store.read(f"runs/a/{name}") for name in FILES} == FILES


def held(store: Storage, **changes: Any) -> None:
    """Write another driver's lease."""
    content = {"process": os.getpid(), "machine": "elsewhere", "token": "t"}
    content |= {"until": time.time() + 1000} | changes
    store.write_file(LOCK_FILE, json.dumps(content).encode())


def test_a_lease_that_runs_keeps_others_away(store: Storage) -> None:
    held(store)
    assert lease.driver_of(store) == f"process {os.getpid()} on elsewhere"
    with pytest.raises(OutputLockedError, match="elsewhere"), lease.exclusive(store):
        pass


@pytest.mark.parametrize(
    "changes",
    [
        {"until": time.time() - 1.0},  # not renewed: its driver is dead
        {"machine": socket.gethostname(), "process": 2**22 + 1},  # no such process here
    ],
)
def test_a_lease_of_a_dead_driver_keeps_nobody_away(
    changes: dict[str, Any], store: Storage
) -> None:
    held(store, **changes)
    assert lease.driver_of(store) is None
    with lease.exclusive(store):
        assert lease.driver_of(store) == f"process {os.getpid()} on {socket.gethostname()}"
    assert lease.driver_of(store) is None
