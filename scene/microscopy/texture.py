"""Textures: random fields that repeat, to be looked up at any place.

They are the same in every image and are made once in a process; what differs from image to image
is where in them a surface lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray

SIZE = 1024
"""Texels along each side, a power of two."""

_GROOVE = 0.25
"""Width of the grooves between cells, in standard deviations of the field they are made from."""


@final
@dataclass(frozen=True, slots=True)
class Texture:
    """A random field of mean 0 and standard deviation 1, which repeats along both axes.

    Parameters
    ----------
    values
        (size * size, channels) float32; the first channel is the field, further ones its slopes
        along the first and the second coordinate, for each unit of length.
    texels
        In a unit of length.
    """

    values: NDArray[np.float32]
    texels: float

    def at(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, channels) values at N places.

        Parameters
        ----------
        first, second
            (N,) coordinates in units of length, of any size and sign.
        """
        row = np.floor(first * np.float32(self.texels)).astype(np.int32)
        column = np.floor(second * np.float32(self.texels)).astype(np.int32)
        row &= SIZE - 1
        column &= SIZE - 1
        row *= SIZE
        row += column
        return self.values.take(row, axis=0)


@cache
def cells() -> Texture:
    """Return a surface of rounded cells with narrow grooves between them: value and both slopes.

    As the surface of a metal that solidified; smooth in the grooves, too. The unit of length is
    2 pi over the root mean square of the slope: the wavelength of a sine wave that is as steep and
    as high. Cells follow each other at about this distance.
    """
    mean = SIZE / 128
    frequency, spectrum = _random_spectrum(1, finest=4 * mean)
    spectrum *= np.exp(-0.5 * ((np.hypot(*frequency) - mean) / (mean / 4)) ** 2)
    turns = [2j * np.pi * axis / SIZE for axis in frequency]
    value, *slopes = (_field(part) for part in (spectrum, *(turn * spectrum for turn in turns)))
    deviation = value.std()
    # The grooves are where a field with waves of both signs is near 0: (f^2 + g^2)^(1/4).
    square = (value / deviation) ** 2 + _GROOVE**2
    height = square**0.25
    grown = 0.5 * value / deviation**2 * square**-0.75 / height.std()
    slopes = [slope * grown for slope in slopes]
    texels = 2 * np.pi / np.sqrt(sum((slope**2).mean() for slope in slopes))
    channels = ((height - height.mean()) / height.std(), *(slope * texels for slope in slopes))
    values = np.stack([channel.ravel() for channel in channels], axis=1).astype(np.float32)
    return Texture(values, float(texels))


@cache
def clouds() -> Texture:
    """Return a field without a preferred size of its patches, but a smallest one: 1."""
    fullest = SIZE / 64
    frequency, spectrum = _random_spectrum(2, finest=4 * fullest)
    radius = np.hypot(*frequency)
    spectrum *= np.exp(-0.5 * (radius / fullest) ** 2) / np.maximum(radius, 1.0)
    spectrum[0, 0] = 0.0
    value = _field(spectrum)
    return Texture((value / value.std()).astype(np.float32).reshape(-1, 1), SIZE / fullest)


def _random_spectrum(
    seed: int, finest: float
) -> tuple[tuple[NDArray[np.float64], ...], NDArray[np.complex128]]:
    """Return frequencies along rows and columns, in waves a side, and white noise for them."""
    rows = np.fft.fftfreq(SIZE, 1 / SIZE)[:, np.newaxis]
    columns = np.arange(finest)[np.newaxis]
    generator = np.random.Generator(np.random.Philox(seed))
    parts = generator.standard_normal((2, rows.size, columns.size))
    return (rows, columns), parts[0] + 1j * parts[1]


def _field(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
    # What is finer than the spectrum goes is not transformed along the rows.
    return np.fft.irfft(np.fft.ifft(spectrum, axis=0), n=SIZE, axis=1)
