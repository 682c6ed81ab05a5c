"""The camera of a measurement technique: where it looks, at which scale, and how far."""

from __future__ import annotations

from collections.abc import Iterator

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.render import Change
from scene.errors import RenderError

_SMALLEST_COSINE = 1.0 - 1e-6


def camera_axes(camera: bpy.types.Object) -> NDArray[np.float32]:
    """Return a camera's axes in world space, one a row: right, up, towards the camera."""
    rotation = camera.matrix_world.to_3x3().normalized()
    return np.array(rotation, dtype=np.float32).T


def pixel_size(camera: bpy.types.Object, size: tuple[int, int]) -> float | None:
    """Return the side of a pixel in scene units; None for a perspective, which has no one scale.

    Parameters
    ----------
    camera
        A technique's.
    size
        Width and height of its images in pixels.
    """
    if camera.data.type != "ORTHO":
        return None
    return float(camera.data.ortho_scale) / _fitted(camera, size)


def extended(camera: bpy.types.Object, size: tuple[int, int], margin: int) -> Iterator[Change]:
    """Yield what makes an orthographic camera see `margin` more pixels on each side.

    The pixels that it sees anyway stay where they are.
    """
    if not margin:
        return
    width, height = size
    lens = camera.data
    factor = _fitted(camera, (width + 2 * margin, height + 2 * margin)) / _fitted(camera, size)
    yield lens, "ortho_scale", lens.ortho_scale * factor
    # Both are in units of what the scale is of.
    yield lens, "shift_x", lens.shift_x / factor
    yield lens, "shift_y", lens.shift_y / factor


def check_looks_down(camera: bpy.types.Object) -> None:
    """Raise an error for a camera in whose images heights and lengths are not what they seem.

    Raises
    ------
    RenderError
        If it is not orthographic, or does not look straight down.
    """
    problem = None
    if camera.data.type != "ORTHO":
        problem = f"is of type {camera.data.type}"
    elif camera_axes(camera)[2, 2] < _SMALLEST_COSINE:
        problem = "is tilted"
    if problem:
        raise RenderError(
            f"the measurement technique's camera {camera.name!r} {problem}; an image that is "
            "computed from heights and lengths needs one of type ORTHO that looks straight down"
        )


def _fitted(camera: bpy.types.Object, size: tuple[int, int]) -> int:
    """Return the side of the image, in pixels, that the camera's scale is of."""
    width, height = size
    sides = {"AUTO": max(size), "HORIZONTAL": width, "VERTICAL": height}
    return sides[camera.data.sensor_fit]
