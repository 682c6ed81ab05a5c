"""Processes that the tests start warm are such as a shell would start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.warm import Process, Warm

SHOW = """
import json, os, sys
print(json.dumps([sys.argv, os.environ.get("TOLD"), os.getcwd(), sys.stdin.read(), os.getpid()]))
print("a word", file=sys.stderr)
sys.exit(7)
"""


def test_a_process_has_its_own_arguments_environment_folder_and_end(
    warm: Warm, tmp_path: Path
) -> None:
    environment = os.environ | {"TOLD": "something"}
    process = warm.start("-c", SHOW, "one", 2, environment=environment, folder=tmp_path)
    assert isinstance(process, Process)
    out, err = process.communicate(timeout=60)
    assert json.loads(out) == [["-c", "one", "2"], "something", str(tmp_path), "", process.pid]
    assert err == "a word\n"
    assert (process.poll(), process.returncode) == (7, 7)
    after = warm.start("-c", SHOW)
    assert json.loads(after.communicate(timeout=60)[0])[1] is None


def test_a_process_runs_beside_others_until_a_signal_ends_it(warm: Warm) -> None:
    process = warm.start("-c", "import time; print('here', flush=True); time.sleep(600)")
    other = warm.start("-c", "1 / 0")
    assert "ZeroDivisionError" in other.communicate(timeout=60)[1]
    assert (other.returncode, process.poll()) == (1, None)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.1)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    process.kill()


def test_a_module_is_started_as_python_starts_it(warm: Warm) -> None:
    words = ("-m", "orchestrator", "status", "--help")
    out, _ = warm.start(*words).communicate(timeout=60)
    assert out == subprocess.check_output([sys.executable, *words], text=True)


def test_what_is_read_at_import_takes_a_process_from_scratch(warm: Warm) -> None:
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    words = ("-c", "print(hash('a'))")
    out, _ = warm.start(*words, environment=environment).communicate(timeout=60)
    assert out == subprocess.check_output([sys.executable, *words], text=True, env=environment)
