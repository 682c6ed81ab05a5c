"""What an executor asks of the machine and the process that it runs in."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.common.environment import environment
from orchestrator.execution.executors.ray import guard
from scene.machine.scratch import SHARED_MEMORY

_CONTROL_GROUP = Path("/sys/fs/cgroup")

LONGEST_SOCKET = 103
"""Bytes that the path of a socket may have, on any system."""

_SOCKET = "/session_2026-11-25_12-00-00_123456_1234567/sockets/plasma_store"
"""What Ray appends to its folder."""

LEAST_RAY_BYTES = 32 * 2**20

REACH_SECONDS = 10.0
"""How long a cluster's head may take to answer."""


def restore_signals() -> None:
    """Put Python's handlers back in place of those that Ray's core installs for crashes.

    Theirs abort the process three seconds after a SIGTERM, whatever Python makes of it.
    """
    if threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGTERM)
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def children_ended_with_this_process() -> Iterator[Callable[[], None]]:
    """Have all processes that start while the block runs killed if this one is killed.

    Ray's agents look for a minute for the head that died with this process, and so do workers
    that it has only just started.

    Yields
    ------
    callable
        To be called when those have started that may hide where they come from.
    """
    mark = uuid.uuid4().hex
    # The pipe closes with this process, however it ends; in a session of its own, the guard
    # hears no Ctrl-C.
    with subprocess.Popen(
        [sys.executable, "-P", guard.__file__, mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:

        def started() -> None:
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.write(b"\n")
                    process.stdin.flush()

        try:
            with environment({guard.MARK: mark}):
                yield started
        except BaseException:
            # What has started so far is of no use, and would be in the way of the next try.
            if process.stdin is not None:
                started()
                process.stdin.close()
            process.wait()
            raise
        process.kill()


def check_reachable(address: str, timeout_s: float = REACH_SECONDS) -> None:
    """Fail at once where Ray would try for minutes to reach a ``host:port``."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()


def ray_folder() -> Path:
    """Return a folder for a local Ray: short, since its sockets lie in it, and writable.

    That is where Ray would put it, if it can be there, or else another usual place.

    Raises
    ------
    OSError
        If there is none.
    """
    given = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR")
    usual = [Path(place) for place in (given, "/tmp", "/var/tmp", SHARED_MEMORY) if place]
    faults = []
    for parent in usual:
        for folder in (parent / "ray", parent / f"ray-{os.getuid()}"):
            fault = _fault_of(folder)
            if fault is None:
                return folder
            faults.append(fault)
    raise OSError(f"there is no room for its temporary files: {'; '.join(dict.fromkeys(faults))}")


def _fault_of(folder: Path) -> str | None:
    """Return why a local Ray can't have its files in a folder; None if it can."""
    longest = LONGEST_SOCKET - len(_SOCKET)
    if len(os.fsencode(folder)) > longest:
        return f"{folder} is longer than {longest} bytes"
    place = folder if folder.exists() else folder.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
        if shutil.disk_usage(place).free < LEAST_RAY_BYTES:
            return f"{place} is full"
    except OSError as error:
        return f"{place}: {error.strerror}"
    return None


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed for want of memory, here or in all.

    0 where the kernel does not say.
    """
    for place in (_CONTROL_GROUP / "memory.events", Path("/proc/vmstat")):
        with suppress(OSError, ValueError):
            for line in place.read_text(encoding="ascii").splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def local_cpus() -> int:
    """Return the CPU cores that this process may use, control group limits included."""
    cores = os.process_cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = (_CONTROL_GROUP / "cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores
