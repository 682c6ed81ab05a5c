"""`prune`: what no plan asks for is found and removed, that and nothing else, wherever it ends."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.integrity import verify
from orchestrator.dataset.layout import (
    PLAN,
    failure_log,
    run_folder,
    specimen_file,
)
from orchestrator.dataset.pruning import remove_unasked
from orchestrator.dataset.results import RunStatus
from orchestrator.dataset.rows import Origin
from orchestrator.dataset.runs_folder import check_runs_folder
from orchestrator.dataset.schema import Columns
from orchestrator.dataset.storage.locking import exclusive
from orchestrator.dataset.storage.object_store import ObjectStorage
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import OutputError, Storage
from orchestrator.dataset.sweep_file import digest_of
from orchestrator.dataset.unasked import Unasked
from orchestrator.dataset.unasked_search import find_unasked
from orchestrator.dataset.writer import ManifestSink
from scene.imaging.files import RUN_FILES, FileRecord
from scene.specimen.stored import StoredSpecimen
from tests.unit.test_manifest import make_result

HASH = "0123456789abcdef"
PIXELS = b"not really an image"
STORED = StoredSpecimen([], Counter())


def run_id(index: int) -> str:
    return f"{index:016x}"


def specimen(number: int) -> str:
    return f"{number:032x}"


def store(storage: Storage, number: int) -> None:
    name = specimen(number)
    storage.write_file(specimen_file(name), STORED.to_bytes(name))


def result(index: int, *, shares: int | None = None, failed: bool = False) -> Any:
    made = make_result(index, failed=failed)
    if failed:
        return made
    file = FileRecord("real", "top/real.png", digest_of(PIXELS), len(PIXELS), 4, 5)
    named = None if shares is None else specimen(shares)
    assert made.outcome.record is not None
    record = dataclasses.replace(made.outcome.record, files=(file,), specimen=named)
    return dataclasses.replace(made, outcome=dataclasses.replace(made.outcome, record=record))


def write_runs(storage: Storage, results: Iterable[Any], *, recorded: bool = True) -> None:
    """Write runs' folders or logs, and their rows."""
    results = list(results)
    for each in results:
        if each.status is RunStatus.FAILED:
            write(storage, failure_log(each.run.run_id), b"why")
            continue
        record = json.dumps(dataclasses.asdict(each.outcome.record)).encode()
        folder = run_folder(each.run.run_id)
        for name in ("top/real.png", *RUN_FILES):
            content = {"top/real.png": PIXELS, "record.json": record}.get(name, b"more")
            write(storage, f"{folder}/{name}", content)
    if recorded:
        sink = ManifestSink(storage, Origin("beads", "spheres", HASH), Columns())
        sink.open()
        for each in results:
            sink.record(each)
        sink.close()


def write(storage: Storage, path: str, content: bytes) -> None:
    """Write a file without waiting for the disk, for which thousands would wait long."""
    if storage.folder is None:
        storage.write_file(path, content)
        return
    (storage.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (storage.folder / path).write_bytes(content)


def write_plan(storage: Storage, indices: Iterable[int], sharing: int = 2, **more: Any) -> None:
    """Write what a start of a sweep of these runs writes."""
    ids = [run_id(index) for index in indices]
    document = {"name": "beads", "runs": len(ids), "recipe_hash": HASH, "overrides": ["a=1,2"]}
    content = yaml.safe_dump(document | {"limit": None} | more).encode()
    storage.write_file("sweep.yaml", content)
    description = {"sweep": "beads", "recipe_hash": HASH, "runs": len(ids), "sharing": sharing}
    description["sweep_digest"] = digest_of(content)
    table = pa.table({"run_id": pa.array(ids, pa.string())})
    stream = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({"blendsweep": json.dumps(description)}), stream)
    storage.write_file(PLAN, stream.getvalue().to_pybytes())


def fill(storage: Storage) -> None:
    """Write ten runs, of which the plan asks for five; of these one failed, one is to be made."""
    write_runs(storage, [result(n, shares=n % 3) for n in (0, 1, 2)])
    write_runs(storage, [result(4, failed=True)])
    write_runs(storage, [result(n, shares=7) for n in (5, 6)])
    write_runs(storage, [result(7, failed=True), result(8)])
    write_runs(storage, [result(9)], recorded=False)
    write_plan(storage, range(5))
    storage.write_file(failure_log(run_id(200)), b"of a run that was pruned before")
    for number in (0, 1, 7):
        store(storage, number)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = open_storage(str(tmp_path / "out"))
    fill(storage)
    return storage


def rows(storage: Storage, name: str = "manifest") -> set[str]:
    return {
        row for part in DataSet(storage).tables[name].parts(["run_id"])
        for row in part["run_id"].to_pylist()
    }  # fmt: skip


