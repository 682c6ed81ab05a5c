"""Reservation of GPUs, on clusters that say they have some; this machine need not have any."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.conftest import Done
from tests.warm import CommandLine

pytestmark = [pytest.mark.blender, pytest.mark.ray]

STAND_IN = Path(__file__).parents[1] / "standins" / "gpus"
LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in (1, 2))

type Clusters = Callable[..., AbstractContextManager[Any]]


def test_a_worker_with_a_share_of_a_gpu_never_falls_back_silently(
    orchestrate: Callable[..., Any],
    cheap_sweep: Callable[..., Path],
    ray_cluster: Clusters,
    tmp_path: Path,
) -> None:
    sweep, output = cheap_sweep(2), tmp_path / "out"
    with ray_cluster({"num_cpus": 2, "num_gpus": 1}) as cluster:
        arguments = [sweep, "--output", output, "--no-mlflow", "--address", cluster.address]
        arguments += ["--workers", "1"]
        done = orchestrate(*arguments)
        assert done.code == 2, done.out + done.err
        assert (
            "no worker can start: DeviceError: 0.5 GPU reserved for this worker, but Cycles finds "
            "none" in done.err
        )
        done = orchestrate(*arguments, "--gpus-per-worker", "0")
        assert done.code == 0, done.out + done.err
        assert set(pq.read_table(output / "manifest")["device"].to_pylist()) == {"CPU"}


@pytest.mark.parametrize(
    ("gpus", "share", "workers_on"),
    [
        (1, "0.5", {"Stand-in GPU 0": 2}),
        pytest.param(*(2, "1", {"Stand-in GPU 0": 1, "Stand-in GPU 1": 1}), marks=pytest.mark.slow),
        pytest.param(1, "1", {"Stand-in GPU 0": 1}, marks=pytest.mark.slow),
    ],
)
def test_ray_decides_which_gpu_a_worker_sees_and_how_many_share_it(
    gpus: int,
    share: str,
    workers_on: dict[str, int],
    spawn: Callable[..., CommandLine],
    cheap_sweep: Callable[..., Path],
    ray_cluster: Clusters,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    output, log, until = tmp_path / "out", tmp_path / "log", tmp_path / "until"
    sweep = cheap_sweep(8, f"{LOG}.file={log}", f"{SLEEP}.seconds=100.0", f"+{SLEEP}.until={until}")
    monkeypatch.setenv("PYTHONPATH", str(STAND_IN))
    with ray_cluster({"num_cpus": 2, "num_gpus": gpus}) as cluster:
        process = spawn(
            *(sweep, "--output", output, "--no-mlflow", "--address", cluster.address),
            *("--gpus-per-worker", share),
        )
        while not log.exists() or len(log.read_text().splitlines()) < sum(workers_on.values()):
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(2)  # one worker too many would come up with the others
        until.touch()
        done = Done.of(process)
    assert done.code == 0, done.out + done.err
    rows = pq.read_table(output / "manifest", columns=["device", "worker"]).to_pylist()
    workers = {(row["device"], row["worker"]) for row in rows}
    found: dict[str, int] = {}
    for device, _ in workers:
        found[device] = found.get(device, 0) + 1
    assert found == workers_on
