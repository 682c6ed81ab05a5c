"""The power spectrum: how much of an image's variance lies at which fineness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from orchestrator.statistics.gray import Floats, gray_levels

RINGS = 64
NYQUIST = 0.5
"""The finest that pixels can show, in cycles per pixel."""

STRUCTURE = (0.02, 0.12)
"""Cycles per pixel between which the slope is measured, finer than most particles and coarser than
noise and blur."""

FINE, COARSE = (0.35, 0.5), (0.02, 0.05)


@final
@dataclass(frozen=True, slots=True)
class Spectrum:
    """Power by frequency, over all directions.

    Parameters
    ----------
    frequency
        (n,) middle of each ring, in cycles per pixel, up to 0.5.
    power
        (n,) mean power spectral density in gray levels squared, by area in cycles per pixel: white
        noise of standard deviation s has s squared at all frequencies.
    """

    frequency: Floats
    power: Floats

    @property
    def slope(self) -> float:
        """Exponent of a power law, power ~ frequency^slope, from 0.02 to 0.12 cycles per pixel.

        About -2 to -4 in images of things with edges; 0 for white noise. Natural images: -2
        (Field 1987, Journal of the Optical Society of America A 4, 2379); discs with sharp edges:
        -3.
        """
        within = (self.frequency >= STRUCTURE[0]) & (self.frequency <= STRUCTURE[1])
        within &= self.power > 0
        if np.count_nonzero(within) < 3:
            return float("nan")
        logs = np.log(self.frequency[within]), np.log(self.power[within])
        return float(np.polyfit(*logs, 1)[0])

    @property
    def fineness(self) -> float:
        """Decadic logarithm of the power at 0.35 to 0.5 over that at 0.02 to 0.05 cycles per pixel.

        Near 0 for white noise; blur lowers it.
        """
        fine, coarse = self._mean(FINE), self._mean(COARSE)
        return float(np.log10(fine / coarse)) if fine > 0 and coarse > 0 else float("nan")

    def _mean(self, between: tuple[float, float]) -> float:
        within = (self.frequency >= between[0]) & (self.frequency <= between[1])
        return float(self.power[within].mean()) if within.any() else 0.0


def power_spectrum(image: NDArray[Any], rings: int = RINGS) -> Spectrum:
    """Return the power spectrum of an image, as the mean over all directions.

    The mean is taken away, and a Hann window fades the image out, so that its borders are no edges
    (Welch 1967, IEEE Transactions on Audio and Electroacoustics 15, 70).

    Parameters
    ----------
    image
        As for `gray_levels`.
    rings
        Number of intervals between 0 and 0.5 cycles per pixel.
    """
    density = _density(image)
    height, half = density.shape
    width = image.shape[1]
    down, across = fft.fftfreq(height), fft.rfftfreq(width)
    ring = np.hypot(down[:, None], across[None, :half]) * (rings / NYQUIST)
    number = np.minimum(ring.astype(np.int64), rings).ravel()
    count = np.bincount(number, minlength=rings + 1)[:rings]
    total = np.bincount(number, density.ravel(), minlength=rings + 1)[:rings]
    middle = (np.arange(rings) + 0.5) * (NYQUIST / rings)
    seen = count > 0
    power: Floats = total[seen].astype(np.float64) / count[seen]
    return Spectrum(middle[seen].astype(np.float64), power)


def autocorrelation_length(image: NDArray[Any]) -> float:
    """Return how far apart pixels are that have half as much in common as close neighbours.

    The distance in pixels at which the autocorrelation, averaged over all directions, falls to half
    of its value 2 pixels away, which noise has no part in. For discs of one diameter D on an even
    ground it is 0.25 to 0.4 D, the less the more crowded they are. How sizes differ it does not
    say.

    Parameters
    ----------
    image
        As for `gray_levels`.

    Returns
    -------
    float
        In pixels; NaN if the image has no structure.
    """
    shape = image.shape
    covariance = fft.irfft2(_density(image), s=shape, workers=1)
    reach = min(256, min(shape) // 2)
    down, across = np.mgrid[: min(reach, shape[0] // 2), : min(reach, shape[1] // 2)]
    number = np.rint(np.hypot(down, across)).astype(np.int64).ravel()
    corner = covariance[: down.shape[0], : down.shape[1]]
    # The corner holds one quarter of the directions; the one beside it the others.
    mirrored = np.roll(covariance[:, ::-1], 1, axis=1)[: down.shape[0], : down.shape[1]]
    values = (corner + mirrored).ravel() / 2
    curve = np.bincount(number, values) / np.maximum(np.bincount(number), 1)
    curve = curve[:reach]
    if curve[2] <= 0:
        return float("nan")
    low = np.flatnonzero(curve[2:] < curve[2] / 2)
    if not low.size:
        return float("nan")
    after = int(low[0]) + 2
    above, below = curve[after - 1], curve[after]
    return float(after - 1 + (above - curve[2] / 2) / (above - below))


def _density(image: NDArray[Any]) -> NDArray[np.float32]:
    """Return the power spectral density at the frequencies of `scipy.fft.rfft2`."""
    levels = gray_levels(image)
    height, width = levels.shape
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]).astype(np.float32)
    centred = levels - levels.mean(dtype=np.float64).astype(np.float32)
    centred *= window
    found = fft.rfft2(centred, workers=1)
    power = found.real**2 + found.imag**2
    return np.asarray(power / np.float32((window.astype(np.float64) ** 2).sum()), dtype=np.float32)
