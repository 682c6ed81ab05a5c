"""Scenes as Blender files."""

from __future__ import annotations

import shutil
from contextlib import redirect_stdout
from pathlib import Path

import bpy  # noqa: TID253

from scene.machine.scratch import memory_folder, scratch_folder

_MOST_SCENE_BYTES = 64 * 2**20


def save_scene(path: Path) -> None:
    """Save Blender's scene as it is, compressed."""
    _forget_visited_folders()
    # Blender writes the path into the file, so it is saved elsewhere and then moved.
    with scratch_folder(memory_folder(_MOST_SCENE_BYTES)) as folder:
        file = folder / path.name
        with redirect_stdout(None):  # which a report would be written to, past the log
            bpy.ops.wm.save_as_mainfile(filepath=str(file), compress=True, copy=True)
        shutil.move(file, path)


def _forget_visited_folders() -> None:
    """Take this machine's home folder out of Blender's file browsers."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            browser = area.spaces.active
            if browser.type == "FILE_BROWSER" and browser.params is not None:
                browser.params.directory = b"//"
