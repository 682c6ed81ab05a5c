"""Cheap and faulty rendering steps, to test how sweeps are executed."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from blendsweep.plugins import Int, Real, RenderingStep, StepContext, Text

_eaten: list[bytes] = []


class Stripes(RenderingStep):
    """Writes a 4 x 4 image whose pixels all have the value `value`."""

    value: Int = 0

    def execute(self, context: StepContext) -> None:
        image = np.full((4, 4), self.value, dtype=np.uint8)
        context.write_images({"stripes": image}, {"stripes": Path("stripes.png")})


class Log(RenderingStep):
    """Appends its process's id to a file, so that executions can be counted."""

    file: Text

    def execute(self, context: StepContext) -> None:
        del context
        with Path(self.file).open("a", encoding="utf-8") as stream:
            stream.write(f"{os.getpid()}\n")


class Fault(RenderingStep):
    """Does `kind`, as long as the file `until` has fewer than `times` lines.

    ``raise`` an error, ``say_full`` of another disk, ``exit`` by SystemExit, ``os_exit``,
    ``panic`` with what is no Exception, ``segfault``, ``hang`` in Python,
    ``hang_native`` with the interpreter's lock held, ``eat_memory`` of `megabytes` and keep it,
    ``fill_disk`` with `megabytes` next to the run's images, or ``none``.
    """

    kind: Text = "none"
    until: Text | None = None
    times: Int = 1_000_000
    megabytes: Int = 0

    def execute(self, context: StepContext) -> None:
        if self.until is not None:
            path = Path(self.until)
            done = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
            if done >= self.times:
                return
            with path.open("a", encoding="utf-8") as stream:
                stream.write("fault\n")
        FAULTS[self.kind](self, context.output)


def _raise(*_: object) -> None:
    raise ValueError("a fault that was asked for")


def _exit(*_: object) -> None:
    raise SystemExit(3)


class Panic(BaseException):
    """What some libraries raise, and no ``except Exception`` catches."""


def _panic(*_: object) -> None:
    raise Panic("no Exception")


def _say_full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/elsewhere/x")


def _eat_memory(fault: Fault, output: Path) -> None:
    del output
    for _ in range(fault.megabytes):
        _eaten.append(os.urandom(2**20))
        time.sleep(0.001)  # a watcher looks every now and then


def _fill_disk(fault: Fault, output: Path) -> None:
    (output / "ballast").write_bytes(bytes(fault.megabytes * 2**20))


FAULTS: dict[str, Callable[[Fault, Path], object]] = {
    "none": lambda *_: None,
    "raise": _raise,
    "say_full": _say_full,
    "exit": _exit,
    "panic": _panic,
    "os_exit": lambda *_: os._exit(3),
    "segfault": lambda *_: ctypes.string_at(0),
    "hang": lambda *_: time.sleep(600),
    "hang_native": lambda *_: ctypes.PyDLL(None).sleep(600),
    "eat_memory": _eat_memory,
    "fill_disk": _fill_disk,
}


class Sleep(RenderingStep):
    """Takes `seconds`, less where there is a file `until` sooner."""

    seconds: Real = 0.0
    until: Text | None = None

    def execute(self, context: StepContext) -> None:
        del context
        end = time.monotonic() + self.seconds
        while (left := end - time.monotonic()) > 0:
            if self.until is None:
                time.sleep(left)
            elif Path(self.until).exists():
                return
            else:
                time.sleep(min(left, 0.02))
