"""Every command that a sweep prints runs in a shell as it stands, whatever the output is called."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.blender

ODD = ['it\'s #1; a&b "é" $HOME `x` (100%)?', 'it\'s #1; a&b "é" $HOME `x` (100%)?y=2', "a%20b\n c"]
"""The first two are one to whoever takes a question mark for the end of a path."""

FAULT, LOG, SLEEP, VALUE = (f"synth_chain.rendering_steps.{index}" for index in range(4))

type Orchestrate = Callable[..., Any]
type Spawn = Callable[..., subprocess.Popen[str]]
type CheapSweep = Callable[..., Path]
type Audit = Callable[..., list[dict[str, Any]]]


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=120, check=False
    )


def printed(text: str, before: str) -> str:
    """Return the command that follows some words on their line."""
    found = re.search(f"{re.escape(before)}(.*)", text)
    assert found is not None, text
    return found[1].strip()


def experiments(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [name for (name,) in connection.execute("select artifact_location from experiments")]


@pytest.mark.timeout(600)
def test_each_printed_command_runs_when_pasted(
    spawn: Spawn,
    orchestrate: Orchestrate,
    cheap_sweep: CheapSweep,
    audit: Audit,
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    log, until = tmp_path / "log", tmp_path / "until"
    sweep = cheap_sweep(
        3, f"{LOG}.file={log}", f"{SLEEP}.seconds=1.0", f"{FAULT}.kind=raise",
        f"{FAULT}.until={until}", f"{FAULT}.times=1",
    )  # fmt: skip
    output = tmp_path / "places" / ODD[0]
    arguments = [sweep, f"--output={output}", "--executor", "inline", "--max-attempts", "1"]
    process = spawn(*arguments)
    while not log.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err

    resumed = shell(printed(out, "this resumes where it stopped: "))
    assert resumed.returncode == 1, resumed.stderr
    retried = shell(printed(resumed.stdout, "this takes them again: "))
    assert retried.returncode == 0, retried.stdout + retried.stderr
    audit(output, succeeded=3, mlflow=False)

    others = [tmp_path / "places" / name for name in ODD[1:]]
    for other in others:
        done = orchestrate(cheap_sweep(1), "--output", other, "--executor", "inline")
        assert done.code == 0, done.err
    names = {output.name, *(other.name for other in others)}
    assert {path.name for path in (tmp_path / "places").iterdir()} == names
    for folder in (output, *others):
        assert experiments(folder / "mlflow.db")[1:] == [(folder / "mlartifacts").as_uri()]

    port = free_port()
    command = printed(retried.stdout, "MLflow:  ")
    with subprocess.Popen(
        ["sh", "-c", f"exec {command} --port {port} --workers 1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # Without it MLflow starts eight processes for jobs that no data set has.
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
    ) as server:
        try:
            assert "cheap" in search(port, server)
        finally:
            os.killpg(server.pid, signal.SIGKILL)
    assert {path.name for path in (tmp_path / "places").iterdir()} == names


def search(port: int, server: subprocess.Popen[bytes]) -> str:
    url = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=10"
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            assert server.poll() is None
            assert time.monotonic() < deadline, "no answer"
            time.sleep(0.3)


def test_the_notes_in_mlflow_hold_commands_that_run(
    orchestrate: Orchestrate, cheap_sweep: CheapSweep, tmp_path: Path
) -> None:
    output = tmp_path / ODD[0]
    done = orchestrate(cheap_sweep(1), "--output", output, "--executor", "inline")
    assert done.code == 0, done.err
    with closing(sqlite3.connect(output / "mlflow.db")) as connection:
        notes = connection.execute("select value from tags where key = 'mlflow.note.content'")
        texts = [text for (text,) in notes]
    commands = [
        block for text in texts for block in re.findall(r"```\n(.*?)\n```", text, re.DOTALL)
    ]
    assert len(commands) == 2
    for command in commands:
        again = shell(f"cd {shlex.quote(str(tmp_path))} && {command}")
        assert again.returncode == 0, again.stderr
    assert (tmp_path / "DIR" / "stripes.png").is_file()
