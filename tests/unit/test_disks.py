"""Only the disk that is full is called full."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from orchestrator.dataset.storage import disks
from orchestrator.dataset.storage.disks import full_places, write_fault


def test_a_disk_with_room_has_no_fault_and_keeps_nothing(tmp_path: Path) -> None:
    assert write_fault(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_does_not_keep_what_is_written_has_one(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    assert write_fault(tmp_path) == os.strerror(number)


def test_full_places_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "SHARED_MEMORY", tmp_path / "shm")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert full_places() == ""
    full = os.strerror(errno.ENOSPC)
    monkeypatch.setattr(disks, "write_fault", lambda _: full)
    assert full_places() == f"; {tmp_path}: {full}"
