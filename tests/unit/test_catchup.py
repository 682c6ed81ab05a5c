"""Logging that lags leaves the sweep its processor time, and makes up for it at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, override

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.dataset.plan_table import Plan
from orchestrator.dataset.results import Attempt, AttemptOutcome, RunResult, RunStatus
from orchestrator.dataset.rows import Origin
from orchestrator.dataset.schema import Columns
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.writer import ManifestSink
from orchestrator.plan.run import Run
from orchestrator.tracking import follower as module
from orchestrator.tracking.follower import (
    CROWDED_QUEUE,
    Follower,
    LastingError,
    RefusedError,
    Target,
)

SECONDS = 0.001
START = datetime(2025, 1, 1, tzinfo=UTC)
ORIGIN = Origin("demo", "beads", "f" * 16)


class Log:
    """A target: what it took, over all connections, by run id."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.ended: dict[str, datetime] = {}
        self.faults: list[Exception | None] = []
        self.connections = 0
        self.plan: Plan | None = None

    def connect(self) -> Log:
        self.connections += 1
        self.fail()
        return self

    def fail(self) -> None:
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault

    def holds(self, run_id: str, finished_at: datetime) -> bool:
        return self.ended.get(run_id) == finished_at

    def log(self, row: dict[str, Any]) -> None:
        self.fail()
        self.logged.append(row["run_id"])
        self.ended[row["run_id"]] = row["finished_at"]

    def finish(self, plan: Plan) -> None:
        self.plan = plan


class Busy(Log):
    """Takes a millisecond of the processor for each row."""

    seconds = 0.0

    @override
    def fail(self) -> None:
        start = time.monotonic()
        while time.monotonic() - start < SECONDS:
            pass
        self.seconds += time.monotonic() - start


class Following(Follower):
    """A follower of any target."""

    def __init__(self, target: Log, storage: Storage) -> None:
        super().__init__("Log", storage, ORIGIN, close_timeout_s=30.0)
        self._log = target

    @override
    def connect(self) -> Target:
        return self._log.connect()


def result(index: int, tries: int = 1) -> RunResult:
    run = Run(index, f"{index:016x}", {}, (), {})
    end = START + timedelta(seconds=tries)
    outcome = AttemptOutcome(Attempt(run, 1), "w", "n", "CPU", START, end)
    return RunResult(run, RunStatus.SUCCEEDED, 1, outcome)


def ids(count: int) -> list[str]:
    return [f"{index:016x}" for index in range(count)]


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = open_storage(str(tmp_path))
    made.write_file("sweep.yaml", f"name: demo\nruns: 9\nrecipe_hash: {'f' * 16}\n".encode())
    return made


@pytest.fixture
def target() -> Log:
    return Log()


