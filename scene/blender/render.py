"""One Cycles render, returned as arrays; and settings that last for one render."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import bpy  # noqa: TID253
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from scene.errors import RenderError
from scene.imaging.png import read_png
from scene.machine.scratch import memory_folder, scratch_folder

if TYPE_CHECKING:
    from scene.microscopy.chain import BitDepth
    from scene.microscopy.color import ColorMode
    from scene.recipe.schema import RenderSettings

type Passes = dict[str, NDArray[np.float32]]
type Change = tuple[Any, str, Any]

MOST_BYTES_PER_PIXEL = 64
"""At most what all passes of a render take, 16 channels of 32 bits."""


def render_passes(
    scene: bpy.types.Scene, size: tuple[int, int], combined_channels: int = 3
) -> Passes:
    """Render the scene as it stands, and return its first view layer.

    Parameters
    ----------
    size
        Width and height in pixels that the image has to have.
    combined_channels
        Channels of ``Combined`` that are read, or 0: reading costs a tenth of a cheap render.

    Returns
    -------
    dict
        Pass name (``Combined``, ``Depth``, ``Normal``, ...) to a (height, width, channels)
        float32 array of scene-linear values.

    Raises
    ------
    RenderError
        If Blender wrote no image, or one of another size.
    """
    width, height = size
    with scratch_folder(memory_folder(float(width * height * MOST_BYTES_PER_PIXEL))) as folder:
        file = folder / "passes.exr"
        with to_multilayer_exr(scene, file):
            bpy.ops.render.render(write_still=True, scene=scene.name)
        layer = rendered_layer(scene).name
        passes = _read_passes(file, layer, combined_channels)
    for name, pixels in passes.items():
        if pixels.shape[:2] != (height, width):
            raise RenderError(
                f"Blender rendered {name} with {pixels.shape[1]} x {pixels.shape[0]} pixels "
                f"instead of {width} x {height}"
            )
    return passes


def render_developed(
    scene: bpy.types.Scene, size: tuple[int, int], color_mode: ColorMode, bit_depth: BitDepth
) -> NDArray[Any]:
    """Render the scene as it stands, and return the image as Blender shows it.

    Parameters
    ----------
    size
        Width and height in pixels that the image has to have.
    color_mode, bit_depth
        What a pixel holds.

    Returns
    -------
    numpy.ndarray
        uint8 or uint16, (height, width), or (height, width, 3 or 4); alpha is not multiplied in.

    Raises
    ------
    RenderError
        If Blender wrote no image, or one of another size.
    """
    width, height = size
    with scratch_folder(memory_folder(float(width * height * MOST_BYTES_PER_PIXEL))) as folder:
        file = folder / "developed.png"
        settings = scene.render.image_settings
        changes = (
            (scene.render, "filepath", str(file)),
            (scene.render, "use_file_extension", False),
            (settings, "media_type", "IMAGE"),
            (settings, "file_format", "PNG"),
            (settings, "color_mode", color_mode),
            (settings, "color_depth", str(bit_depth)),
            (settings, "compression", 0),
        )
        with temporarily(changes):
            bpy.ops.render.render(write_still=True, scene=scene.name)
        if not file.is_file():
            raise RenderError("Blender rendered no image; its log says why")
        image = read_png(file.read_bytes())
    if image.shape[:2] != (height, width):
        raise RenderError(
            f"Blender rendered {image.shape[1]} x {image.shape[0]} pixels instead of "
            f"{width} x {height}"
        )
    return image


def rendered_layer(scene: bpy.types.Scene) -> bpy.types.ViewLayer:
    """Return the view layer that images are taken from, the first that is rendered at all."""
    return next((layer for layer in scene.view_layers if layer.use), scene.view_layers[0])


def framing(scene: bpy.types.Scene, settings: RenderSettings, margin: int = 0) -> Iterator[Change]:
    """Yield what makes renders of the scene cover the recipe's pixels, all of them, once.

    Whatever the technique set there: its images and the ground truth are of the same frame. With a
    margin, they have that many more pixels on each side.
    """
    render = scene.render
    (width, height), percentage = settings.resolution, settings.resolution_percentage
    if margin:
        (width, height), percentage = settings.size, 100
    yield render, "resolution_x", width + 2 * margin
    yield render, "resolution_y", height + 2 * margin
    yield render, "resolution_percentage", percentage
    yield render, "pixel_aspect_x", 1.0
    yield render, "pixel_aspect_y", 1.0
    yield render, "use_border", False
    yield render, "use_crop_to_border", False
    yield render, "use_multiview", False


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


def change(changes: Iterable[Change]) -> None:
    """Set attributes that differ from what they are to be."""
    for owner, name, value in changes:
        if getattr(owner, name) != value:
            setattr(owner, name, value)


@contextmanager
def temporarily(changes: Iterable[Change]) -> Iterator[None]:
    """Set attributes, given as (object, name, value), and set them back at the end.

    They are set back in the order in which they were set: where one decides which values another
    may take, it comes first both times.
    """
    wanted = list(changes)
    before = [(owner, name, _current(owner, name)) for owner, name, _ in wanted]
    try:
        change(wanted)
        yield
    finally:
        change(before)


def _current(owner: object, name: str) -> object:
    value = getattr(owner, name)
    # A vector is a view that would change with the attribute.
    return value.copy() if isinstance(value, Vector) else value


def _read_passes(file: Path, layer: str, combined_channels: int) -> Passes:
    oiio = _openimageio()
    image = oiio.ImageInput.open(str(file)) if file.is_file() else None
    if image is None:
        raise RenderError("Blender rendered no image; its log says why")
    passes: Passes = {}
    try:
        for index in itertools.count():
            if not image.seek_subimage(index, 0):
                break
            spec = image.spec()
            # The layer's name may have dots of its own.
            owner, name, _ = spec.channelnames[0].rsplit(".", 2)
            if owner == layer:
                channels = combined_channels if name == "Combined" else spec.nchannels
                if channels:
                    passes[name] = image.read_image(index, 0, 0, channels, oiio.FLOAT)
    finally:
        image.close()
    if not passes or (combined_channels and "Combined" not in passes):
        raise RenderError(f"Blender rendered no image of the view layer {layer!r}")
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
