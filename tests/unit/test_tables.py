"""Tables in an object store: what is transferred, and parts that change meanwhile."""

from __future__ import annotations

import os
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore

from orchestrator.dataset.layout import MANIFEST
from orchestrator.dataset.storage.object_store import ObjectStorage
from orchestrator.dataset.storage.storage import OutputError
from orchestrator.dataset.tables import DamagedPartError, Table

PART = f"{MANIFEST}/part-00000.parquet"


def write(storage: ObjectStorage, status: str) -> None:
    rows = pa.table(
        {
            "run_id": ["a", "b"],
            "status": [status] * 2,
            "noise": [os.urandom(2**21), os.urandom(2**21)],
        }
    )
    with storage.replacing(PART) as stream:
        pq.write_table(rows, stream)


@pytest.fixture
def storage() -> ObjectStorage:
    made = ObjectStorage("s3://bucket/out", MemoryStore(), 10.0)
    write(made, "failed")
    return made


def statuses(storage: ObjectStorage) -> list[str]:
    (part,) = Table(storage, MANIFEST).parts(["status"])
    found: list[str] = part["status"].to_pylist()
    return found


def test_only_the_columns_that_are_asked_for_are_transferred(
    storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, ranges = obstore.get, []

    def get(*arguments: Any, options: Any = None) -> Any:
        ranges.append((options or {}).get("range"))
        return real(*arguments, options=options)

    monkeypatch.setattr(obstore, "get", get)
    assert statuses(storage) == ["failed"] * 2
    assert ranges.pop(0) is None  # the opening, whose content is not asked for
    assert 0 < sum(end - start for start, end in ranges) < 2**20


@pytest.mark.parametrize("replaced_at", [1, 2])
def test_a_part_that_is_replaced_while_it_is_read_is_read_anew(
    replaced_at: int, storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = obstore.get, []

    def get(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1 + replaced_at:
            write(storage, "succeeded")
        return real(*arguments, **options)

    monkeypatch.setattr(obstore, "get", get)
    assert statuses(storage) == ["succeeded"] * 2


def test_a_store_that_goes_away_while_a_part_is_read_does_not_make_it_damaged(
    storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = obstore.get, []

    def get(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) > 1:
            raise obstore.exceptions.PermissionDeniedError("x - the session has ended")
        return real(*arguments, **options)

    monkeypatch.setattr(obstore, "get", get)
    with pytest.raises(OutputError, match="the session has ended"):
        statuses(storage)


def test_a_part_that_is_cut_short_is_damaged(storage: ObjectStorage) -> None:
    storage.write_file(PART, storage.read(PART)[:-1000])
    with pytest.raises(DamagedPartError, match="is damaged"):
        statuses(storage)
