"""A sweep called from Python: silent, on any thread, without a terminal, and stopped by its caller.

The inline executor renders in its caller's process, and so each test has a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Done
from tests.warm import Warm

pytestmark = pytest.mark.blender

LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in (1, 2))

START = """
import json, os, signal, sys, threading, time
from orchestrator.execution.launch import run_sweep
from orchestrator.plan.loading import load_sweep

sweep, output, log = sys.argv[1:]
loaded = load_sweep(sweep, output=output, executor="inline", mlflow=False)
found = {}

def when_a_run_is_at_work(action):
    def wait():
        while not os.path.exists(log):
            time.sleep(0.02)
        action()
    threading.Thread(target=wait, daemon=True).start()

def take(summary):
    found.update(counts=[summary.counts.done, summary.counts.left], complete=summary.complete)
    found["lines"] = list(summary.lines())
"""

END = """
print(json.dumps(found))
"""


@pytest.fixture
def call(
    warm: Warm, cheap_sweep: Callable[..., Path], tmp_path: Path
) -> Callable[..., dict[str, Any]]:
    """Run Python code that calls for a sweep of so many runs."""

    def run(code: str, runs: int = 2, seconds: float = 0.0) -> dict[str, Any]:
        log = tmp_path / "log"
        log.unlink(missing_ok=True)
        sweep = cheap_sweep(runs, f"{LOG}.file={log}", f"{SLEEP}.seconds={seconds}")
        code = START + code + END
        done = Done.of(warm.start("-c", code, sweep, tmp_path / "out", log))
        assert (done.code, done.err) == (0, ""), done.err
        *printed, last = done.out.splitlines()
        found: dict[str, Any] = json.loads(last)
        return found | {"printed": printed}

    return run


def test_a_call_prints_nothing_and_tells_a_function_of_every_run(
    call: Callable[..., dict[str, Any]],
) -> None:
    found = call("""
seen = []
take(run_sweep(loaded, progress=lambda counts: seen.append(counts.done)))
found["seen"] = seen
""")
    assert found["counts"] == [2, 0]
    assert found["printed"] == []
    assert found["seen"] == sorted(found["seen"])
    assert set(found["seen"]) == {0, 1, 2}
    assert not any("this resumes" in line for line in found["lines"])


def test_a_notebook_has_no_file_behind_its_output(call: Callable[..., dict[str, Any]]) -> None:
    found = call("""
import io
out, sys.stdout = sys.stdout, io.StringIO()
take(run_sweep(loaded, progress="auto"))
found["shown"], sys.stdout = sys.stdout.getvalue(), out
""")
    assert found["counts"] == [2, 0]
    assert found["printed"] == []
    assert "2/2 runs done" in found["shown"]


@pytest.mark.ray
def test_any_thread_can_call_either_executor(
    call: Callable[..., dict[str, Any]],
) -> None:
    found = call("""
def work():
    options = {"output": output, "mlflow": False}
    inline = load_sweep(sweep, executor="inline", limit=1, **options)
    found["inline"] = run_sweep(inline).counts.done
    ray = load_sweep(sweep, executor="ray", workers=1, **options)
    take(run_sweep(ray, handle_signals=True))

thread = threading.Thread(target=work)
thread.start()
thread.join()
""")
    assert found["inline"] == 1
    assert found["counts"] == [1, 0]


def test_an_event_lets_the_run_in_flight_finish(call: Callable[..., dict[str, Any]]) -> None:
    found = call(
        """
stop = threading.Event()
when_a_run_is_at_work(stop.set)
take(run_sweep(loaded, stop=stop))
take_again = run_sweep(loaded)
found["again"] = [take_again.counts.done, take_again.counts.skipped, take_again.complete]
""",
        runs=3,
        seconds=1.0,
    )
    assert (found["counts"], found["complete"]) == ([1, 2], False)
    assert found["again"] == [2, 1, True]


def test_a_ctrl_c_is_the_callers_and_leaves_what_was_recorded(
    call: Callable[..., dict[str, Any]],
) -> None:
    found = call(
        """
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
before = signal.getsignal(signal.SIGINT)
when_a_run_is_at_work(lambda: os.kill(os.getpid(), signal.SIGINT))
try:
    run_sweep(loaded)
except KeyboardInterrupt:
    found["interrupted"] = True
found["handler"] = signal.getsignal(signal.SIGINT) is before
take(run_sweep(loaded))
""",
        seconds=1.0,
    )
    assert (found["interrupted"], found["handler"]) == (True, True)
    assert (found["counts"], found["complete"]) == ([2, 0], True)
