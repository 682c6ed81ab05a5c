"""Reservation of GPUs, on a cluster that says it has some; this machine need not have any."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.blender, pytest.mark.ray]


def test_workers_share_the_gpus_of_a_cluster_and_never_fall_back_silently(
    orchestrate: Callable[..., Any],
    cheap_sweep: Callable[..., Path],
    ray_cluster: Callable[..., AbstractContextManager[Any]],
    tmp_path: Path,
) -> None:
    sweep, output = cheap_sweep(2), tmp_path / "out"
    with ray_cluster({"num_cpus": 2, "num_gpus": 1}) as cluster:
        arguments = [sweep, "--output", output, "--no-mlflow", "--address", cluster.address]
        done = orchestrate(*arguments)
        assert done.code == 2, done.out + done.err
        assert (
            "no worker can start: DeviceError: 0.5 GPU reserved for this worker, but Cycles finds "
            "none" in done.err
        )
        done = orchestrate(*arguments, "--gpus-per-worker", "0")
        assert done.code == 0, done.out + done.err
