"""``ray job submit``, as docs/cluster.md has it, against a cluster of this machine."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.blender, pytest.mark.ray, pytest.mark.slow]

HEAD = """
import sys, ray
ray.init("local", num_cpus=2, object_store_memory=80 * 2**20, include_dashboard=True,
         dashboard_port=int(sys.argv[1]), log_to_driver=False, logging_level="ERROR")
print("READY", flush=True)
sys.stdin.read()
"""

SLEEP = "synth_chain.rendering_steps.2"


@pytest.fixture
def dashboard() -> Iterator[str]:
    """URL of the dashboard of a Ray cluster of two CPUs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-c", HEAD, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_JOB_STOP_WAIT_TIME_S": "30"},
    ) as head:
        assert head.stdout is not None
        assert any(line.strip() == "READY" for line in head.stdout)
        yield f"http://127.0.0.1:{port}"
        head.communicate(timeout=60)


def job(*arguments: str) -> str:
    """Run ``ray job`` and return what it prints."""
    ray = Path(sys.executable).parent / "ray"
    done = subprocess.run(
        [ray, "job", *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=os.environ | {"RAY_AUTH_MODE": "token"},
    )
    return done.stdout + done.stderr


def test_a_submitted_sweep_is_watched_stopped_and_resumed(
    dashboard: str, cheap_sweep: Callable[..., Path], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    sweep = cheap_sweep(24, f"{SLEEP}.seconds=1.5")
    command = [sys.executable, "-m", "orchestrator", str(sweep), "--address", "auto"]
    command += ["--output", str(output), "--no-mlflow"]
    address = ["--address", dashboard]

    told = job("submit", *address, "--no-wait", "--", *command)
    name = re.search(r"raysubmit_\w+", told)
    assert name is not None, told
    deadline = time.monotonic() + 120
    while not list((output / "runs").glob("*")):
        assert time.monotonic() < deadline, job("logs", *address, name[0])
        time.sleep(0.2)
    job("stop", *address, name[0])
    told = job("logs", *address, name[0])
    assert "interrupted; this resumes where it stopped" in told, told
    assert 1 <= len(list((output / "runs").iterdir())) < 24

    told = job("submit", *address, "--", *command)
    assert "succeeded" in told, told
    assert "24/24 runs done" in told
    assert len(pq.read_table(output / "manifest")) == 24
