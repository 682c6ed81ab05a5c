"""Sweeps that have to stop: a full disk, an output that can't be written, a SIGTERM."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.blender

FAULT, LOG, SLEEP = (f"synth_chain.rendering_steps.{index}" for index in range(3))

type Orchestrate = Callable[..., Any]
type Spawn = Callable[..., subprocess.Popen[str]]
type CheapSweep = Callable[..., Path]
type Audit = Callable[..., list[dict[str, Any]]]


@pytest.mark.slow
@pytest.mark.ray
def test_a_full_disk_stops_the_sweep_which_resumes_once_there_is_room(
    orchestrate: Orchestrate,
    ray_address: str,
    cheap_sweep: CheapSweep,
    audit: Audit,
    small_disk: Path,
) -> None:
    output = small_disk / "out"
    ballast = small_disk / "ballast"
    # A run keeps a megabyte: the disk of three holds one or two beside the ballast.
    sweep = cheap_sweep(2, f"{FAULT}.kind=fill_disk", f"{FAULT}.megabytes=1")
    ballast.write_bytes(bytes(3 * 2**19))
    arguments = [sweep, "--output", output, "--no-mlflow", "--address", ray_address]
    arguments += ["--workers", "1"]
    done = orchestrate(*arguments, "--max-attempts", "1")
    assert done.code == 130, done.out + done.err
    assert f"error: the output {output} can't be used: No space left on device" in done.err
    assert "the same command goes on where it stopped" in done.err
    ballast.unlink()
    done = orchestrate(*arguments, "--max-attempts", "1")
    assert done.code == 0, done.out + done.err
    audit(output, succeeded=2, mlflow=False, extra=("ballast",))


@pytest.mark.slow
def test_a_disk_that_fills_under_the_manifest_stops_the_sweep(
    orchestrate: Orchestrate,
    spawn: Spawn,
    cheap_sweep: CheapSweep,
    audit: Audit,
    small_disk: Path,
    tmp_path: Path,
) -> None:
    output, ballast, log = small_disk / "out", small_disk / "ballast", tmp_path / "log"
    sweep = cheap_sweep(8, f"{LOG}.file={log}", f"{SLEEP}.seconds=0.7")
    arguments = [sweep, "--output", output, "--no-mlflow", "--executor", "inline"]
    process = spawn(*arguments)
    while not log.exists():
        assert process.poll() is None
        time.sleep(0.02)
    with ballast.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(2**14))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "No space left on device" in err
    ballast.unlink()
    done = orchestrate(*arguments)
    assert done.code == 0, done.out + done.err
    audit(output, succeeded=8, mlflow=False)


def test_another_disk_that_is_full_costs_its_run_alone(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, audit: Audit, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    sweep = cheap_sweep(1, f"{FAULT}.kind=say_full,none")
    arguments = ["--output", output, "--executor", "inline", "--no-mlflow", "--max-attempts", "1"]
    done = orchestrate(sweep, *arguments)
    assert done.code == 1, done.out + done.err
    rows = audit(output, succeeded=1, failed=1, mlflow=False)
    (bad,) = [row for row in rows if row["status"] == "failed"]
    assert "No space left on device: '/elsewhere/x'" in bad["error_message"]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("/proc/blendsweep", "output: {output} can't be written: "),
        ("{file}/out", "--output: {output}: {file} is not a folder, as an output is"),
    ],
)
def test_an_output_that_can_not_be_written_is_refused_at_once(
    place: str, told: str, orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    output = place.format(file=tmp_path / "file")
    done = orchestrate(cheap_sweep(1), "--output", output, "--executor", "inline")
    assert done.code == 2, done.out + done.err
    assert told.format(output=output, file=tmp_path / "file") in done.err
    assert len(done.err.splitlines()) == 1


@pytest.fixture
def mute_server() -> Iterator[str]:
    """URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.slow
@pytest.mark.ray
def test_a_sigterm_ends_a_sweep_in_bounded_time(
    orchestrate: Orchestrate,
    spawn: Spawn,
    ray_address: str,
    cheap_sweep: CheapSweep,
    audit: Audit,
    mute_server: str,
    tmp_path: Path,
) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    # The first run ends at once, the second in ten minutes, and MLflow never answers.
    sweep = cheap_sweep(1, f"{LOG}.file={log}", f"{SLEEP}.seconds=0.0,600.0")
    arguments = [sweep, "--output", output, "--address", ray_address]
    process = spawn(*arguments, "--workers", "1", "--tracking-uri", mute_server)
    while not log.exists() or len(log.read_text().splitlines()) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    start = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - start < 30
    assert process.returncode == 130, out + err
    assert "same command resumes" in err or "this resumes where it stopped" in out
    done = orchestrate(*arguments, "--no-mlflow", f"{SLEEP}.seconds=0.0,0.1")
    assert done.code == 0, done.out + done.err
    assert len(log.read_text().splitlines()) == 3
    audit(output, succeeded=2, mlflow=False)


def test_files_that_belong_to_nobody_do_not_stop_a_sweep(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, audit: Audit, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / ".lock").write_text("process 999999 on elsewhere\n")  # of a driver that died
    (output / ".attempts" / "old").mkdir(parents=True)
    (output / "link").symlink_to("/nonexistent")
    options = ["--output", output, "--executor", "inline", "--no-mlflow"]
    done = orchestrate(cheap_sweep(2), *options)
    assert done.code == 0, done.out + done.err
    audit(output, succeeded=2, mlflow=False)
