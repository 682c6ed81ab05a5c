"""Relief: the roughness of surfaces, as bumps on their normals and heights.

A random surface of root mean square height A whose cells repeat every L has the root mean square
slope ``2 pi A / L``. It is looked up in three textures, one for each pair of axes in space,
weighted by how far the surface faces each of them (triplanar mapping), so that it is as coarse and
as steep at the limb of a particle as on its top. What is finer than a pixel, seen at its tilt,
averages out in it.

Slopes change the yield, through the law of edge brightening and the detector's position; heights
make grooves lose electrons to their walls (`scene.microscopy.shadowing`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.electron_yield import by_id
from scene.microscopy.image_model import Stream
from scene.microscopy.texture import cells
from scene.microscopy.view import View

type Normals = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Components to the right, upwards in the image, and towards the beam."""

SMALLEST_COSINE = np.float32(1e-3)

_FEWEST_TEXELS = 3.0
"""Texels in a pixel from which on the nearest one will do."""

_FLATTEST = np.float32(0.25)
"""Cosine of the tilt from which on a bump is neither higher nor finer in the image."""


def has_relief(view: View) -> bool:
    """Return whether any material is rough."""
    return any(
        surface is not None and surface.relief_amplitude > 0
        for surface in (view.ground, *view.particles)
    )


def with_relief(
    normals: Normals, height: NDArray[np.float32], view: View, stream: Stream
) -> tuple[Normals, NDArray[np.float32]]:
    """Return normals and heights of surfaces with the roughness of their materials.

    Parameters
    ----------
    normals, height
        Of the smooth surfaces; heights in nm.
    view
        What the surfaces are made of, and how they lie.
    stream
        Decides where in the texture each particle lies.
    """
    amplitude = by_id(view, "relief_amplitude")
    wavelength = by_id(view, "relief_wavelength")
    rough = np.flatnonzero(amplitude[view.buffers.instance].ravel())
    ids = view.buffers.instance.ravel()[rough]
    normal = [component.ravel()[rough] for component in normals]
    pixel = np.float32(view.raster.pixel_nm)
    # Of what is shorter than a pixel nothing is left, so that its length does not matter.
    scale = np.reciprocal(np.maximum(wavelength, pixel))[ids]
    upright = np.maximum(normal[2], _FLATTEST)
    # The mean of a wave over a pixel, to second order in its length there: sinc(x) ~ exp(-x^2/6).
    turns = scale / upright
    turns *= pixel * np.float32(math.pi)
    turns *= turns
    turns *= np.float32(-1 / 6)
    resolved = np.exp(turns, out=turns) * amplitude[ids]
    place = _places(rough, height, view, scale, ids, stream)

    texture = cells()
    texels_in_a_pixel = float(pixel * scale.min(initial=1.0)) * texture.texels
    look_up = texture.at if texels_in_a_pixel > _FEWEST_TEXELS else texture.between

    found = [np.zeros_like(scale) for _ in range(4)]  # height, and the slopes along x, y, z
    power, slope_power = np.zeros_like(scale), np.zeros_like(scale)
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        square = normal[axis] * normal[axis]
        values = look_up(place[first], place[second])
        for target, channel in ((0, 0), (first + 1, 1), (second + 1, 2)):
            found[target] += square * values[:, channel]
        square_twice = square * square
        power += square_twice
        slope_power += square_twice * (1 + square)
    # Sums of independent fields, made as high and, within the surface, as steep as one of them.
    bump = found[0] * resolved / np.sqrt(power)
    steepness = resolved * scale / np.sqrt(slope_power / 2)
    slopes = [slope * steepness for slope in found[1:]]
    outwards = sum(slope * component for slope, component in zip(slopes, normal, strict=True))
    tilted = [
        component * (1 + outwards) - slope for component, slope in zip(normal, slopes, strict=True)
    ]
    np.maximum(tilted[2], SMALLEST_COSINE, out=tilted[2])
    length = np.sqrt(sum(component * component for component in tilted))

    bumpy = [component.copy() for component in normals]
    for whole, component in zip(bumpy, tilted, strict=True):
        whole.ravel()[rough] = component / length
    raised = height.copy()
    raised.ravel()[rough] += bump / upright
    return (bumpy[0], bumpy[1], bumpy[2]), raised


def _places(
    rough: NDArray[np.intp],
    height: NDArray[np.float32],
    view: View,
    scale: NDArray[np.float32],
    ids: NDArray[np.uint16],
    stream: Stream,
) -> list[NDArray[np.float32]]:
    """Return where pixels lie in space, in wavelengths, each particle somewhere else."""
    shift = stream("relief").random((3, 2**16), dtype=np.float32) * 16
    place = *view.raster.places_nm(rough), height.ravel()[rough]
    return [own * scale + shift[axis][ids] for axis, own in enumerate(place)]


def slope_rms(amplitude: float, wavelength: float) -> float:
    """Return the root mean square slope of a surface.

    >>> round(slope_rms(amplitude=20.0, wavelength=400.0), 3)
    0.314
    """
    return math.tau * amplitude / wavelength
