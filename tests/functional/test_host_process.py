"""A sweep inside another program leaves that program as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.blender

OWN = ("MLFLOW_", "DO_NOT_TRACK", "OMP_NUM", "OPENBLAS", "MKL_", "NUMEXPR", "VECLIB", "BLENDSWEEP",
       "TMPDIR", "RAY_USAGE", "RAY_ENABLE", "RAY_DEDUP")  # fmt: skip
"""How variables begin that a sweep sets; bpy, Ray and pyarrow set others as they are imported."""

LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in (1, 2))

HOST = """
import json, logging, os, signal, sys, threading, time, warnings

def state():
    levels = {name: logging.getLogger(name).level for name in ("", "urllib3", "alembic")}
    return {
        "handlers": [repr(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)],
        "environment": {k: v for k, v in os.environ.items()},
        "folder": os.getcwd(),
        "path": list(sys.path),
        "levels": levels,
        "excepthook": repr(threading.excepthook),  # that of sys is of Ray, once it is imported
        "streams": [repr(type(sys.stdout)), repr(type(sys.stderr))],
        "umask": os.umask(os.umask(0o022)) and None,
        "timers": [
            repr(t.function) for t in threading.enumerate()
            if isinstance(t, threading.Timer) and not t.finished.is_set()
        ],
        "threads": [t.name for t in threading.enumerate() if t.name in ("MLflow", "ray", "lease")],
    }

from orchestrator.common import interruption
from orchestrator.execution.launch import run_sweep
from orchestrator.plan.loading import load_sweep

interruption.TERMINATION_LIMIT_S = 240.0  # a busy machine may need more than the usual time
sweep, output, executor, log = sys.argv[1:]
loaded = load_sweep(sweep, output=output, executor=executor)
before = state()

def terminate():
    while not os.path.exists(log):
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=terminate, daemon=True).start()
summary = run_sweep(loaded, handle_signals=True)
after = state()
print(json.dumps({"complete": summary.complete, "before": before, "after": after}))
"""


@pytest.mark.parametrize("executor", ["inline", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_host_is_as_it_was_after_a_sweep_that_a_sigterm_ended(
    executor: str, cheap_sweep: Callable[..., Path], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    sweep = cheap_sweep(3, f"{LOG}.file={log}", f"{SLEEP}.seconds=1.5")
    done = subprocess.run(
        [sys.executable, "-c", HOST, sweep, tmp_path / "out", executor, log],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert not found["complete"]
    before, after = found["before"], found["after"]
    changed = before["environment"].items() ^ after["environment"].items()
    assert sorted(name for name, _ in changed if name.startswith(OWN)) == []
    after["path"] = [place for place in after["path"] if "ray/thirdparty_files" not in place]
    of_all = {key: after[key] for key in after if after[key] != before[key]}
    assert of_all.keys() <= {"environment"}
