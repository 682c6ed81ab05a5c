"""What every executor owes the driver, as tests for pytest: each outcome, once, whatever happens.

A package that offers an executor subclasses `ExecutorConformance` in one of its test modules::

    from blendsweep.testing.executors import ExecutorConformance

    class TestSlurm(ExecutorConformance):
        def make(self, settings):
            return SlurmExecutor(settings)

Workers have to see pytest's folder for temporary files and this installation of Blendsweep.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.dataset.results import Attempt, AttemptOutcome, Failure
from orchestrator.execution.executors.base import Executor
from orchestrator.execution.worker import WorkerSettings
from orchestrator.plan.run import Run
from orchestrator.plan.settings import Execution
from scene.execution.record import RunRecord
from scene.recipe.compose import Composition

PLUGINS = Path(__file__).with_name("plugins")
"""Folder of the plugin package ``probe``, with cheap and faulty steps."""

RECIPE = Path(__file__).with_name("cheap.yaml")
"""A recipe of two beads whose rendering steps are those of ``probe``."""

FAULT, LOG, SLEEP, STRIPES = (f"synth_chain.rendering_steps.{index}" for index in range(4))
"""Paths of its steps."""

PATIENCE_S = 120.0
"""Longest time in which a worker is warm, or a run of `RECIPE` is done."""

type Start = Callable[..., Executor]
type MakeAttempt = Callable[..., Attempt]


def outcomes(executor: Executor, count: int) -> list[AttemptOutcome]:
    """Wait for `count` outcomes."""
    found: list[AttemptOutcome] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {len(found)} of {count} outcomes"
        found += executor.wait(1.0)
    return found


def wait_until_free(executor: Executor, count: int = 1) -> None:
    """Wait until an executor takes `count` attempts."""
    deadline = time.monotonic() + PATIENCE_S
    while executor.free < count:
        assert time.monotonic() < deadline, f"it takes {executor.free} attempts, not {count}"
        assert executor.wait(1.0) == []


class ExecutorConformance:
    """Tests of one executor."""

    def make(self, settings: WorkerSettings) -> Executor:
        """Return the executor, not started yet."""
        raise NotImplementedError(f"{type(self).__name__} does not define make(settings)")

    @pytest.fixture
    def start(self, tmp_path: Path) -> Iterator[Start]:
        """Start an executor; all are closed at the end."""
        running: list[Executor] = []

        def start_executor(useful: int = 2, **execution: Any) -> Executor:
            output, plugins = str(tmp_path / "out"), (str(PLUGINS),)
            executor = self.make(WorkerSettings(output, plugins, Execution(**execution)))
            running.append(executor)
            executor.start()
            executor.scale(useful)
            return executor

        yield start_executor
        for executor in running:
            executor.close()

    @pytest.fixture
    def attempt_of(self) -> MakeAttempt:
        """Return what makes an attempt of a run with these overrides of `RECIPE`."""
        composition = Composition(RECIPE)

        def make(*overrides: str, number: int = 1, name: str = "a") -> Attempt:
            recipe = composition.resolve(overrides)
            return Attempt(Run(0, f"{name:0<16}", recipe, (), {}), number)

        return make

    def test_every_attempt_is_reported_once(
        self, start: Start, attempt_of: MakeAttempt, tmp_path: Path
    ) -> None:
        executor = start()
        attempts = [attempt_of(f"{STRIPES}.value={i}", name=f"run{i}") for i in range(4)]
        waiting = list(attempts)
        found: list[AttemptOutcome] = []
        while len(found) < 4:
            while waiting and executor.free:
                executor.submit(waiting.pop(0))
            found += executor.wait(1.0)
        assert sorted(o.attempt.run.run_id for o in found) == [a.run.run_id for a in attempts]
        assert executor.wait(0.0) == []
        for outcome in found:
            assert outcome.failure is None
            assert outcome.record is not None
            assert outcome.device == "CPU"
            assert outcome.started_at <= outcome.finished_at
            folder = tmp_path / "out" / "runs" / outcome.attempt.run.run_id
            record = RunRecord.from_json((folder / "record.json").read_text())
            assert record == outcome.record
            assert all((folder / file.path).stat().st_size == file.bytes for file in record.files)
            assert (folder / "preview.jpg").stat().st_size < 200_000

    @pytest.mark.parametrize("fault", ["raise", "exit"])
    def test_an_error_is_data_and_the_worker_goes_on(
        self, fault: str, start: Start, attempt_of: MakeAttempt, tmp_path: Path
    ) -> None:
        executor = start(useful=1)
        wait_until_free(executor)
        executor.submit(attempt_of(f"{FAULT}.kind={fault}"))
        (bad,) = outcomes(executor, 1)
        assert bad.record is None
        assert bad.failure is not None
        assert "Traceback" in bad.failure.log
        if fault == "raise":
            assert bad.failure.error_type == "StepError"
            assert "rendering_steps.0 (Fault): ValueError: a fault that was asked for" in (
                bad.failure.message
            )
        assert not (tmp_path / "out" / "runs").exists()
        assert executor.free == 1
        executor.submit(attempt_of(number=2))
        (good,) = outcomes(executor, 1)
        assert good.failure is None
        assert good.worker == bad.worker

    def test_a_killed_attempt_is_reported_once_and_others_can_follow(
        self, start: Start, attempt_of: MakeAttempt
    ) -> None:
        executor = start(useful=1)
        wait_until_free(executor)
        hung = attempt_of(f"{SLEEP}.seconds=600.0")
        executor.submit(hung)
        failure = Failure("AttemptTimeout", "took too long")
        executor.kill(hung, failure)
        (ended,) = outcomes(executor, 1)
        assert (ended.attempt, ended.failure) == (hung, failure)
        wait_until_free(executor)
        executor.submit(attempt_of(number=2))
        (good,) = outcomes(executor, 1)
        assert good.failure is None

    def test_a_published_run_is_taken_as_it_is(
        self, start: Start, attempt_of: MakeAttempt, tmp_path: Path
    ) -> None:
        log = tmp_path / "log"
        executor = start(useful=1)
        found = []
        for number in (1, 2):
            wait_until_free(executor)
            executor.submit(attempt_of(f"{LOG}.file={log}", number=number))
            found += outcomes(executor, 1)
        assert len(log.read_text().splitlines()) == 1
        assert found[0].record == found[1].record

    def test_a_damaged_run_is_set_aside_and_made_again(
        self, start: Start, attempt_of: MakeAttempt, tmp_path: Path
    ) -> None:
        attempt = attempt_of()
        damaged = tmp_path / "out" / "runs" / attempt.run.run_id
        damaged.mkdir(parents=True)
        (damaged / "record.json").write_text("{}")
        executor = start(useful=1)
        wait_until_free(executor)
        executor.submit(attempt)
        (good,) = outcomes(executor, 1)
        assert good.failure is None
        assert (damaged / "stripes.png").exists()
        assert len(list((tmp_path / "out" / "damaged").iterdir())) == 1

    def test_a_run_with_a_damaged_image_is_made_again(
        self, start: Start, attempt_of: MakeAttempt, tmp_path: Path
    ) -> None:
        executor, attempt = start(useful=1), attempt_of()
        image = tmp_path / "out" / "runs" / attempt.run.run_id / "stripes.png"
        found, contents = [], []
        for number in (1, 2):
            wait_until_free(executor)
            executor.submit(dataclasses.replace(attempt, number=number))
            found += outcomes(executor, 1)
            contents.append(image.read_bytes())
            image.write_bytes(contents[0][:-1] + b"x")
        assert [outcome.failure for outcome in found] == [None, None]
        assert contents[0] == contents[1]
        assert [path.name for path in (tmp_path / "out" / "damaged").iterdir()] == [
            f"{attempt.run.run_id}-1"
        ]

    def test_closing_again_is_harmless(self, start: Start) -> None:
        executor = start()
        executor.close()
        executor.close()
