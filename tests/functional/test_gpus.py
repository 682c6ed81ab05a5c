"""Reservation of GPUs, on a cluster that says it has some; this machine need not have any."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.blender, pytest.mark.ray]

HEAD = """
import sys
from ray.cluster_utils import Cluster

args = {"num_cpus": 2, "num_gpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=args)
print("ADDRESS", cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture
def gpu_address() -> Iterator[str]:
    """Address of a Ray cluster with two CPUs and one GPU that exists in its books only."""
    with subprocess.Popen(
        [sys.executable, "-c", HEAD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as head:
        assert head.stdout is not None
        lines = (line.split() for line in head.stdout)
        yield next(words[1] for words in lines if words[:1] == ["ADDRESS"])
        head.communicate(timeout=60)


def test_workers_share_the_gpus_of_a_cluster_and_never_fall_back_silently(
    orchestrate: Callable[..., Any],
    cheap_sweep: Callable[..., Path],
    gpu_address: str,
    tmp_path: Path,
) -> None:
    sweep, output = cheap_sweep(2), tmp_path / "out"
    arguments = [sweep, "--output", output, "--no-mlflow", "--address", gpu_address]
    done = orchestrate(*arguments)
    assert done.code == 2, done.out + done.err
    assert (
        "no worker can start: DeviceError: 0.5 GPU reserved for this worker, but Cycles finds none"
        in done.err
    )
    done = orchestrate(*arguments, "--gpus-per-worker", "0")
    assert done.code == 0, done.out + done.err
