"""Noise: how much, how it grows with brightness, how it hangs together, and that of whole lines.

All of it comes from second differences of three neighbouring pixels, I1 - 2 I2 + I3, in which a
gray value that changes evenly drops out (Immerkaer 1996, Computer Vision and Image Understanding
64, 300). They are taken in blocks of 8 x 8 pixels. A block of texture or edges has larger ones than
a block of noise alone, so that of the blocks of one brightness the lower end of the distribution is
noise (lower envelopes: Liu, Szeliski, Kang, Zitnick and Freeman 2008, IEEE Transactions on Pattern
Analysis and Machine Intelligence 30, 299). By how much the lowest tenth of blocks of mere noise
stays below their mean is known, and allowed for. Whether noise hangs together along the lines of a
scan is seen in differences across them, and the other way round, so that these feign nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from orchestrator.statistics.gray import WHITE, Floats, Levels, gray_levels

BINS = 16
"""Intervals of brightness, 16 gray levels each."""

BLOCK = 8
LEAST_BLOCKS = 20
"""A brightness of which fewer blocks are seen says nothing about noise."""

LEAST_PLAIN = 1 / 3
"""Nor does one of which a smaller fraction is like noise, as edges pass through it."""

_LOWEST = 0.1
_NORMAL_LOWEST, _NORMAL_MOST = -1.2815515655, 1.6448536270
"""The quantiles at `_LOWEST` and at 0.95 of a standard normal number."""

_APART = (24, 32, 40, 48)
"""Pixels along a line between which the noise of single pixels does not hang together."""


@final
@dataclass(frozen=True, slots=True)
class NoiseCurve:
    """The noise of pixels of each brightness.

    Parameters
    ----------
    brightness
        (n,) mean brightness in gray levels, rising; only those of which enough is seen.
    sd
        (n,) standard deviation of the noise in gray levels.
    pixels
        (n,) how many pixels each is from: those in blocks that look like noise alone.
    """

    brightness: Floats
    sd: Floats
    pixels: NDArray[np.int64]

    @property
    def typical(self) -> float:
        """Standard deviation at the typical pixel, in gray levels; NaN if none was measured.

        The root of the mean variance over these pixels.
        """
        if not self.pixels.size:
            return float("nan")
        return float(np.sqrt(np.average(self.sd**2, weights=self.pixels)))

    @property
    def law(self) -> tuple[float, float]:
        """Slope and intercept of variance = slope * brightness + intercept.

        In gray levels, and in gray levels squared. Electrons that are counted give a variance that
        is proportional to their number (Poisson), the amplifier one that does not depend on it
        (Foi, Trimeche, Katkovnik and Egiazarian 2008, IEEE Transactions on Image Processing 17,
        1737); the display's offset moves the line, its gamma bends it. Each brightness has a weight
        by its pixels and, as the error of a variance is proportional to it, by its variance. NaN
        with fewer than three.
        """
        if len(self.sd) < 3:
            return float("nan"), float("nan")
        variance = self.sd**2
        weights = np.sqrt(self.pixels) / (variance + 0.1 * variance.max() + 1e-9)
        slope, intercept = np.polyfit(self.brightness, variance, 1, w=weights)
        return float(slope), float(intercept)


@final
@dataclass(frozen=True, slots=True)
class NoiseCorrelation:
    """How much of its noise a pixel has in common with its neighbours: -1 to 1, 0 for none.

    Parameters
    ----------
    along
        With the next pixel of its line.
    along_2
        With the next but one of its line.
    across
        With the next pixel of its column.
    across_2
        With the next but one of its column.
    """

    along: float
    along_2: float
    across: float
    across_2: float


@final
class Noise:
    """What one image says about its noise, each measured once, when it is asked for.

    Fine texture on everything in the image is taken for noise: nothing tells it from that.

    Parameters
    ----------
    image
        As for `gray_levels`; lines run from left to right, as a scan's.
    """

    def __init__(self, image: NDArray[Any]) -> None:
        self._levels = gray_levels(image)

    @cached_property
    def correlation(self) -> NoiseCorrelation:
        """How the noise of neighbouring pixels hangs together; NaN where none is seen.

        What lines have in common counts, too.
        """
        across, along = self._across, self._along
        return NoiseCorrelation(
            across.correlation(0, 1), across.correlation(0, 2),
            along.correlation(1, 0), along.correlation(2, 0),
        )  # fmt: skip

    @cached_property
    def curve(self) -> NoiseCurve:
        """The noise of pixels of each brightness."""
        hold, found = self.correlation, self._across
        # The variance of a difference of three pixels down a column, if each has a variance of 1.
        known = 6 - 8 * _or_0(hold.across) + 2 * _or_0(hold.across_2)
        # Blocks of noise that hangs together differ more, so their lowest tenth is lower.
        common = 1 + 2 * (_or_0(hold.along) ** 2 + _or_0(hold.along_2) ** 2)
        variance = found.lowest / _quantile_over_mean(_NORMAL_LOWEST, common) / max(known, 0.5)
        return NoiseCurve(found.brightness, np.sqrt(variance), BLOCK**2 * found.counts)

    @cached_property
    def of_lines(self) -> float:
        """Standard deviation in gray levels of what all pixels of a line have in common.

        From the covariance of second differences across the lines, 24 to 48 pixels apart on the
        same lines, too far for a detector's memory. 0 where that is negative: in images of usual
        size, what is less than a tenth of a pixel's noise is not seen.
        """
        differences = self._across.plain_image
        products = [differences[:, step:] * differences[:, :-step] for step in _APART]
        if not all(np.isfinite(product).any() for product in products):
            return float("nan")
        found = np.mean([np.nanmean(product, dtype=np.float64) for product in products])
        return float(np.sqrt(max(0.0, float(found) / 6)))

    @cached_property
    def _across(self) -> _Blocks:
        return _Blocks(self._levels, 0)

    @cached_property
    def _along(self) -> _Blocks:
        return _Blocks(self._levels, 1)


class _Blocks:
    """Second differences along one axis, in blocks, and which of them are noise alone.

    Attributes
    ----------
    brightness, lowest, counts
        By brightness: its mean, the lowest tenth of the blocks' mean squares, and the number of
        blocks that are noise alone.
    """

    def __init__(self, levels: Levels, axis: int) -> None:
        first, middle, last = (
            levels[part] if axis == 0 else levels[:, part]
            for part in (slice(None, -2), slice(1, -1), slice(2, None))
        )
        whole = first - 2 * middle + last
        self._shape = whole.shape[0] // BLOCK, whole.shape[1] // BLOCK
        self._values = self._cut(whole)
        energies = np.einsum("ijkl,ijkl->ik", self._values, self._values) / BLOCK**2
        shown = self._cut(middle)
        # A pixel at an end of the range hides noise.
        inside = (shown.min(axis=(1, 3)) > 0) & (shown.max(axis=(1, 3)) < WHITE)
        bright = shown.mean(axis=(1, 3), dtype=np.float64)
        bins = np.where(inside, (bright * (BINS / 256)).astype(np.int64), BINS)
        self._plain = np.zeros(self._shape, dtype=np.bool_)
        self._scale = np.ones(self._shape)
        brightness, lowest, counts = [], [], []
        for number in range(BINS):
            here = bins == number
            if np.count_nonzero(here) < LEAST_BLOCKS:
                continue
            low = float(np.quantile(energies[here], _LOWEST))
            variance = low / _quantile_over_mean(_NORMAL_LOWEST, 1.0)
            most = variance * _quantile_over_mean(_NORMAL_MOST, 1.0)
            plain = here & (energies <= most)
            count = np.count_nonzero(plain)
            if count < LEAST_PLAIN * np.count_nonzero(here):
                continue
            self._plain |= plain
            self._scale[here] = max(variance, 1e-6)
            brightness.append(float(bright[plain].mean()))
            lowest.append(low)
            counts.append(count)
        self.brightness, self.lowest = np.array(brightness), np.array(lowest)
        self.counts = np.array(counts, dtype=np.int64)

    def correlation(self, down: int, right: int) -> float:
        """Return the correlation of differences that lie so many rows and columns apart."""
        values = self._values.transpose(0, 2, 1, 3)[self._plain]
        if len(values) < LEAST_BLOCKS:
            return float("nan")
        one = values[:, : BLOCK - down, : BLOCK - right]
        other = values[:, down:, right:]
        weights = 1 / self._scale[self._plain]
        product = np.einsum("nij,nij,n->", one, other, weights) / one[0].size
        power = np.einsum("nij,nij,n->", values, values, weights) / BLOCK**2
        return float(product / power) if power else 0.0

    @property
    def plain_image(self) -> Levels:
        """The differences as an image, NaN in blocks that are not noise alone."""
        shown = np.where(self._plain[:, None, :, None], self._values, np.float32(np.nan))
        return shown.reshape(self._shape[0] * BLOCK, self._shape[1] * BLOCK)

    def _cut(self, image: Levels) -> Levels:
        """Return an image in blocks: (down, BLOCK, across, BLOCK)."""
        down, across = self._shape
        cut = image[: down * BLOCK, : across * BLOCK]
        return np.ascontiguousarray(cut).reshape(down, BLOCK, across, BLOCK)


def _quantile_over_mean(normal: float, common: float) -> float:
    """Return a quantile of a block's mean square, over its mean, if the block is noise alone.

    It is distributed as chi-squared, with as many degrees of freedom as the block has pixels over
    how much these have in common: differences have correlations of -2/3 and 1/6 with the next ones,
    and so count 1 + 2 (4/9 + 1/36) times. The quantile: Wilson and Hilferty 1931, Proceedings of
    the National Academy of Sciences 17, 684.

    Parameters
    ----------
    normal
        The quantile of a standard normal number.
    common
        How much more the noise itself has in common, 1 for nothing.
    """
    freedom = BLOCK**2 / (35 / 18 * common)
    spread = 2 / (9 * freedom)
    return max(0.05, float(1 - spread + normal * np.sqrt(spread)) ** 3)


def _or_0(value: float) -> float:
    return value if np.isfinite(value) else 0.0
