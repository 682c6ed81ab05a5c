"""Logging that lags leaves the sweep its processor time, and makes up for it at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.dataset.results import Attempt, AttemptOutcome, RunResult, RunStatus
from orchestrator.plan.run import Run
from orchestrator.tracking import follower as catchup
from orchestrator.tracking.follower import (
    CROWDED_QUEUE,
    Backlog,
    CatchUp,
    LastingError,
    RefusedError,
)

SECONDS = 0.001


class Busy:
    """Takes a millisecond of the processor for each row."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.logged: list[str] = []
        self.finished = False

    def log(self, row: dict[str, Any]) -> str:
        start = time.monotonic()
        while time.monotonic() - start < SECONDS:
            pass
        self.seconds += time.monotonic() - start
        self.logged.append(row["run_id"])
        return row["run_id"]

    def finish(self) -> None:
        self.finished = True


def result(index: int) -> RunResult:
    run = Run(index, f"{index:016x}", {}, (), {})
    now = datetime.now(UTC)
    outcome = AttemptOutcome(Attempt(run, 1), "w", "n", "CPU", now, now)
    return RunResult(run, RunStatus.SUCCEEDED, 1, outcome)


def test_a_target_that_lags_works_a_tenth_of_the_time_until_the_sweep_ends() -> None:
    target = Busy()
    backlog = Backlog(lambda found: {"run_id": found.run.run_id}, lambda: iter(()), lambda *_: None)
    catch_up = CatchUp("Busy", lambda: target, backlog, close_timeout_s=30.0)
    catch_up.start()
    count = CROWDED_QUEUE + 1000
    for index in range(count):
        catch_up.add(result(index))
    start = time.monotonic()
    while time.monotonic() - start < 1.0:
        time.sleep(0.01)
    assert 0 < len(target.logged) < count - CROWDED_QUEUE
    assert target.seconds < 0.3 * (time.monotonic() - start)
    catch_up.close()
    assert target.logged == [f"{index:016x}" for index in range(count)]
    assert target.finished


class Flaky:
    """Takes rows unless it is told to raise; keeps what it took over all its connections."""

    def __init__(self) -> None:
        self.faults: list[Exception | None] = []
        self.logged: list[str] = []
        self.connections = 0

    def connect(self) -> Flaky:
        self.connections += 1
        self._fail()
        return self

    def log(self, row: dict[str, Any]) -> str:
        self._fail()
        self.logged.append(row["run_id"])
        return row["run_id"]

    def finish(self) -> None:
        pass

    def _fail(self) -> None:
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault


class Manifest:
    """What is recorded, and what of it the target has."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.named: dict[str, str] = {}

    def row(self, found: RunResult) -> dict[str, Any]:
        return {"run_id": found.run.run_id}

    def unlogged(self) -> Iterator[dict[str, Any]]:
        return ({"run_id": row} for row in list(self.rows) if row not in self.named)

    def backlog(self) -> Backlog:
        return Backlog(self.row, self.unlogged, self.named.__setitem__)


@pytest.fixture
def target() -> Flaky:
    return Flaky()


@pytest.fixture
def manifest() -> Manifest:
    return Manifest()


@pytest.fixture
def follow(
    target: Flaky, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], None]:
    monkeypatch.setattr(catchup, "LONGEST_PAUSE_S", 0.01)
    monkeypatch.setattr(catchup, "LASTING_PAUSE_S", 0.01)

    def run(count: int) -> None:
        following = CatchUp("Flaky", target.connect, manifest.backlog(), close_timeout_s=30.0)
        following.start()
        for index in range(count):
            manifest.rows.append(f"{index:016x}")
            following.add(result(index))
        deadline = time.monotonic() + 20
        while (
            target.faults and time.monotonic() < deadline and not isinstance(target.faults, Always)
        ):
            time.sleep(0.005)
        following.close()

    return run


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
    faults: list[Exception | None],
    target: Flaky,
    manifest: Manifest,
    follow: Callable[[int], None],
) -> None:
    target.faults = list(faults)
    follow(5)
    assert sorted(target.logged) == manifest.rows
    assert manifest.named.keys() == set(manifest.rows)
    assert target.connections == 1 + faults.count(AWAY)


def test_a_result_that_was_being_logged_is_not_dropped(manifest: Manifest) -> None:
    """With a manifest that does not list it yet, the queue alone can keep it."""
    target = Flaky()
    target.faults = [None, AWAY]
    backlog = Backlog(manifest.row, lambda: iter(()), manifest.named.__setitem__)
    following = CatchUp("Flaky", target.connect, backlog, close_timeout_s=30.0)
    following.start()
    following.add(result(0))
    deadline = time.monotonic() + 20
    while not target.logged and time.monotonic() < deadline:
        time.sleep(0.005)
    following.close()
    assert target.logged == [f"{0:016x}"]


def test_what_the_queue_can_not_hold_comes_from_the_manifest(
    target: Flaky,
    manifest: Manifest,
    follow: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catchup, "QUEUE_LENGTH", 2)
    target.faults = [AWAY] * 20
    follow(50)
    assert sorted(target.logged) == manifest.rows


REMEDY = "the schema is old; " + "a long remedy " * 40 + "END"


def test_a_lasting_fault_is_told_once_and_whole_and_may_be_mended_meanwhile(
    target: Flaky,
    manifest: Manifest,
    follow: Callable[[int], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    target.faults = [LastingError(REMEDY) for _ in range(5)]
    follow(3)
    assert [record.message for record in caplog.records] == [f"Flaky can't record: {REMEDY}"]
    assert sorted(target.logged) == manifest.rows


def test_what_is_promised_at_the_end_has_its_condition(
    target: Flaky, follow: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    target.faults = Always([LastingError("the schema is old")])
    follow(1)
    assert not target.logged
    assert caplog.records[-1].message == (
        "Flaky lacks some runs, which the manifest holds; once it is mended that the schema is "
        "old, the next start of this sweep adds them"
    )


def test_many_refusals_are_counted(
    target: Flaky, follow: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    target.faults = [None, *(RefusedError("too long") for _ in range(20))]
    follow(20)
    messages = [record.message for record in caplog.records]
    assert len(messages) == catchup.SHOWN_REFUSALS + 1
    assert messages[-1].startswith("Flaky refused ")


def test_what_is_logged_but_not_yet_noted_in_the_manifest_is_not_logged_again(
    target: Flaky, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unnoted() -> Iterator[dict[str, Any]]:
        return iter([{"run_id": row} for row in manifest.rows])

    backlog = Backlog(manifest.row, unnoted, manifest.named.__setitem__)
    following = CatchUp("Flaky", target.connect, backlog, close_timeout_s=30.0)
    following.start()
    for index in range(4):
        if index == 3:  # has to come from the manifest, with all the others
            monkeypatch.setattr(catchup, "QUEUE_LENGTH", 0)
        manifest.rows.append(f"{index:016x}")
        following.add(result(index))
        deadline = time.monotonic() + 20
        while len(target.logged) <= index and time.monotonic() < deadline:
            time.sleep(0.005)
    following.close()
    assert target.logged == manifest.rows
