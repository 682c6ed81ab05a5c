"""Stands in for Cycles' device list on machines without GPUs.

Python imports it at the start of every process that has this folder on PYTHONPATH. A worker then
finds one GPU for each that Ray lets it see, which is all that Cycles would find with CUDA; it
renders on the CPU as before.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from dataclasses import dataclass
from types import ModuleType

MODULE = "scene.blender.devices"


@dataclass
class Device:
    name: str
    type: str
    use: bool = False


class Preferences:
    """Like Cycles' preferences on a machine with NVIDIA cards but without OptiX."""

    def __init__(self) -> None:
        self.compute_device_type = "NONE"
        self.devices: list[Device] = []

    def refresh_devices(self) -> None:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        self.devices = [Device("Stand-in CPU", "CPU")]
        if self.compute_device_type == "CUDA":
            names = [name for name in visible.split(",") if name]
            self.devices += [Device(f"Stand-in GPU {name}", "CUDA") for name in names]


class Finder(importlib.abc.MetaPathFinder):
    """Changes one module as it is imported."""

    def find_spec(
        self, name: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del target
        if name != MODULE:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path)  # type: ignore[arg-type]
        if found is None or found.loader is None:
            return None
        execute = found.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            select = module.select_device
            module.select_device = lambda _, gpus: select(Preferences(), gpus)

        found.loader.exec_module = exec_module  # type: ignore[method-assign]
        return found


sys.meta_path.insert(0, Finder())
