"""`verify` on stored specimens; what it says of runs is in tests of damage and of old data."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.integrity import Verification, verify
from orchestrator.dataset.layout import specimen_file
from orchestrator.dataset.storage.local import LocalStorage
from orchestrator.dataset.storage.storage import OutputError, Storage
from scene.specimen.stored import StoredSpecimen
from tests.unit.test_report import data_set

WHOLE, CUT, SWAPPED = (letter * 32 for letter in "abc")


def content(name: str) -> bytes:
    return StoredSpecimen([], Counter({("particles", 1): 2})).to_bytes(name)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = data_set(tmp_path / "out", [])
    storage.write_file(specimen_file(WHOLE), content(WHOLE))
    return storage


def damage(storage: Storage) -> None:
    storage.write_file(specimen_file(CUT), content(CUT)[:-1])
    storage.write_file(specimen_file(SWAPPED), content(WHOLE))


def test_whole_specimens_are_counted(storage: Storage) -> None:
    found = verify(DataSet(storage))
    assert (found.whole, found.specimens) == (True, 1)
    assert "1 stored specimen compared, 0 damaged" in found.lines()


def test_damaged_specimens_are_named_and_removed(storage: Storage) -> None:
    damage(storage)
    found = verify(DataSet(storage))
    assert not found.whole
    assert found.damaged_specimens == {
        CUT: "its checksum is not that of its content",
        SWAPPED: "it is another one's",
    }
    lines = list(found.lines())
    assert lines[1:] == [
        "3 stored specimens compared, 2 damaged",
        f"    {CUT}: its checksum is not that of its content",
        f"    {SWAPPED}: it is another one's",
        "removed; the next run that has one of these makes it again",
    ]
    assert found.as_json()["specimens"] == 3
    assert found.as_json()["damaged_specimens"].keys() == {CUT, SWAPPED}
    assert storage.list("specimens") == [WHOLE]
    assert verify(DataSet(storage)).whole


def test_where_nothing_can_be_written_damaged_specimens_stay(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(storage)

    def refuse(_self: Storage, relative: str) -> None:
        raise OutputError(relative, "read-only") from PermissionError(13, "Permission denied")

    monkeypatch.setattr(LocalStorage, "delete", refuse)
    found = verify(DataSet(storage))
    assert (found.whole, found.kept) == (False, "Permission denied")
    assert [*found.lines()][-1].startswith("left in place, since the data set can't be written")
    assert len(storage.list("specimens")) == 3


def test_a_data_set_without_specimens_says_nothing_of_them() -> None:
    assert list(Verification(1, 2, 0, {}).lines()) == ["1 runs with 2 files compared, 0 damaged"]
