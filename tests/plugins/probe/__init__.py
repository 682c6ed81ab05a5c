"""Cheap and faulty rendering steps, to test how sweeps are executed."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

import numpy as np

from scene.fields import Int, Real, Text
from scene.runtime import RuntimeState
from scene.steps.base import RenderingStep


class Stripes(RenderingStep):
    """Writes a 4 x 4 image whose pixels all have the value `value`."""

    value: Int = 0

    def execute(self, state: RuntimeState) -> None:
        image = np.full((4, 4), self.value, dtype=np.uint8)
        state.write_images({"stripes": image}, {"stripes": Path("stripes.png")})


class Log(RenderingStep):
    """Appends its process's id to a file, so that executions can be counted."""

    file: Text

    def execute(self, state: RuntimeState) -> None:
        del state
        with Path(self.file).open("a", encoding="utf-8") as stream:
            stream.write(f"{os.getpid()}\n")


class Fault(RenderingStep):
    """Does `kind`, as long as the file `until` has fewer than `times` lines."""

    kind: Text = "none"
    until: Text | None = None
    times: Int = 1_000_000

    def execute(self, state: RuntimeState) -> None:
        del state
        if self.until is not None:
            path = Path(self.until)
            done = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
            if done >= self.times:
                return
            with path.open("a", encoding="utf-8") as stream:
                stream.write("fault\n")
        if self.kind == "raise":
            raise ValueError("a fault that was asked for")
        if self.kind == "exit":
            raise SystemExit(3)
        if self.kind == "segfault":
            ctypes.string_at(0)
        if self.kind == "hang":
            time.sleep(600)


class Sleep(RenderingStep):
    """Takes `seconds`."""

    seconds: Real = 0.0

    def execute(self, state: RuntimeState) -> None:
        del state
        time.sleep(self.seconds)
