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

_GRAINS = 0.12
"""Height of finer grains on the cells, over that of the cells."""


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
        """Return (N, channels) values at N places, those of the nearest texels.

        Parameters
        ----------
        first, second
            (N,) coordinates in units of length, of any size and sign.
        """
        texels = np.float32(self.texels)
        row, column = (np.rint(place * texels).astype(np.int32) for place in (first, second))
        return self._of(row, column)

    def between(
        self, first: NDArray[np.float32], second: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return what `at` does, interpolated linearly: for where single texels would be seen."""
        texels = np.float32(self.texels)
        (row, down), (column, across) = (_whole(place * texels) for place in (first, second))
        above, below = (
            _mixed(self._of(line, column), self._of(line, column + 1), across)
            for line in (row, row + 1)
        )
        return _mixed(above, below, down)

    def _of(self, row: NDArray[np.int32], column: NDArray[np.int32]) -> NDArray[np.float32]:
        index = row & (SIZE - 1)
        index *= SIZE
        index += column & (SIZE - 1)
        return self.values.take(index, axis=0)


def _whole(place: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the whole numbers below, and what is left, as a column."""
    whole = np.floor(place)
    return whole.astype(np.int32), (place - whole)[:, np.newaxis]


def _mixed(
    one: NDArray[np.float32], other: NDArray[np.float32], part: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return `one` where the part of the other is 0, `other` where it is 1; `other` is consumed."""
    other -= one
    other *= part
    other += one
    return other


@cache
def cells() -> Texture:
    """Return a surface of rounded cells with narrow grooves between them: value and both slopes.

    As the surface of a metal that solidified; smooth in the grooves, too. The unit of length is
    2 pi over the root mean square of the slope: the wavelength of a sine wave that is as steep and
    as high. Cells follow each other at about this distance.
    """
    coarse, *coarse_slopes = _waves(SIZE / 128, seed=1)
    # The grooves are where a field with waves of both signs is near 0: (f^2 + g^2)^(1/4).
    square = coarse**2 + _GROOVE**2
    height = square**0.25
    grown = 0.5 * coarse * square**-0.75
    channels = [height, *(slope * grown for slope in coarse_slopes)]
    grains = _waves(SIZE / 32, seed=3)
    channels = [
        one / height.std() + _GRAINS * other for one, other in zip(channels, grains, strict=True)
    ]
    height = channels[0] - channels[0].mean()
    deviation = height.std()
    steepness = np.sqrt(sum((slope**2).mean() for slope in channels[1:])) / deviation
    texels = 2 * np.pi / steepness
    channels = [height / deviation, *(slope / deviation * texels for slope in channels[1:])]
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


@cache
def grains() -> Texture:
    """Return a field of bumps and dents that follow each other at a distance of about 1."""
    waves = SIZE / 8
    value, *_ = _waves(waves, seed=4)
    return Texture(value.astype(np.float32).reshape(-1, 1), SIZE / waves)


def _waves(mean: float, seed: int) -> list[NDArray[np.float64]]:
    """Return a field of waves, `mean` a side, its deviation 1, and its slopes for a texel."""
    frequency, spectrum = _random_spectrum(seed, finest=3 * mean)
    spectrum *= np.exp(-0.5 * ((np.hypot(*frequency) - mean) / (mean / 3)) ** 2)
    turns = [2j * np.pi * axis / SIZE for axis in frequency]
    value, *slopes = (_field(part) for part in (spectrum, *(turn * spectrum for turn in turns)))
    deviation = value.std()
    return [value / deviation, *(slope / deviation for slope in slopes)]


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
