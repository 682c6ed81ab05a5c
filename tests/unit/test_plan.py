"""The plan: which runs the last sweep asks for, in one place."""

from __future__ import annotations

import logging
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from orchestrator.dataset import plan_table as plan_module
from orchestrator.dataset.plan_table import PLAN, PlanWriter, read_plan, write_plan
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage
from orchestrator.plan import resolution
from orchestrator.plan.expansion import Expansion
from orchestrator.plan.overrides import parse_overrides
from orchestrator.plan.sweep import OverrideText
from scene.errors import ConfigurationError
from scene.recipe.compose import Composition

RECIPE = "a: 1\nb: x\nc: {d: 2.5, e: '${a}'}\n"


@pytest.fixture
def composition(tmp_path: Path) -> Composition:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return Composition(path)


def expansion(composition: Composition, *texts: str) -> Expansion:
    return Expansion(parse_overrides([OverrideText(text, "test") for text in texts]), composition)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = open_storage(str(tmp_path / "out"))
    describe(storage)
    return storage


def describe(storage: Storage, name: str = "old", recipe_hash: str = "f" * 16) -> None:
    document = {"name": name, "runs": 7, "recipe_hash": recipe_hash}
    storage.write_file("sweep.yaml", yaml.safe_dump(document).encode())


def table(storage: Storage) -> pa.Table:
    assert storage.folder is not None
    return pq.read_table(storage.folder / PLAN)


def test_a_plan_names_every_run_with_its_values(storage: Storage, composition: Composition) -> None:
    runs = expansion(composition, "a=range(3)", "b=x,'1'", "++c.d=0.5,1")
    write_plan(storage, "new", runs)
    rows = table(storage).to_pylist()
    assert rows == [
        {
            "run_id": run.run_id,
            "index": run.index,
            "override.a": run.values["a"],
            "override.b": run.values["b"],
            "override.c.d": run.values["c.d"],
        }
        for run in runs
    ]
    plan = read_plan(storage)
    assert (plan.sweep, plan.recipe_hash, plan.runs) == ("new", runs.recipe_hash, 12)
    others = ["0" * 16, "f" * 16, "no id", ""]
    ids = [run.run_id for run in runs] + others
    assert plan.holds(ids).tolist() == [True] * 12 + [False] * 4
    assert plan.holds([]).tolist() == []


def test_types_hold_what_a_range_never_reaches(storage: Storage, composition: Composition) -> None:
    runs = expansion(composition, f"a=range(0,{2**64},{2**63})", "c.d=range(0.5,3)")
    write_plan(storage, "new", runs)
    assert table(storage).schema.field("override.a").type == pa.string()
    assert table(storage)["override.c.d"].to_pylist()[:3] == [0.5, 1.5, 2.5]


def test_without_a_plan_the_runs_of_the_last_recipe_count(storage: Storage) -> None:
    plan = read_plan(storage)
    assert (plan.sweep, plan.runs) == ("old", 7)
    rows = pa.table({"run_id": ["1", "2", "3"], "recipe_hash": ["f" * 16, "e" * 16, None]})
    assert plan.asks_for(rows).tolist() == [True, False, False]
    assert plan.asks_for(rows.select(["run_id"])).tolist() == [False] * 3


def test_a_damaged_plan_is_told_of_and_passed_over(
    storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    storage.write_file(PLAN, b"PAR1 and then nothing")
    with caplog.at_level(logging.WARNING):
        assert read_plan(storage).ids is None
    assert "plan.parquet can't be read" in caplog.text


def test_a_folder_without_a_sweep_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not the output of a sweep"):
        read_plan(open_storage(str(tmp_path)))


def test_readers_find_the_old_plan_until_the_new_one_is_whole(
    storage: Storage, composition: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "ROWS_PER_GROUP", 10)
    write_plan(storage, "old", expansion(composition, "a=range(5)"))
    runs = expansion(composition, "a=range(1000)")
    reached, go_on = threading.Event(), threading.Event()
    of_run = Expansion.run_id

    def slow(self: Expansion, position: int) -> str:
        if position == 500:
            reached.set()
            go_on.wait(30)
        return of_run(self, position)

    monkeypatch.setattr(Expansion, "run_id", slow)
    writer = PlanWriter(storage, "new", runs)
    start = time.perf_counter()
    writer.start(patience_s=0.2)
    assert time.perf_counter() - start < 10
    assert reached.wait(30)
    assert (read_plan(storage).sweep, read_plan(storage).runs) == ("old", 5)
    go_on.set()
    writer.finish()
    writer.close()
    assert (read_plan(storage).sweep, read_plan(storage).runs) == ("new", 1000)


def test_a_plan_that_nobody_waits_for_leaves_the_old_one(
    storage: Storage, composition: Composition
) -> None:
    write_plan(storage, "old", expansion(composition, "a=range(5)"))
    writer = PlanWriter(storage, "new", expansion(composition, "a=range(50000000)"))
    writer.start(patience_s=0.1)
    start = time.perf_counter()
    writer.close()
    assert time.perf_counter() - start < 10
    assert read_plan(storage).sweep == "old"
    assert storage.folder is not None
    assert not list(storage.folder.glob(".partial-*"))


def test_what_a_killed_start_left_is_removed(storage: Storage, composition: Composition) -> None:
    storage.write_file(".partial-1-plan.parquet", b"half")
    storage.write_file(".partial-1-mlflow.db", b"another's")
    writer = PlanWriter(storage, "new", expansion(composition, "a=1,2"))
    writer.start()
    writer.close()
    assert ".partial-1-plan.parquet" not in storage.list(".")
    assert ".partial-1-mlflow.db" in storage.list(".")


def test_an_output_that_cannot_be_written_is_told_of_at_once(
    storage: Storage, composition: Composition
) -> None:
    assert storage.folder is not None
    (storage.folder / PLAN).mkdir()
    with pytest.raises(OutputError):
        PlanWriter(storage, "new", expansion(composition, "a=1,2")).start()


def test_a_value_that_cannot_be_resolved_is_told_of_before_the_first_run(
    storage: Storage, composition: Composition
) -> None:
    values = ",".join(["'1'"] * 150 + ["${nowhere}"])
    with pytest.raises(ConfigurationError, match="nowhere"):
        PlanWriter(storage, "new", expansion(composition, f"b={values},y")).start(60)


def test_memory_does_not_grow_with_the_number_of_runs(
    storage: Storage, composition: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "ROWS_PER_GROUP", 1000)
    monkeypatch.setattr(resolution, "KEPT_TEXTS", 100)
    peaks = []
    for count in (4_000, 16_000):
        runs = expansion(composition, f"a=range({count})")
        tracemalloc.start()
        write_plan(storage, "long", runs)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
    ids = table(storage)["run_id"].to_pylist()
    assert read_plan(storage).holds(ids[::100]).all()
    assert len(np.unique(ids)) == 16_000
