"""Every registered executor, on the suite that third parties test theirs by; and Ray's own."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import psutil
import pytest

from blendsweep.testing.executors import (
    FAULT,
    LOG,
    PLUGINS,
    SLEEP,
    ExecutorConformance,
    MakeAttempt,
    Start,
    outcomes,
    wait_until_free,
)
from orchestrator.execution.errors import WorkerStartError
from orchestrator.execution.executors import EXECUTORS
from orchestrator.execution.executors.base import Executor
from orchestrator.execution.worker import WorkerSettings
from orchestrator.plan.settings import Execution

pytestmark = pytest.mark.blender


class TestInline(ExecutorConformance):
    def make(self, settings: WorkerSettings) -> Executor:
        return EXECUTORS["inline"](settings)


@pytest.mark.ray
class TestRay(ExecutorConformance):
    @pytest.fixture(autouse=True)
    def _address(self, ray_address: str) -> None:
        self.address = ray_address

    def make(self, settings: WorkerSettings) -> Executor:
        execution = settings.execution.model_copy(update={"address": self.address})
        return EXECUTORS["ray"](dataclasses.replace(settings, execution=execution))

    @pytest.mark.parametrize("fault", ["segfault", "killed"])
    def test_a_dead_worker_fails_its_attempt_and_is_replaced(
        self, fault: str, start: Start, attempt_of: MakeAttempt, tmp_path: Path
    ) -> None:
        executor = start(useful=1)
        wait_until_free(executor)
        if fault == "segfault":
            executor.submit(attempt_of(f"{FAULT}.kind=segfault"))
        else:
            log = tmp_path / "log"
            executor.submit(attempt_of(f"{LOG}.file={log}", f"{SLEEP}.seconds=600.0"))
            while not (log.exists() and log.read_text().endswith("\n")):
                time.sleep(0.05)  # a file is there before its line is
            psutil.Process(int(log.read_text())).kill()
        (died,) = outcomes(executor, 1)
        assert died.failure is not None
        assert died.failure.error_type == "WorkerDied"
        if fault == "segfault":
            assert "Segmentation fault" in died.failure.log
            assert "string_at" in died.failure.log
        wait_until_free(executor)
        executor.submit(attempt_of(number=2))
        (good,) = outcomes(executor, 1)
        assert good.failure is None
        assert good.worker != died.worker

    def test_two_workers_work_at_once(self, start: Start, attempt_of: MakeAttempt) -> None:
        executor = start(useful=2)
        wait_until_free(executor, 2)
        for name in ("one", "two"):
            executor.submit(attempt_of(f"{SLEEP}.seconds=1.5", name=name))
        one, two = outcomes(executor, 2)
        assert one.worker != two.worker
        assert max(one.started_at, two.started_at) < min(one.finished_at, two.finished_at)

    def test_a_worker_is_recycled_after_so_many_runs(
        self, start: Start, attempt_of: MakeAttempt
    ) -> None:
        executor = start(useful=1, recycle_after_runs=1)
        workers = []
        for index in range(2):
            wait_until_free(executor)
            executor.submit(attempt_of(name=f"run{index}"))
            workers += [outcome.worker for outcome in outcomes(executor, 1)]
        assert len(set(workers)) == 2

    def test_workers_beyond_the_useful_number_are_let_go(self, start: Start) -> None:
        executor = start(useful=2)
        wait_until_free(executor, 2)
        executor.scale(1)
        assert executor.workers == 1

    def test_a_cluster_that_does_not_answer_is_named(self, tmp_path: Path) -> None:
        executor = EXECUTORS["ray"](
            WorkerSettings(str(tmp_path), execution=Execution(address="127.0.0.1:1"))
        )
        executor.start()
        with pytest.raises(WorkerStartError, match=r"Ray at 127\.0\.0\.1:1 can't be used"):
            executor.wait(60.0)
        executor.close()

    # The last two embed a Ray. A process that did so can't use the tests' shared one any more:
    # Ray cancels the actors that it asks for.
    def test_a_reservation_that_this_machine_can_not_hold_is_refused(self, tmp_path: Path) -> None:
        executor = EXECUTORS["ray"](
            WorkerSettings(str(tmp_path), execution=Execution(workers=1, cpus_per_worker=1000.0))
        )
        executor.start()
        executor.scale(1)
        with pytest.raises(WorkerStartError, match="a worker reserves 1000 CPUs"):
            executor.wait(60.0)
        executor.close()

    def test_an_embedded_ray_leaves_no_process_behind(
        self, tmp_path: Path, attempt_of: MakeAttempt
    ) -> None:
        before = {process.pid for process in psutil.Process().children(recursive=True)}
        executor = EXECUTORS["ray"](
            WorkerSettings(str(tmp_path / "out"), (str(PLUGINS),), Execution(workers=1))
        )
        executor.start()
        executor.scale(1)
        wait_until_free(executor)
        executor.submit(attempt_of(f"{SLEEP}.seconds=600.0"))
        started = [
            process
            for process in psutil.Process().children(recursive=True)
            # The tests' shared cluster may bring up a worker meanwhile.
            if not before & {process.pid, *(parent.pid for parent in process.parents())}
        ]
        assert started
        executor.close()
        # They are killed by now; on a busy machine the kernel takes a moment to end them.
        _, left = psutil.wait_procs(started, timeout=10)
        assert left == []


def test_every_registered_executor_is_tested_here() -> None:
    tested = {name.removeprefix("Test").lower() for name in globals() if name.startswith("Test")}
    assert tested == set(EXECUTORS)
