"""Patches: places of a surface that give more secondary electrons, or fewer, than others.

Thin films of contamination and oxide change the yield of a surface from place to place: J.
Goldstein et al., Scanning Electron Microscopy and X-Ray Microanalysis, 4th ed. (2018). How the
patches are distributed is a likeness: a random field without a preferred size.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.electron_yield import by_id
from scene.microscopy.image_model import Stream
from scene.microscopy.texture import clouds
from scene.microscopy.view import View

_SECOND = ((0.55, -0.28), (0.28, 0.55))
"""Turns and draws out a place in the texture, which is looked up there for a second time.

The texture repeats, but not the mean of two that repeat in other directions and distances."""


def has_patches(view: View) -> bool:
    """Return whether any material is uneven."""
    return any(
        surface is not None and surface.patch_contrast > 0
        for surface in (view.ground, *view.particles)
    )


def patchy(view: View, stream: Stream) -> NDArray[np.float32]:
    """Return the factor of the yield of every pixel: 1 on average, not below 0.

    Parameters
    ----------
    view
        What there is to see.
    stream
        Decides where in the texture each particle, and the ground, lies.
    """
    contrast, size = by_id(view, "patch_contrast"), by_id(view, "patch_size")
    instance = view.buffers.instance.ravel()
    uneven = np.flatnonzero(contrast[instance])
    ids = instance[uneven]
    pixel = np.float32(view.raster.pixel_nm)
    scale = np.reciprocal(np.maximum(size, pixel))[ids]
    right, up = view.raster.places_nm(uneven)
    shift = stream("patches").random((2, 2**16), dtype=np.float32) * 16
    across, along = right * scale + shift[0][ids], up * scale + shift[1][ids]
    turned = (np.float32(a) * across + np.float32(b) * along for a, b in _SECOND)
    values = clouds().at(across, along) + clouds().at(*turned)
    factor = np.ones(view.raster.shape, np.float32)
    factor.ravel()[uneven] += contrast[ids] * np.float32(math.sqrt(0.5)) * values[:, 0]
    return np.maximum(factor, np.float32(0.0), out=factor)
