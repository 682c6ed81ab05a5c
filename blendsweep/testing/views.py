"""Views of spheres above a plane, from geometry alone: what tests of a microscope look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from scene.imaging.thickness import Window, through_sphere
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.geometry import GeometryBuffers
from scene.microscopy.raster import Raster
from scene.microscopy.thickness import Thickness
from scene.microscopy.view import ParticleSurfaces, View

CAMERA = 1000.0
"""Height of the camera above the ground in pixels."""

PIXEL = 0.1
"""Side of a pixel in scene units."""

type Ball = tuple[float, float, float, float]
"""Column and row of the centre, its elevation, and the radius, all in pixels."""


def seen(
    raster: Raster,
    balls: Iterable[Ball],
    *,
    unseen: Iterable[Ball] = (),
    ground: ElectronSurface | None = None,
    particles: ElectronSurface | None = None,
) -> View:
    """Return a view of balls, with the ids 1, 2, ..., from straight above, each pixel's centre.

    Parameters
    ----------
    raster
        Columns and rows of the balls count from the corner of its margin.
    balls
        What is seen; it may be below the ground, as far as the buffers go.
    unseen
        What only shades.
    ground, particles
        What they are made of; particles by default a smooth material with a yield of 1.
    """
    depth, normal, instance = _empty(raster)
    balls = list(balls)
    for number, ball in enumerate(balls, start=1):
        window, elevation, own = _cast(raster, ball)
        nearer = CAMERA - elevation < depth[window]
        depth[window][nearer] = (CAMERA - elevation)[nearer]
        normal[window][nearer] = own[nearer]
        instance[window][nearer] = number
    hidden = np.zeros(raster.shape, np.float32)
    for ball in (unseen := list(unseen)):
        window, elevation, _ = _cast(raster, ball)
        np.maximum(hidden[window], elevation, out=hidden[window])
    ids = np.unique(instance[instance > 0]).astype(np.intp)
    surfaces: ParticleSurfaces = {particles or ElectronSurface(): ids} if ids.size else {}
    height = np.where(instance > 0, CAMERA - depth, np.float32(0.0)) * np.float32(raster.pixel_nm)
    return View(
        raster,
        GeometryBuffers(depth, normal, instance),
        height,
        hidden * np.float32(raster.pixel_nm) if unseen else None,
        ground,
        surfaces,
        lambda: _thickness(raster, balls),
    )


def _thickness(raster: Raster, balls: Iterable[Ball]) -> Iterator[list[Thickness]]:
    for number, (column, row, elevation, radius) in enumerate(balls, start=1):
        middle = np.array([column, row])
        window = Window.of(middle - radius, middle + radius, raster.shape)
        if window.rows and window.columns:
            depth = (CAMERA - elevation) * PIXEL
            lengths = through_sphere((column, row), depth, radius * PIXEL, PIXEL, window)
            height = elevation * raster.pixel_nm
            yield [Thickness(number, height, window.top, window.left, lengths)]


def raised(raster: Raster, height: NDArray[np.float32], ground: ElectronSurface | None) -> View:
    """Return a view of level particles: one, of id 1, wherever `height` in nm is above 0."""
    depth, normal, instance = _empty(raster)
    particle = height > 0
    depth[particle] = CAMERA - height[particle] / raster.pixel_nm
    normal[particle] = (0.0, 0.0, 1.0)
    instance[particle] = 1
    surfaces: ParticleSurfaces = {ElectronSurface(): np.array([1])}
    buffers = GeometryBuffers(depth, normal, instance)
    return View(raster, buffers, height.astype(np.float32), None, ground, surfaces)


def _empty(
    raster: Raster,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint16]]:
    depth = np.full(raster.shape, np.inf, np.float32)
    return depth, np.zeros((*raster.shape, 3), np.float32), np.zeros(raster.shape, np.uint16)


def _cast(
    raster: Raster, ball: Ball
) -> tuple[tuple[slice, slice], NDArray[np.float32], NDArray[np.float32]]:
    """Return where a ball may be seen, its elevation there, and its normals, y upwards.

    The elevation is -inf where it is not seen.
    """
    column, row, elevation, radius = ball
    height, width = raster.shape
    top, left = max(int(row - radius), 0), max(int(column - radius), 0)
    bottom, right = min(int(row + radius) + 1, height), min(int(column + radius) + 1, width)
    rows, columns = np.mgrid[top : max(bottom, top), left : max(right, left)]
    x = (columns + 0.5 - column) / radius
    y = (row - rows - 0.5) / radius
    square = 1 - x**2 - y**2
    z = np.sqrt(np.maximum(square, 0))
    normal = np.stack([x, y, z], axis=-1).astype(np.float32)
    found = np.where(square > 0, elevation + radius * z, -np.inf)
    window = slice(top, max(bottom, top)), slice(left, max(right, left))
    return window, found.astype(np.float32), normal