@pytest.fixture
def follow(target: Log, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Record results, as the driver does, and wait until the target has no fault left."""
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "LASTING_PAUSE_S", 0.01)

    def run(*results: RunResult, origin: Origin = ORIGIN, one_by_one: bool = False) -> None:
        manifest, following = ManifestSink(storage, origin, Columns()), Following(target, storage)
        manifest.open()
        following.open()
        for found in results:
            before = len(target.logged)
            manifest.record(found)
            following.record(found)
            wait_for(lambda now=before: not one_by_one or len(target.logged) > now)  # type: ignore[misc]
        wait_for(lambda: not target.faults or isinstance(target.faults, Always))
        manifest.flush()
        following.close()
        manifest.close()

    return run


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)


def test_a_target_that_lags_works_a_tenth_of_the_time_until_the_sweep_ends(
    storage: Storage,
) -> None:
    manifest, target = ManifestSink(storage, ORIGIN, Columns()), Busy()
    manifest.open()
    following = Following(target, storage)
    following.open()
    count = CROWDED_QUEUE + 1000
    for index in range(count):
        following.record(result(index))
    start = time.monotonic()
    while time.monotonic() - start < 1.0:
        time.sleep(0.01)
    assert 0 < len(target.logged) < count - CROWDED_QUEUE
    assert target.seconds < 0.3 * (time.monotonic() - start)
    following.close()
    assert target.logged == ids(count)
    assert target.plan is not None
    manifest.close()


AWAY = ConnectionError("nobody answers")


class Always(list[Exception | None]):
    """Faults without an end."""

    def pop(self, index: int = -1) -> Exception | None:  # type: ignore[override]
        return self[index]


@pytest.mark.parametrize(
    "faults",
    [
        [AWAY] * 3,  # at the start
        [None, AWAY, None, AWAY],  # while it logs
        [None, None, AWAY, None, None, AWAY, AWAY, None, None],
    ],
)
def test_no_result_is_dropped_while_the_target_is_away(
    faults: list[Exception | None], target: Log, follow: Callable[..., None]
) -> None:
    target.faults = list(faults)
    follow(*map(result, range(5)))
    assert sorted(target.logged) == ids(5)
    assert target.connections == 1 + faults.count(AWAY)


def test_a_result_that_was_being_logged_is_not_dropped(target: Log, storage: Storage) -> None:
    """With a manifest that does not have it, the queue alone can keep it."""
    manifest = ManifestSink(storage, ORIGIN, Columns())
    manifest.open()
    target.faults = [None, AWAY]
    following = Following(target, storage)
    following.open()
    following.record(result(0))
    wait_for(lambda: bool(target.logged))
    following.close()
    manifest.close()
    assert target.logged == ids(1)


def test_what_the_queue_can_not_hold_comes_from_the_manifest(
    target: Log, follow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_LENGTH", 2)
    target.faults = [AWAY] * 20
    follow(*map(result, range(50)))
    assert sorted(target.logged) == ids(50)


def test_a_later_start_logs_what_the_target_lacks_and_nothing_else(
    target: Log, follow: Callable[..., None]
) -> None:
    follow(*map(result, range(3)))
    del target.ended[ids(2)[1]]
    follow(result(0, tries=2))
    assert target.logged[3:] in ([ids(2)[1], ids(1)[0]], [ids(1)[0], ids(2)[1]])
    follow()
    assert len(target.logged) == 5


def test_a_target_that_lost_everything_gets_all_again(
    target: Log, follow: Callable[..., None]
) -> None:
    follow(*map(result, range(3)))
    target.ended.clear()
    follow()
    assert target.logged == ids(3) * 2


def test_runs_that_were_not_asked_for_are_left_out(
    target: Log, follow: Callable[..., None]
) -> None:
    follow(result(0), origin=Origin("other", "other", "0" * 16))
    assert target.logged == ids(1), "the driver was asked for it just now"
    target.ended.clear()
    follow()
    assert target.logged == ids(1)


REMEDY = "the schema is old; " + "a long remedy " * 40 + "END"


def test_a_lasting_fault_is_told_once_and_whole_and_may_be_mended_meanwhile(
    target: Log, follow: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    target.faults = [LastingError(REMEDY) for _ in range(5)]
    follow(*map(result, range(3)))
    assert [record.message for record in caplog.records] == [f"Log can't record: {REMEDY}"]
    assert sorted(target.logged) == ids(3)


def test_what_is_promised_at_the_end_has_its_condition(
    target: Log, follow: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    target.faults = Always([LastingError("the schema is old")])
    follow(result(0))
    assert not target.logged
    assert caplog.records[-1].message == (
        "Log lacks some runs, which the manifest holds; the next start of this sweep adds them, "
        "once this is fixed: the schema is old"
    )


def test_many_refusals_are_counted(
    target: Log, follow: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    target.faults = [None, *(RefusedError("too long") for _ in range(20))]
    follow(*map(result, range(20)))
    messages = [record.message for record in caplog.records]
    assert len(messages) == module.SHOWN_REFUSALS + 1
    assert messages[-1] == "Log refused 20 runs in all"


def test_what_is_logged_is_not_logged_again_by_a_look_at_the_manifest(
    target: Log, follow: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(*map(result, range(3)), one_by_one=True)
    monkeypatch.setattr(module, "QUEUE_LENGTH", 0)  # all has to come from the manifest
    follow(result(3))
    assert target.logged == ids(4)


def test_a_plan_that_is_whole_only_at_the_end_counts(target: Log, storage: Storage) -> None:
    """Runs that are on record from before, and asked for by a plan that takes long to write."""
    manifest, following = ManifestSink(storage, ORIGIN, Columns()), Following(target, storage)
    write_plan(storage, [9])
    manifest.open()
    manifest.record(result(0))
    manifest.flush()
    following.open()
    wait_for(lambda: following._plan is not None)
    write_plan(storage, [9, 0])
    following.close()
    manifest.close()
    assert target.logged == ids(1)


def write_plan(storage: Storage, indices: list[int]) -> None:
    told = json.dumps({"sweep": "demo", "recipe_hash": "f" * 16, "runs": len(indices)})
    table = pa.table({"run_id": [f"{index:016x}" for index in indices]})
    with storage.replacing("plan.parquet") as stream:
        pq.write_table(table.replace_schema_metadata({"blendsweep": told}), stream)
