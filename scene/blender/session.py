"""One warm Blender inside a worker process."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, final

import psutil

from scene.blender.capture import CapturedLog, captured_output
from scene.blender.devices import select_device
from scene.blender.thread import claim_thread
from scene.machine.libraries import load_libraries
from scene.machine.resources import Resources
from scene.machine.scratch import lasting_scratch_folder, remove_orphans

if TYPE_CHECKING:
    import bpy


@final
class Session:
    """Blender, started once and emptied before every run.

    Parameters
    ----------
    resources
        What of the machine Blender may use.

    Attributes
    ----------
    device
        ``CPU`` or the GPUs' names.
    bpy_version
        Version of Blender, for instance ``5.2.3 LTS``.

    Raises
    ------
    MissingLibraryError
        If a system library that bpy needs is not installed.
    DeviceError
        If a GPU is reserved that Cycles can't use.
    ThreadError
        If Blender belongs to another thread.
    """

    def __init__(self, resources: Resources) -> None:
        claim_thread()
        load_libraries()
        remove_orphans()
        _import_bpy()
        import bpy

        self._resources = resources
        self.bpy_version: str = bpy.app.version_string
        self._load_empty_scene()
        cycles = bpy.context.preferences.addons["cycles"].preferences
        self.device = select_device(cycles, resources.gpus)
        self._apply_settings()

    def reset(self) -> None:
        """Go back to an empty scene with this session's device and threads."""
        self._load_empty_scene()
        self._apply_settings()

    def captured(self) -> AbstractContextManager[CapturedLog]:
        """Return a context in which everything Blender prints goes into a log."""
        return captured_output()

    def resident_mb(self) -> float:
        """Return the process's resident memory in MiB."""
        return float(psutil.Process().memory_info().rss) / 2**20

    def _load_empty_scene(self) -> None:
        import bpy

        # Unlike read_factory_settings this keeps the preferences, and with them the device list,
        # whose refresh may take seconds on a machine with GPUs.
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)

    def _apply_settings(self) -> None:
        import bpy

        # Files of prototype libraries are loaded here, and nothing in them ever runs.
        bpy.context.preferences.filepaths.use_scripts_auto_execute = False
        edit = bpy.context.preferences.edit
        edit.use_global_undo = False
        edit.undo_steps = 0
        self.set_up(bpy.context.scene)

    def set_up(self, scene: bpy.types.Scene) -> None:
        """Make a scene render with Cycles on this session's device and threads."""
        scene.render.engine = "CYCLES"
        scene.render.threads_mode = "FIXED"
        scene.render.threads = self._resources.threads
        scene.cycles.device = "CPU" if self.device == "CPU" else "GPU"


def _import_bpy() -> None:
    """Import bpy and take its folders off the module search path again.

    Among them is a pure-Python ``bpy`` that would shadow the real one in child processes.
    """
    path = list(sys.path)
    variables = {name: os.environ.get(name) for name in ("TMPDIR", "OCIO")}
    # Blender makes a folder for temporary files as it starts, which a killed one leaves behind.
    os.environ["TMPDIR"] = str(lasting_scratch_folder())
    # Its colours are its own, whatever is set here for other programs, or was by a Blender in the
    # process that started this one; and it would say on standard output which it takes.
    os.environ.pop("OCIO", None)
    try:
        import bpy  # noqa: F401
    finally:
        sys.path[:] = path
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