def prune(storage: Storage) -> Unasked:
    found = find_unasked(DataSet(storage))
    remove_unasked(storage, found)
    return found


def call(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["prune", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def check_pruned(storage: Storage, specimens: list[int]) -> None:
    assert rows(storage) == {run_id(n) for n in (0, 1, 2, 4)}
    assert rows(storage, "particles") == {run_id(n) for n in (0, 1, 2)}
    assert storage.list("runs") == [run_id(n) for n in (0, 1, 2)]
    assert storage.list("failures") == [f"{run_id(4)}.log"]
    assert storage.list("specimens") == [specimen(number) for number in specimens]
    assert not find_unasked(DataSet(storage))


def test_what_no_plan_asks_for_is_shown_and_removed(storage: Storage) -> None:
    before = storage.sizes(".")
    code, out, err = call(storage.uri, "--json")
    assert (code, err) == (2, "there is no terminal to ask at; --yes removes without asking\n")
    assert storage.sizes(".").keys() - before.keys() <= {".lock"}
    *_, last, told = out.splitlines()
    assert last == "nothing was removed"
    sizes = [size for path, size in before.items() if path.split("/")[1:2] == [run_id(5)]]
    one_run = sum(size or 0 for size in sizes)
    assert json.loads(told) == {
        "output": storage.uri,
        "plan": {
            "sweep": "beads", "limit": None, "overrides": ["a=1,2"], "runs": 5, "succeeded": 3,
        },
        "runs": 4, "failed": 1, "particles": 6, "folders": 1, "failure_logs": 2, "specimens": 0,
        "bytes": sum(
            storage.sizes(run_folder(run_id(n)))[name] or 0
            for n in (5, 6, 8, 9) for name in ("top/real.png", *RUN_FILES)
        ) + len(b"why") + len(b"of a run that was pruned before"),
        "left_alone": {},
        "removed": False,
    }  # fmt: skip
    assert one_run
    assert call(storage.uri, "--yes")[::2] == (0, "")
    check_pruned(storage, [0, 1, 7])
    assert verify(DataSet(storage)).whole


def test_it_says_whose_plan_it_is(storage: Storage) -> None:
    write_plan(storage, [0, 1], limit=2)
    lines = list(find_unasked(DataSet(storage)).lines())
    assert lines[:3] == [
        "the plan is that of beads, as started last with --limit 2: 2 runs, 2 of them made",
        "    a=1,2",
        "not asked for:",
    ]
    assert lines[3].startswith("    6 runs on record, 2 of them failed, ")
    assert lines[3].endswith(f": {run_id(2)}, {run_id(4)}, {run_id(5)} and 3 more")
    assert "        6 of beads" in lines
    assert "        made 2025-01-01 00:00 UTC" in lines


def test_specimens_go_once_every_run_of_the_plan_is_made(storage: Storage) -> None:
    found = find_unasked(DataSet(storage))
    assert (found.specimens, found.needed) == ({}, 1)
    assert any(line.startswith("kept: 1 specimen that no run") for line in found.lines())
    write_plan(storage, range(5), sharing=0)
    assert find_unasked(DataSet(storage)).specimens.keys() == {specimen(7)}
    write_plan(storage, range(5))
    write_runs(storage, [result(3, shares=0), result(4, shares=1)])
    found = prune(storage)
    assert found.specimens == {specimen(7): len(STORED.to_bytes(specimen(7)))}
    assert storage.list("specimens") == [specimen(0), specimen(1)]


def test_nothing_is_removed_where_everything_is_asked_for(storage: Storage) -> None:
    write_plan(storage, [*range(10), 200])
    before = storage.sizes(".")
    code, out, err = call(storage.uri)
    assert (code, err) == (0, "")
    assert out.splitlines()[2] == "nothing is there that the plan does not ask for"
    assert "removed" not in out
    assert {**before, ".lock": None} == {**storage.sizes("."), ".lock": None}


def test_a_data_set_without_runs_can_be_pruned(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "out"))
    write_plan(storage, [])
    assert not find_unasked(DataSet(storage))
    write_runs(storage, [result(1)])
    assert list(prune(storage).runs) == [run_id(1)]
    assert (rows(storage), storage.list("runs")) == (set(), [])
    assert pq.read_table(tmp_path / "out" / "manifest").schema.names[0] == "run_id"


@pytest.mark.parametrize("how", ["missing", "damaged", "old", "of another start"])
def test_without_a_plan_that_is_sure_nothing_is_removed(storage: Storage, how: str) -> None:
    if how == "of another start":  # killed before its plan was whole
        sweep = yaml.safe_load(storage.read("sweep.yaml")) | {"overrides": ["a=3,4"]}
        storage.write_file("sweep.yaml", yaml.safe_dump(sweep).encode())
    elif how == "damaged":
        storage.write_file(PLAN, b"PAR1")
    else:
        storage.delete(PLAN)
    if how == "old":
        old = Path(__file__).parents[1] / "old_data" / "0.2.0" / "data"
        shutil.copytree(old, storage.uri, dirs_exist_ok=True)
    before = storage.sizes("runs")
    code, out, err = call(storage.uri, "--yes")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "does not say for sure which runs are asked for" in err
    assert storage.sizes("runs") == before


def test_a_damaged_part_is_told_and_nothing_is_removed(storage: Storage) -> None:
    storage.write_file("particles/part-00001.parquet", b"PAR1")
    before = storage.sizes(".")
    code, _, err = call(storage.uri, "--yes")
    assert (code, err.count("\n")) == (2, 1)
    assert "particles/part-00001.parquet" in err
    assert storage.sizes(".").keys() - before.keys() <= {".lock"}


def test_a_running_sweep_is_left_alone(storage: Storage) -> None:
    with exclusive(storage):
        code, out, err = call(storage.uri, "--yes")
    assert (code, out) == (2, "")
    assert "is in use by process" in err
    assert "this sweep" not in err
    assert len(rows(storage)) == 8


def test_what_is_not_its_own_is_left_alone_and_named(storage: Storage, tmp_path: Path) -> None:
    assert storage.folder is not None
    runs = storage.folder / "runs"
    elsewhere = tmp_path / "elsewhere"
    (runs / run_id(8)).rename(elsewhere)
    (runs / run_id(8)).symlink_to(elsewhere)
    (runs / run_id(9) / "link").symlink_to(elsewhere)
    (runs / run_id(5) / "top" / "mine.txt").write_text("labels made by hand")
    (runs / "notes.txt").write_text("notes")
    (runs / run_id(300)).mkdir()
    (storage.folder / "failures" / "why.txt").write_text("my own")
    (storage.folder / "specimens" / "mine").mkdir()
    (storage.folder / "specimens" / "mine" / "x").write_text("my own")
    found = prune(storage)
    assert found.strange == {
        f"runs/{run_id(8)}": "is a link",
        f"runs/{run_id(9)}/link": "is a link",
        f"runs/{run_id(5)}/top/mine.txt": "is not a file of ours",
        "runs/notes.txt": "is not a run",
        f"runs/{run_id(300)}": "is not a run",
        "failures/why.txt": "is not a log",
        "specimens/mine": "is not a specimen",
    }
    assert found.runs.keys() == {run_id(6), run_id(7)}
    left = {"notes.txt", *(run_id(n) for n in (0, 1, 2, 5, 8, 9, 300))}
    assert set(storage.list("runs")) == left
    assert {run_id(5), run_id(8)} <= rows(storage), "a run that stays keeps its row"
    assert sorted(path.name for path in elsewhere.iterdir()) == sorted(["top", *RUN_FILES])
    assert verify(DataSet(storage)).whole


@pytest.mark.parametrize("name", ["runs", "failures", "specimens"])
def test_nothing_is_removed_from_behind_a_link(storage: Storage, tmp_path: Path, name: str) -> None:
    assert storage.folder is not None
    (storage.folder / name).rename(tmp_path / "elsewhere")
    (storage.folder / name).symlink_to(tmp_path / "elsewhere")
    code, _, err = call(storage.uri, "--yes")
    assert (code, err) == (
        2, f"error: {storage.uri}/{name}: is a link; nothing is removed from behind it\n",
    )  # fmt: skip


class KilledError(BaseException):
    """The process is dead."""


@contextmanager
def killed(after: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Die at a change of the file system: nothing is changed from then on."""
    left = iter(range(after))

    def dying(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*given: Any, **more: Any) -> Any:
            if next(left, None) is None:
                raise KilledError
            return change(*given, **more)

        return changed

    with monkeypatch.context() as patch:
        for name in ("replace", "rename", "unlink", "rmdir"):
            patch.setattr(os, name, dying(getattr(os, name)))
        yield


def test_wherever_it_is_killed_the_rest_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    fill(open_storage(str(made)))
    write_runs(open_storage(str(made)), [result(3, shares=0), result(4, shares=1)])
    for after in range(1000):
        shutil.copytree(made, tmp_path / "out")
        storage = open_storage(str(tmp_path / "out"))
        found = find_unasked(DataSet(storage))
        dead = True
        with killed(after, monkeypatch):
            try:
                remove_unasked(storage, found)
                dead = False
            except KilledError:
                pass
        status = DataSet(storage).status()
        assert (status.succeeded, status.failed, status.left) == (5, 0, 0), after
        assert verify(DataSet(storage)).whole, after
        statuses = resumed(storage)
        assert {run_id(n) for n in range(5)} <= statuses.keys(), after
        prune(storage)
        assert rows(storage) == rows(storage, "particles") == {run_id(n) for n in range(5)}
        assert storage.list("runs") == [run_id(n) for n in range(5)], after
        assert storage.list("specimens") == [specimen(0), specimen(1)], after
        assert not find_unasked(DataSet(storage)), after
        shutil.rmtree(tmp_path / "out")
        if not dead:
            break
    assert 20 < after < 1000


def resumed(storage: Storage) -> dict[str, RunStatus]:
    """Return what the next start of a sweep finds."""
    sink = ManifestSink(storage, Origin("beads", "spheres", HASH), Columns())
    sink.open()
    found = check_runs_folder(storage, sink.statuses())
    sink.close()
    return found


def test_an_object_store_is_pruned_as_a_folder_is() -> None:
    for after in range(100):
        storage = ObjectStorage("s3://bucket/out", MemoryStore(), 1.0)
        fill(storage)
        found = find_unasked(DataSet(storage))
        assert found.runs.keys() == {run_id(n) for n in (5, 6, 7, 8)}
        steps = iter(range(after))

        def dead(steps: Iterator[int] = steps) -> None:
            if next(steps, None) is None:
                raise OutputError("s3://bucket/out", "lost")

        storage.guard = dead
        try:
            remove_unasked(storage, found)
            ended = True
        except OutputError:
            ended = False
        storage.guard = None
        assert DataSet(storage).status().succeeded == 3
        prune(storage)
        check_pruned(storage, [0, 1, 7])
        if ended:
            break
    assert 5 < after < 100


def test_what_a_removal_from_a_store_left_half_is_removed() -> None:
    storage = ObjectStorage("s3://bucket/out", MemoryStore(), 1.0)
    fill(storage)
    storage.delete(f"{run_folder(run_id(9))}/record.json")
    assert prune(storage).folders.keys() == {run_id(9)}
    check_pruned(storage, [0, 1, 7])


KINDS = st.sampled_from(["planned", "other", "unrecorded", "failed", "other failed"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kinds=st.lists(st.tuples(KINDS, st.integers(0, 3)), max_size=8), extra=st.booleans())
def test_exactly_what_is_asked_for_stays(kinds: list[tuple[str, int]], extra: bool) -> None:
    storage = ObjectStorage("s3://bucket/out", MemoryStore(), 1.0)
    runs = [
        result(n, shares=shares, failed="failed" in kind) for n, (kind, shares) in enumerate(kinds)
    ]
    recorded = [run for run, (kind, _) in zip(runs, kinds, strict=True) if kind != "unrecorded"]
    write_runs(storage, recorded)
    write_runs(storage, [run for run in runs if run not in recorded], recorded=False)
    planned = {n for n, (kind, _) in enumerate(kinds) if kind in {"planned", "failed"}}
    write_plan(storage, planned | ({99} if extra else set()))
    for number in range(4):
        store(storage, number)
    prune(storage)
    made = {n for n in planned if kinds[n][0] == "planned"}
    assert rows(storage) == {run_id(n) for n in planned}
    assert rows(storage, "particles") == {run_id(n) for n in made}
    assert storage.list("runs") == sorted(run_id(n) for n in made)
    assert storage.list("failures") == sorted(f"{run_id(n)}.log" for n in planned - made)
    shared = range(4) if extra or planned - made else {kinds[n][1] for n in made}
    assert storage.list("specimens") == sorted(specimen(number) for number in shared)


@pytest.mark.parametrize(("answer", "gone"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_person_at_a_terminal_is_asked(storage: Storage, answer: str, gone: bool) -> None:
    ours, theirs = os.openpty()
    os.write(ours, answer.encode())
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "prune", storage.uri],
        stdin=theirs, capture_output=True, text=True, check=False,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, "Remove all of that? [y/N] ")
    assert done.stdout.splitlines()[-1] == ("removed" if gone else "nothing was removed")
    assert (len(rows(storage)) == 4) is gone


def test_many_parts_are_pruned_in_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_storage(str(tmp_path / "out"))
    monkeypatch.setattr("orchestrator.dataset.writer.RUNS_PER_PART", 500)
    write_runs(storage, [result(n, failed=n % 2 == 0) for n in range(2000)])
    write_plan(storage, range(0, 2000, 4))
    start = time.perf_counter()
    found = prune(storage)
    assert time.perf_counter() - start < 30
    assert (len(found.runs), found.failed) == (1500, 500)
    assert rows(storage) == {run_id(n) for n in range(0, 2000, 4)}
