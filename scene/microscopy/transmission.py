"""Bright-field transmission: what of the beam is left behind all that lies in its way.

Each particle takes its part away, however many overlap: the beam falls off exponentially with the
thickness of what it passes, as by mass-thickness contrast (L. Reimer, H. Kohl, Transmission
Electron Microscopy, 5th ed., 2008). Each is out of focus by its own height: the rays that meet in a
pixel go through a disc there, as wide as the height above or below the focus is large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, final, override

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.electron_yield import by_id
from scene.microscopy.image_model import ImageModel, Stream
from scene.microscopy.thickness import Thickness, filtered
from scene.microscopy.view import View

ABSORBED = 0.5
"""Fraction of its density by which a material weakens the beam in a scene unit."""

WIDEST = 1 / 16
"""Largest radius of a disc, as a fraction of the image's larger side; more is held at it."""

_SHARP = 0.05
"""Radius of a disc in pixels below which it makes no difference."""


def left_behind(density: float) -> float:
    """Return which part of the beam is left behind a scene unit of a density."""
    return math.exp(-ABSORBED * density)


@final
@dataclass(frozen=True, slots=True)
class BrightField(ImageModel):
    """The part of the beam that is left; 1 where nothing is.

    Parameters
    ----------
    aperture
        Radius of the disc over the height above, or below, the focus.
    focus_height
        Height of the focus above the ground.
    room
        Height below which all lies that is seen.
    scene_unit_nm
        What both are in; nm by default.
    """

    aperture: float = 0.0
    focus_height: float = 0.0
    room: float = 0.0
    scene_unit_nm: float = 1.0

    looks_through: ClassVar[bool] = True

    @property
    def reach_nm(self) -> float:
        """Radius of the widest disc."""
        farthest = max(abs(self.focus_height), abs(self.room - self.focus_height))
        return self.aperture * farthest * self.scene_unit_nm

    @override
    def at_scale(self, scene_unit_nm: float) -> BrightField:
        return replace(self, scene_unit_nm=scene_unit_nm)

    def signal(self, view: View, stream: Stream) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the noise-free signal of every pixel."""
        if any(surface.absorption_density is None for surface in view.particles):
            raise ValueError(
                "a particle's material does not say how dense it is, so nothing is seen through "
                "it; choose one that does, such as tem_amorphous, or set render.fidelity=reference"
            )
        density = by_id(view, "absorption_density")
        signal = np.ones(view.raster.shape, np.float32)
        for particle in view.thickness():
            weakened = particle.lengths * np.float32(-ABSORBED * density[particle.particle_id])
            missing = filtered(-np.expm1(weakened))
            _take_away(signal, missing, particle, self._radius(view, particle.height))
        return signal

    def _radius(self, view: View, height: float) -> float:
        """Return the radius in pixels of the disc at a height."""
        raster = view.raster
        away = abs(height - self.focus_height * self.scene_unit_nm)
        disc = self.aperture * away / raster.pixel_nm
        return min(disc, WIDEST * max(raster.width, raster.height))


def _take_away(
    signal: NDArray[np.float32], missing: NDArray[np.float32], particle: Thickness, radius: float
) -> None:
    """Multiply the signal by what a particle leaves of it, seen through a disc."""
    around = 1
    if radius > _SHARP:
        more = math.ceil(radius) + 1
        missing = through_disc(np.pad(missing, more), radius)
        around += more
    first = np.array([particle.top, particle.left]) - around
    begin = np.maximum(first, 0)
    end = np.minimum(first + missing.shape, signal.shape)
    place = tuple(map(slice, begin, end))
    part = tuple(map(slice, begin - first, end - first))
    signal[place] *= 1 - missing[part]


def through_disc(image: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Return an image whose every point is spread evenly over a disc.

    By the disc's Fourier transform, 2 J1(x) / x, exact for images without details that are finer
    than their pixels.

    Parameters
    ----------
    image
        (height, width) between 0 and 1; 0 within the radius and a pixel more of its edges.
    radius
        Of the disc in pixels.
    """
    from scipy import fft
    from scipy.special import j1

    shape = tuple(fft.next_fast_len(side, real=True) for side in image.shape)
    spectrum = fft.rfft2(image, s=shape, workers=1)
    rows, columns = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
    turns = 2 * np.pi * radius * np.hypot(rows[:, np.newaxis], columns)
    turns[0, 0] = 1.0
    transfer = 2 * j1(turns) / turns
    transfer[0, 0] = 1.0
    spectrum *= transfer.astype(np.float32)
    spread = fft.irfft2(spectrum, s=shape, workers=1)[: image.shape[0], : image.shape[1]]
    held: NDArray[np.float32] = np.clip(spread, 0.0, 1.0)
    return held
