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
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.electron_yield import by_id
from scene.microscopy.image_model import Stream
from scene.microscopy.texture import cells
from scene.microscopy.view import View

type Normals = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Components to the right, upwards in the image, and towards the beam."""

SMALLEST_COSINE = np.float32(1e-3)

_FEWEST_TEXELS = 2.0
"""Texels in a pixel from which on the nearest one will do."""

_APART = np.float32(4.0)
"""Wavelengths by which the textures of opposite sides are moved, either way."""

_BLOCK = 2**15
"""Pixels worked on at once, few enough for a processor's cache."""

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
    pixel = np.float32(view.raster.pixel_nm)
    amplitude = by_id(view, "relief_amplitude")
    # Of what is shorter than a pixel nothing is left, so that its length does not matter.
    wavelength = np.maximum(by_id(view, "relief_wavelength"), pixel)
    shift = stream("relief").random((3, wavelength.size), dtype=np.float32) * 16
    texture = cells()
    magnified = wavelength * np.float32(_FEWEST_TEXELS) > pixel * np.float32(texture.texels)

    instance, elevation = view.buffers.instance.ravel(), height.ravel()
    raised, bumpy = height.copy(), (normals[0].copy(), normals[1].copy(), normals[2].copy())
    for look_up, suits in ((texture.at, ~magnified), (texture.between, magnified)):
        rough = np.flatnonzero((suits & (amplitude > 0))[instance])
        for start in range(0, rough.size, _BLOCK):
            part = rough[start : start + _BLOCK]
            ids = instance[part]
            normal = [component.ravel()[part] for component in normals]
            scale = np.reciprocal(wavelength[ids])
            place = *view.raster.places_nm(part), elevation[part]
            own = [axis * scale + lies[ids] for axis, lies in zip(place, shift, strict=True)]
            visible = amplitude[ids] * _resolved(scale * pixel, normal[2])
            tilted, bump = _bumps(normal, own, look_up, visible, scale)
            for whole, component in zip(bumpy, tilted, strict=True):
                whole.ravel()[part] = component
            raised.ravel()[part] += bump
    return bumpy, raised


def _resolved(pixel: NDArray[np.float32], cosine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the fraction of a wave's height that is left in its mean over a pixel.

    To second order in the part of a wave that a pixel covers, at its tilt: sinc(x) ~ exp(-x^2/6).
    """
    turns = pixel / np.maximum(cosine, _FLATTEST)
    turns *= np.float32(math.pi)
    turns *= turns
    turns *= np.float32(-1 / 6)
    return np.exp(turns, out=turns)


def _bumps(
    normal: Sequence[NDArray[np.float32]],
    place: Sequence[NDArray[np.float32]],
    look_up: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]],
    amplitude: NDArray[np.float32],
    scale: NDArray[np.float32],
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Return normals with bumps, and how much the bumps raise what is seen."""
    found = [np.zeros_like(scale) for _ in range(4)]  # height, and the slopes along x, y, z
    power, slope_power = np.zeros_like(scale), np.zeros_like(scale)
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        square = normal[axis] * normal[axis]
        # Opposite sides would be mirror images; where they meet, this texture has no weight.
        side = np.copysign(_APART, normal[axis])
        values = look_up(place[first] + side, place[second])
        for target, channel in ((0, 0), (first + 1, 1), (second + 1, 2)):
            found[target] += square * values[:, channel]
        square_twice = square * square
        power += square_twice
        slope_power += square_twice * (1 + square)
    # Sums of independent fields, made as high and, within the surface, as steep as one of them.
    bump = found[0] * amplitude
    bump /= np.sqrt(power)
    steepness = amplitude * scale
    steepness /= np.sqrt(slope_power / 2)
    slopes = [slope * steepness for slope in found[1:]]
    outwards = np.ones_like(scale)
    for slope, component in zip(slopes, normal, strict=True):
        outwards += slope * component
    tilted = [component * outwards for component in normal]
    for component, slope in zip(tilted, slopes, strict=True):
        component -= slope
    np.maximum(tilted[2], SMALLEST_COSINE, out=tilted[2])
    length = np.sqrt(sum(component * component for component in tilted))
    for component in tilted:
        component /= length
    bump /= np.maximum(normal[2], _FLATTEST)
    return tilted, bump
