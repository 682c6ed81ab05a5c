"""A local Ray: where its files go, and what is said when it does not start."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.execution.errors import WorkerStartError
from orchestrator.execution.executors.ray import cluster, host
from orchestrator.execution.executors.ray.executor import LEAST_PENDING, RayExecutor
from orchestrator.execution.executors.ray.host import LONGEST_SOCKET, ray_folder
from orchestrator.execution.worker import WorkerSettings
from orchestrator.plan.settings import Execution


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.delenv("TMPDIR", raising=False)
    return Path(tempfile.mkdtemp(dir="/tmp", prefix="b"))


def test_it_is_where_ray_would_put_it(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nonexistent")
    monkeypatch.setenv("RAY_TMPDIR", str(short))
    assert ray_folder() == short / "ray"
    monkeypatch.delenv("RAY_TMPDIR")
    monkeypatch.setenv("TMPDIR", str(short))
    assert ray_folder() == short / "ray"
    short.rmdir()


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
@pytest.mark.parametrize("place", ["long", "missing", "file", "full"])
def test_another_place_is_taken_where_that_can_not_be(
    variable: str, place: str, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    folder = {
        "long": tmp_path / ("x" * 60), "missing": short / "no", "file": file, "full": short,
    }[place]  # fmt: skip
    if place == "long":
        folder.mkdir()
    if place == "full":
        usage = host.shutil.disk_usage
        monkeypatch.setattr(
            host.shutil,
            "disk_usage",
            lambda of: usage(of)._replace(free=0) if str(of).startswith(str(short)) else usage(of),
        )
    monkeypatch.setenv(variable, str(folder))
    found = ray_folder()
    assert found.parent != folder
    assert len(f"{found}{host._SOCKET}") <= LONGEST_SOCKET
    short.rmdir()


def test_no_place_at_all_is_told(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "LEAST_RAY_BYTES", 2**70)
    short.rmdir()
    with pytest.raises(OSError, match="/tmp is full; /var/tmp is full"):
        ray_folder()


def start(monkeypatch: pytest.MonkeyPatch, error: Exception, successes_after: int) -> list[Path]:
    tries: list[Path] = []

    def init(folder: Path) -> None:
        tries.append(folder)
        if len(tries) <= successes_after:
            raise error

    @contextmanager
    def children():  # noqa: ANN202
        yield lambda: None

    monkeypatch.setattr(cluster, "init_embedded", init)
    monkeypatch.setattr(cluster, "children_ended_with_this_process", children)
    ray = cluster.Cluster(None, {})
    ray.start()
    try:
        assert ray.ready(60.0)
    finally:
        ray.close()
    return tries


SLOW = Exception("The current node timed out during startup.")


def test_a_ray_that_is_slow_to_start_is_tried_once_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(start(monkeypatch, SLOW, 1)) == 2
    assert "it is tried again: The current node timed out" in caplog.text


@pytest.mark.parametrize("error", [SLOW, OSError("no room"), ValueError("wrong")])
def test_a_ray_that_does_not_start_is_told_with_what_does_without_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkerStartError) as caught:
        start(monkeypatch, error, 99)
    told = str(caught.value)
    assert str(error).rstrip(".") in told
    assert "RAY_TMPDIR or TMPDIR" in told
    assert "--executor inline does without Ray" in told


def test_what_a_worker_reserves_waits_for_the_clusters_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = RayExecutor(WorkerSettings(str(tmp_path), execution=Execution(address="head:6379")))
    executor._useful = 9
    size = cluster.Size()
    monkeypatch.setattr(executor._cluster, "size", lambda: size)
    assert executor._target() == 0  # the head has not answered: does the cluster have GPUs?
    size = cluster.Size(machines=1, cpus=8.0, gpus=1.0)
    assert executor._target() == 2 + LEAST_PENDING
    size = cluster.Size(machines=1, cpus=8.0, gpus=0.0)
    assert executor._target() == LEAST_PENDING
