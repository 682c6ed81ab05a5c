"""Command lines that start at once: forked from a process that has imported their libraries.

Each is a process of its own, with its own arguments, environment and exit code. Blender is not
imported beforehand: it starts threads, which a fork would lose.

As a program, the process that forks: it takes requests from the socket on its standard input.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ALWAYS = (
    "hydra.core.override_parser.overrides_parser", "orchestrator.cli.app",
    "orchestrator.execution.launch", "pandas",
)  # fmt: skip
WITH_MLFLOW = (
    "orchestrator.report.report", "mlflow.store.artifact.local_artifact_repo",
    "mlflow.store.tracking.sqlalchemy_store",
)  # fmt: skip

QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
"""What MLflow finds in the environment when a sweep imports it."""

READ_AT_START = ("PYTHON", "LD_", "OMP_", "RAY_", "MLFLOW_", "BLENDSWEEP_")
"""How the variables begin that are read as a process starts or a library is imported, or by which
other processes find it: these see the environment with which a process was started."""


def same_start(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Tell whether what was imported in one environment is what would be imported in the other."""

    def read(environment: Mapping[str, str]) -> dict[str, str]:
        return {key: environment[key] for key in environment if key.startswith(READ_AT_START)}

    return read(one) == read(other)


def imports(words: Sequence[str]) -> tuple[str, ...]:
    """Return what a command line will import anyway."""
    is_sweep = words[1] == "orchestrator" and words[2:3] and words[2].endswith(".yaml")
    without = {"--no-mlflow", "--dry-run"} & {*words}
    return ALWAYS + WITH_MLFLOW if is_sweep and not without else ALWAYS


class Process:
    """A command line that runs, with what `subprocess.Popen` offers for one."""

    def __init__(self, pid: int, ended: IO[bytes], output: Sequence[IO[str]]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = ended
        self._output = output
        self._written: tuple[str, str] | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code.

        Raises
        ------
        subprocess.TimeoutExpired
            If it takes longer.
        """
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a command line", timeout or 0.0)
            with self._ended:
                self.returncode = int(self._ended.read())
        return self.returncode

    def poll(self) -> int | None:
        """Return its exit code, or none while it runs."""
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end and return what it wrote to stdout and to stderr."""
        self.wait(timeout)
        if self._written is None:
            out, err = self._output
            with out, err:
                out.seek(0)
                err.seek(0)
                self._written = out.read(), err.read()
        return self._written

    def send_signal(self, number: int) -> None:
        """Send a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


type CommandLine = Process | subprocess.Popen[str]


class Warm:
    """The process that forks, from the first command line on."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._environment = dict(os.environ)

    def start(
        self,
        *command_line: object,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> CommandLine:
        """Run Python: ``-m``, a module and its arguments, or ``-c``, code and its arguments.

        Some variables of the environment take a process that is started from scratch.
        """
        words = [str(word) for word in command_line]
        environment, folder = environment or os.environ, folder or Path.cwd()
        if self._process is None:
            self._line, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with there:
                self._process = subprocess.Popen(
                    [sys.executable, __file__], stdin=there, env=self._environment
                )
        if not same_start(self._environment, environment):
            return subprocess.Popen(
                [sys.executable, *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
                cwd=folder,
            )
        output = [
            tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115, closed when it is read
            for _ in range(2)
        ]
        reading, writing = os.pipe()
        request = [words, dict(environment), str(folder)]
        descriptors = [*(stream.fileno() for stream in output), writing]
        socket.send_fds(self._line, [json.dumps(request).encode()], descriptors)
        os.close(writing)
        return Process(int(self._line.recv(32)), os.fdopen(reading, "rb"), output)

    def close(self) -> None:
        """End it and whatever it forked."""
        if self._process is not None:
            self._line.close()
            self._process.wait()


def serve(line: socket.socket) -> tuple[list[str], list[int]]:
    """Fork for each request; return only in a fork: its command line, its stdout and stderr."""
    running: dict[int, tuple[int, int]] = {}  # by a descriptor of the process: its id, who waits
    while True:
        ready, _, _ = select.select([line, *running], [], [])
        for process in running.keys() & {*ready}:
            pid, waiting = running.pop(process)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            os.write(waiting, str(code).encode())
            os.close(waiting)
            os.close(process)
        if line not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(line, 2**20, 3)
        if not message:
            for pid, _ in running.values():
                os.kill(pid, signal.SIGKILL)
            sys.exit()
        words, environment, folder = json.loads(message)
        for name in imports(words):
            importlib.import_module(name)
        gc.freeze()  # so that no fork looks through, and copies, what was imported
        *output, waiting = descriptors
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads: those of pyarrow and polars, left idle
            pid = os.fork()
        if pid:
            for descriptor in output:
                os.close(descriptor)
            running[os.pidfd_open(pid)] = pid, waiting
            line.send(str(pid).encode())
            continue
        for descriptor in (waiting, *running, *(waiting for _, waiting in running.values())):
            os.close(descriptor)
        line.close()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        return words, output


def main() -> None:
    line = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.environ.update(QUIET)
    words, output = serve(line)
    for number, descriptor in enumerate(output, start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.path[0] = str(Path.cwd())
    sys.orig_argv = [sys.executable, *words]
    option, program, *arguments = words
    if option == "-m":
        sys.argv = [program, *arguments]
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [option, *arguments]
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    main()
