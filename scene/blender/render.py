"""One Cycles render, returned as arrays; and settings that last for one render."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy  # noqa: TID253
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from scene.errors import RenderError
from scene.scratch import memory_folder, scratch_folder

type Passes = dict[str, NDArray[np.float32]]
type Change = tuple[Any, str, Any]

MOST_BYTES_PER_PIXEL = 64
"""At most what all passes of a render take, 16 channels of 32 bits."""


def render_passes(scene: bpy.types.Scene, combined_channels: int = 3) -> Passes:
    """Render the scene as it stands.

    Parameters
    ----------
    combined_channels
        Channels of ``Combined`` that are read: reading costs a tenth of a cheap render.

    Returns
    -------
    dict
        Pass name (``Combined``, ``Depth``, ``Normal``, ...) to a (height, width, channels)
        float32 array of scene-linear values.

    Raises
    ------
    RenderError
        If Blender wrote no image.
    """
    with scratch_folder(memory_folder(_bytes_of_passes(scene))) as folder:
        file = folder / "passes.exr"
        with to_multilayer_exr(scene, file):
            bpy.ops.render.render(write_still=True, scene=scene.name)
        return _read_passes(file, combined_channels)


def to_multilayer_exr(scene: bpy.types.Scene, file: Path) -> AbstractContextManager[None]:
    """Make renders write all their passes to `file`, unchanged, while the block runs."""
    settings = scene.render.image_settings
    return temporarily(
        (
            (scene.render, "filepath", str(file)),
            (scene.render, "use_file_extension", False),
            # The kind of media decides which formats exist, so it has to come first.
            (settings, "media_type", "MULTI_LAYER_IMAGE"),
            (settings, "file_format", "OPEN_EXR_MULTILAYER"),
            (settings, "color_depth", "32"),
            (settings, "exr_codec", "NONE"),
        )
    )


@contextmanager
def temporarily(changes: Iterable[Change]) -> Iterator[None]:
    """Set attributes, given as (object, name, value), and set them back at the end.

    They are set back in the order in which they were set: where one decides which values another
    may take, it comes first both times.
    """
    wanted = list(changes)
    before = [(owner, name, _current(owner, name)) for owner, name, _ in wanted]
    try:
        for owner, name, value in wanted:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


def _current(owner: object, name: str) -> object:
    value = getattr(owner, name)
    # A vector is a view that would change with the attribute.
    return value.copy() if isinstance(value, Vector) else value


def _bytes_of_passes(scene: bpy.types.Scene) -> float:
    render = scene.render
    pixels = render.resolution_x * render.resolution_y * (render.resolution_percentage / 100) ** 2
    return float(pixels * MOST_BYTES_PER_PIXEL)


def _read_passes(file: Path, combined_channels: int) -> Passes:
    oiio = _openimageio()
    image = oiio.ImageInput.open(str(file)) if file.is_file() else None
    if image is None:
        raise RenderError("Blender rendered no image; its log says why")
    passes: Passes = {}
    try:
        while image.seek_subimage(len(passes), 0):
            spec = image.spec()
            # Channels are named layer.pass.channel.
            name = spec.channelnames[0].split(".")[-2]
            channels = combined_channels if name == "Combined" else spec.nchannels
            passes[name] = image.read_image(len(passes), 0, 0, channels, oiio.FLOAT)
    finally:
        image.close()
    return passes


@cache
def _openimageio() -> ModuleType:
    """Import the OpenImageIO that ships inside the bpy wheel, off the module search path."""
    scripts = Path(bpy.utils.resource_path("LOCAL"))
    packages = sorted(scripts.glob("python/lib/python3*/site-packages"))
    path = list(sys.path)
    sys.path.extend(str(folder) for folder in packages)
    try:
        return importlib.import_module("OpenImageIO")
    finally:
        sys.path[:] = path
