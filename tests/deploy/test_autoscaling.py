"""A cluster that grows and shrinks for real, on Ray's own stand-in for a cloud.

Starting and stopping it runs ``ray stop --force``, which ends every Ray of this machine: this
round has a recipe of its own, ``just autoscale``, and runs beside nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.blender, pytest.mark.ray, pytest.mark.slow, pytest.mark.autoscale]

LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in (1, 2))
RUNS = 40

CLUSTER = """
import sys, time
import ray
from ray.cluster_utils import AutoscalingCluster
from ray.autoscaler._private.fake_multi_node import node_provider

class Cloud(AutoscalingCluster):
    def _generate_config(self, head_resources, worker_node_types, autoscaler_v2=False, **config):
        return {
            "cluster_name": "fake",
            "max_workers": 4,
            "upscaling_speed": 1.0,
            "idle_timeout_minutes": 0.2,
            "provider": {
                "type": "external",
                "module": "ray.autoscaler._private.fake_multi_node.node_provider."
                          "FakeMultiNodeProvider",
                "use_node_id_as_ip": True,
                "disable_node_updaters": True,
                "disable_launch_config_check": True,
                "head_node_id": node_provider.FAKE_HEAD_NODE_ID,
                "launch_multiple": True,
            },
            "auth": {"ssh_user": "u"},
            "docker": {}, "initialization_commands": [], "setup_commands": [],
            "head_setup_commands": [], "worker_setup_commands": [],
            "head_start_ray_commands": [], "worker_start_ray_commands": [],
            "file_mounts": {}, "cluster_synced_files": [], "file_mounts_sync_continuously": False,
            "rsync_exclude": [], "rsync_filter": [],
            "head_node_type": "ray.head.default",
            "available_node_types": {
                "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
                "ray.worker.default": {"resources": {"CPU": 1}, "node_config": {},
                           "min_workers": 0, "max_workers": 3},
            },
        }

cloud = Cloud(head_resources={"CPU": 0}, worker_node_types={}, autoscaler_v2=True)
cloud.start()
ray.init("auto", log_to_driver=False, logging_level="ERROR")
print("ADDRESS", ray.get_runtime_context().gcs_address, flush=True)
started = time.monotonic()
seen = None
while True:
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    if len(nodes) != seen:
        seen = len(nodes)
        print("NODES", seen, round(time.monotonic() - started, 1), flush=True)
    time.sleep(0.5)
"""


def test_a_sweep_makes_a_cluster_grow_and_lets_it_shrink(
    spawn: Callable[..., subprocess.Popen[str]], cheap_sweep: Callable[..., Path], tmp_path: Path
) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    sweep = cheap_sweep(RUNS, f"{LOG}.file={log}", f"{SLEEP}.seconds=2.0")
    # Ray calls its own commands by name.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "PATH": path}
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as cloud:
        try:
            _watch(cloud, spawn, sweep, output, log)
        finally:
            cloud.kill()
            stop = ["ray", "stop", "--force"]
            subprocess.run(stop, capture_output=True, check=False, env=environment)
    rows: list[dict[str, Any]] = pq.read_table(output / "manifest").to_pylist()
    assert len(rows) == len({row["run_id"] for row in rows}) == RUNS
    assert {row["status"] for row in rows} == {"succeeded"}
    assert max(row["attempts"] for row in rows) == 2
    assert len({row["worker"] for row in rows}) >= 3


def _watch(
    cloud: subprocess.Popen[str],
    spawn: Callable[..., subprocess.Popen[str]],
    sweep: Path,
    output: Path,
    log: Path,
) -> None:
    import psutil

    assert cloud.stdout is not None
    words = (line.split() for line in cloud.stdout)
    address = next(found[1] for found in words if found[:1] == ["ADDRESS"])
    start = time.monotonic()

    def wait_for_nodes(reached: Callable[[int], bool]) -> None:
        for found in words:
            if found[:1] == ["NODES"]:
                print(f"{time.monotonic() - start:6.1f} s: {found[1]} nodes", flush=True)
                if reached(int(found[1])):
                    return

    wait_for_nodes(lambda count: count == 0)
    process = spawn(
        *(sweep, "--output", output, "--address", address, "--shared-output", "--no-mlflow"),
        RAY_AUTH_MODE="token",  # ``ray start`` asks for it where one lies in the home folder
    )
    wait_for_nodes(lambda count: count == 3)
    while not log.exists() or len(set(log.read_text().split())) < 3:
        assert process.poll() is None
        time.sleep(0.1)
    # The node of one worker is taken away: its raylet, and with it all that it started.
    worker = psutil.Process(int(log.read_text().split()[-1]))
    worker.parent().kill()
    print(f"{time.monotonic() - start:6.1f} s: a node was killed", flush=True)
    out, err = process.communicate(timeout=300)
    print(f"{time.monotonic() - start:6.1f} s: the sweep is done", flush=True)
    print(out)
    assert process.returncode == 0, out + err
    wait_for_nodes(lambda count: count == 0)
