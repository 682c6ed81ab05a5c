"""Specimens in a data set: loaded, saved, listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.dataset.layout import specimen_file
from orchestrator.dataset.results import SpecimenUse
from orchestrator.dataset.specimens import SharedSpecimen, stored_specimens
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage

ONE, OTHER = "1" * 32, "2" * 32


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path))


def test_how_a_run_came_by_its_specimen(storage: Storage) -> None:
    first = SharedSpecimen(storage)
    assert first.load(ONE) is None
    assert first.use is None
    first.save(ONE, b"damaged")
    assert first.use is SpecimenUse.MADE

    second = SharedSpecimen(storage)
    assert second.load(ONE) == b"damaged"
    assert second.use is SpecimenUse.REUSED
    second.save(ONE, b"whole")
    assert second.use is SpecimenUse.MENDED
    assert storage.read(specimen_file(ONE)) == b"whole"


def test_only_whole_files_under_a_hash_are_specimens(storage: Storage, tmp_path: Path) -> None:
    assert stored_specimens(storage) == set()
    SharedSpecimen(storage).save(ONE, b"whole")
    storage.write_file("specimens/notes.txt", b"mine")
    storage.write_file(f"specimens/{OTHER}/.partial-7-specimen.bin", b"cut sh")
    assert stored_specimens(storage) == {ONE}
    assert len(list(tmp_path.glob("specimens/*/.partial*"))) == 1, "a reader deletes nothing"
    assert stored_specimens(storage, clear=True) == {ONE}
    assert not list(tmp_path.glob("specimens/*/.partial*"))


def test_what_is_in_the_way_is_the_outputs_fault(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "specimens").write_text("mine")
    shared = SharedSpecimen(storage)
    assert shared.load(ONE) is None
    with pytest.raises(OutputError):
        shared.save(ONE, b"whole")
    assert shared.use is None
