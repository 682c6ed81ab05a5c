"""Bright-field transmission: what of the beam is left behind all that lies in its way.

Each particle takes its part away, however many overlap: the beam falls off exponentially with the
thickness of what it passes, as by mass-thickness contrast (L. Reimer, H. Kohl, Transmission
Electron Microscopy, 5th ed., 2008). Each is out of focus by its own height: the rays that meet in a
pixel go through a disc there, as wide as the height above or below the focus is large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, final, override

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.electron_yield import by_id
from scene.microscopy.image_model import ImageModel, Stream
from scene.microscopy.thickness import FINER, Thickness, filtered
from scene.microscopy.view import View

ABSORBED = 0.5
"""Fraction of its density by which a material weakens the beam in a scene unit."""

WIDEST = 1 / 16
"""Largest radius of a disc, as a fraction of the image's larger side; more is held at it."""

_SHARP = 0.05
"""Radius of a disc in pixels below which it makes no difference."""

_DARKEST = np.float32(1e-30)
"""Least part of the beam that counts, so that it has a logarithm."""


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
        for body in view.thickness():
            exponents = [part.lengths * (ABSORBED * density[part.particle_id]) for part in body]
            radii = [self._radius(view, part.height) for part in body]
            if len(body) == 1:
                missing = _spread(filtered(-np.expm1(-exponents[0])), radii[0])
                _multiply(signal, 1 - np.clip(missing, 0, 1), body[0])
                continue
            # What a part has less of at its walls, the next has more of: their sum has no seam.
            for part, exponent, radius in zip(
                body, _one_by_one(body, exponents), radii, strict=True
            ):
                _multiply(signal, np.exp(-_spread(exponent, radius)), part)
        return np.minimum(signal, np.float32(1.0), out=signal)

    def _radius(self, view: View, height: float) -> float:
        """Return the radius in pixels of the disc at a height."""
        raster = view.raster
        away = abs(height - self.focus_height * self.scene_unit_nm)
        disc = self.aperture * away / raster.pixel_nm
        return min(disc, WIDEST * max(raster.width, raster.height))


def _spread(image: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Return an image as seen through a disc, with as many pixels around as that takes."""
    if radius <= _SHARP:
        return image
    return through_disc(np.pad(image, math.ceil(radius) + 1), radius)


def _multiply(signal: NDArray[np.float32], factor: NDArray[np.float32], part: Thickness) -> None:
    """Multiply the signal by a factor that lies around the middle of a part's window."""
    covered = np.array([part.lengths.shape[0], part.lengths.shape[2]])
    first = np.array([part.top, part.left]) - (np.array(factor.shape) - covered) // 2
    begin = np.maximum(first, 0)
    end = np.minimum(first + factor.shape, signal.shape)
    place = tuple(map(slice, begin, end))
    signal[place] *= factor[tuple(map(slice, begin - first, end - first))]


def _one_by_one(
    body: Sequence[Thickness], exponents: Sequence[NDArray[np.float32]]
) -> Iterator[NDArray[np.float32]]:
    """Yield by which exponent each part weakens what those before it leave at every pixel.

    Their sum is the exponent of the whole body, whose pixels are means over finer places.

    Returns
    -------
    Iterator
        Of arrays like those of `filtered`.
    """
    top, left = min(part.top for part in body), min(part.left for part in body)
    bottom, right = (max(part.window[axis].stop for part in body) for axis in (0, 1))
    # Of a pixel beside a part, too, all neighbours have to be there.
    passed = np.ones((bottom - top + 4, FINER, right - left + 4, FINER), np.float32)

    def seen(around: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.maximum(1 - filtered(1 - around)[2:-2, 2:-2], _DARKEST)

    for part, exponent in zip(body, exponents, strict=True):
        rows, columns = part.window
        around = passed[
            rows.start - top : rows.stop - top + 4,
            :,
            columns.start - left : columns.stop - left + 4,
        ]
        before = seen(around)
        around[2:-2, :, 2:-2] *= np.exp(-exponent)
        yield np.log(before / seen(around))


def through_disc(image: NDArray[np.float32], radius: float) -> NDArray[np.float32]:
    """Return an image whose every point is spread evenly over a disc.

    By the disc's Fourier transform, 2 J1(x) / x, exact for images without details that are finer
    than their pixels.

    Parameters
    ----------
    image
        (height, width); 0 within the radius and a pixel more of its edges.
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
    spread: NDArray[np.float32] = fft.irfft2(spectrum, s=shape, workers=1)
    return spread[: image.shape[0], : image.shape[1]]
