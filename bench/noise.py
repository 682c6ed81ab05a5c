"""The noise of a picture, measured where what it shows is smooth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.discs import Gray
from scene.microscopy.noise import GROWTH

EDGE = 12
"""Of the windows in pixels, small enough to lie on the face of a bead at 960 x 960."""

NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))

LEVELS = (15.0, 34.0, 90.0)
AROUND = 0.15
"""What is counted to a gray level, as a fraction of it."""


@dataclass(frozen=True)
class Noise:
    """What a quadratic surface leaves in each window of a picture.

    Parameters
    ----------
    gray
        (windows,) mean gray values.
    residual
        (windows, EDGE, EDGE), scaled so that the variance is unbiased.
    """

    gray: Gray
    residual: Gray

    @property
    def deviation(self) -> float:
        """Standard deviation over gray value to the power of `GROWTH`."""
        return float(np.sqrt((self.residual**2).mean() / (self.gray ** (2 * GROWTH)).mean()))

    def deviation_at(self, gray: float) -> float | None:
        """Return the standard deviation near a gray value, None where the picture hardly has it."""
        near = np.abs(self.gray - gray) < AROUND * gray
        if near.sum() < 20:
            return None
        return float(np.sqrt((self.residual[near] ** 2).mean()))

    @property
    def skewness(self) -> float:
        """Mean third power over the standard deviation of each window, as fitted."""
        spread = np.sqrt((self.residual**2).mean(axis=(1, 2), keepdims=True))
        return float(((self.residual / spread) ** 3).mean())

    @property
    def correlation(self) -> float:
        """Largest correlation between neighbouring pixels, by amount.

        White noise less its fitted surface is slightly correlated; that is taken off.
        """
        white = np.random.default_rng(1).standard_normal((4000, EDGE, EDGE))
        own, expected = _correlations(self.residual), _correlations(_residuals(white))
        return float(max((own - expected).tolist(), key=abs))


def measure_noise(image: Gray, smooth: NDArray[np.bool_]) -> Noise:
    """Return the noise of the windows that lie wholly within a mask."""
    windows = np.array(list(_windows(image, smooth)))
    return Noise(windows.mean(axis=(1, 2)), _residuals(windows))


def _windows(image: Gray, smooth: NDArray[np.bool_]) -> Iterator[Gray]:
    for top in range(0, image.shape[0] - EDGE + 1, EDGE):
        for left in range(0, image.shape[1] - EDGE + 1, EDGE):
            window = np.s_[top : top + EDGE, left : left + EDGE]
            # Where values were clipped, the noise was too.
            if smooth[window].all() and image[window].min() > 0 and image[window].max() < 255:
                yield image[window]


def _residuals(windows: Gray) -> Gray:
    y, x = np.mgrid[-1 : 1 : EDGE * 1j, -1 : 1 : EDGE * 1j].reshape(2, -1)
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    basis, _ = np.linalg.qr(terms)
    flat = windows.reshape(len(windows), -1)
    left = flat - flat @ basis @ basis.T
    left *= np.sqrt(EDGE**2 / (EDGE**2 - basis.shape[1]))
    return left.reshape(windows.shape)


def _correlations(residual: Gray) -> Gray:
    variance = (residual**2).mean()
    found = []
    for down, right in NEIGHBOURS:
        one = residual[:, down:, max(right, 0) : EDGE + min(right, 0)]
        other = residual[:, : EDGE - down, max(-right, 0) : EDGE - max(right, 0)]
        found.append((one * other).mean() / variance)
    return np.array(found)
