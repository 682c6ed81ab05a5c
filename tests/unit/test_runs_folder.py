"""What in the folder of runs is whole, and what becomes of the rest."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pytest

from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.runs_folder import check_runs_folder, difference, set_aside
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage

ID = "0123456789abcdef"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = open_storage(str(tmp_path / "out"))
    for name, data in (("a.png", b"first"), ("b.png", b"second")):
        made.write_file(f"runs/{ID}/{name}", data)
    return made


def recorded(name: str, data: bytes) -> dict[str, str]:
    return {"path": f"runs/{ID}/{name}", "sha256": hashlib.sha256(data).hexdigest()}


def test_files_that_are_as_recorded_do_not_differ(storage: Storage) -> None:
    assert difference(storage, []) is None
    files = [recorded("a.png", b"first"), recorded("b.png", b"second")]
    assert difference(storage, files) is None


def test_a_file_that_differs_is_named(storage: Storage) -> None:
    files = [recorded("a.png", b"first"), recorded("b.png", b"secone")]
    assert difference(storage, files) == (f"runs/{ID}/b.png has another checksum than its record")
    assert difference(storage, [recorded("c.png", b"")]) == f"runs/{ID}/c.png is missing"


def test_what_is_set_aside_never_takes_the_place_of_another(storage: Storage) -> None:
    assert set_aside(storage, ID) == f"damaged/{ID}-1"
    storage.write_file(f"runs/{ID}/a.png", b"again")
    assert set_aside(storage, ID) == f"damaged/{ID}-2"
    assert storage.read(f"damaged/{ID}-1/a.png") == b"first"
    assert storage.read(f"damaged/{ID}-2/a.png") == b"again"
    assert set_aside(storage, ID) is None


def test_only_recorded_runs_that_are_there_count(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    storage.write_file("runs/notes.txt", b"mine")
    storage.write_file("runs/.hidden", b"")
    gone, failed = "f" * 16, "e" * 16
    statuses = {ID: RunStatus.SUCCEEDED, gone: RunStatus.SUCCEEDED, failed: RunStatus.FAILED}
    with caplog.at_level(logging.WARNING):
        left = check_runs_folder(storage, statuses)
    assert left == {ID: RunStatus.SUCCEEDED, failed: RunStatus.FAILED}
    assert storage.list("runs") == [".hidden", ID]
    assert storage.read("damaged/notes.txt-1") == b"mine"
    assert "notes.txt is not a run; it was set aside" in caplog.text
    assert "1 recorded runs are no longer" in caplog.text
