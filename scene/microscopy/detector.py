"""Detector: what its electronics do to the signal on the way to the display.

The video signal passes an amplifier of limited bandwidth, its gain is not quite the same from line
to line, and noise is added that does not depend on it: L. Reimer, Scanning Electron Microscopy, 2nd
ed. (1998).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.image_model import Stream
from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec

WIDEST = 10.0
"""Bandwidth at which the amplifier does nothing, as neighbours are correlated by 5e-28."""

FORGOTTEN = 0.01
"""Weight that a pixel still has in the amplifier where the frame begins, if it starts there."""

_RESOLVED = 2.0**-24
"""Correlation below which single precision shows nothing of it."""


@final
@dataclass(frozen=True, slots=True)
class Detector(Settings):
    """How good the detector's electronics are. By default they do nothing to the signal.

    In this order: bandwidth, gain, noise. So `read_noise`, which is that of the last stage, is not
    correlated, unlike that of counted electrons.

    Parameters
    ----------
    video_bandwidth
        Bandwidth (-3 dB) of the amplifier over the pixel rate, 1 / dwell time. Noise of
        neighbouring pixels on a line is correlated by ``exp(-2 pi video_bandwidth)``: 0.7 at 0.057,
        0.5 at 0.11, 0.2 at 0.256.
    line_noise
        Standard deviation of the gain from line to line, over its mean.
    line_noise_length
        Lines over which the correlation of their gains falls to 1/e; 0 is lines that are
        independent.
    read_noise
        Standard deviation of the noise that is added to each pixel, in units of the signal. With
        the display's neutral settings, 1 is white.
    """

    video_bandwidth: float = WIDEST
    line_noise: float = 0.0
    line_noise_length: float = 0.0
    read_noise: float = 0.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "video_bandwidth",
            WIDEST,
            "bandwidth of the detector over the pixel rate; noise of neighbouring pixels on a line "
            "is correlated by exp(-2 pi video_bandwidth)",
            minimum=0.02,
            maximum=WIDEST,
        ),
        FeatureSpec(
            "line_noise",
            0.0,
            "standard deviation of the gain from line to line, over its mean",
            minimum=0.0,
            maximum=1.0,
        ),
        FeatureSpec(
            "line_noise_length",
            0.0,
            "number of lines over which the correlation of their gains falls to 1/e",
            minimum=0.0,
            maximum=1e4,
        ),
        FeatureSpec(
            "read_noise",
            0.0,
            "standard deviation of the noise of the electronics in units of the signal",
            minimum=0.0,
            maximum=1.0,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether the signal stays as it is."""
        return not (self.correlation or self.line_noise or self.read_noise)

    @property
    def correlation(self) -> float:
        """Correlation between neighbouring pixels of a line that `limited` gives to white noise."""
        correlation = math.exp(-math.tau * self.video_bandwidth)
        return correlation if correlation > _RESOLVED else 0.0

    @property
    def lead(self) -> int:
        """Pixels to the left of the frame that the amplifier has to see first."""
        return (
            math.ceil(math.log(FORGOTTEN) / math.log(self.correlation)) if self.correlation else 0
        )

    @property
    def delay(self) -> int:
        """Pixels by which the amplifier delays the signal, rounded, which it has to see after."""
        return round(self.correlation / (1.0 - self.correlation))


def limited(signal: NDArray[np.float32], correlation: float) -> NDArray[np.float32]:
    """Return what an amplifier of limited bandwidth makes of each line, from left to right.

    A causal filter of one pole, ``y[i] = a y[i - 1] + (1 - a) x[i]``, which starts as if the first
    pixel had been there forever. An even signal stays. White noise is correlated by ``a**n`` at a
    distance of n pixels, and its variance falls to ``(1 - a) / (1 + a)`` of what it was, as at a
    longer dwell time. An edge comes ``a / (1 - a)`` pixels late, on average.

    Parameters
    ----------
    signal
        (height, width).
    correlation
        Of neighbouring pixels, a, in [0, 1).
    """
    columns = signal.T.copy()
    gain = np.float32(1.0 - correlation)
    step = np.empty_like(columns[0])
    for before, here in itertools.pairwise(columns):
        # Written so that an even signal stays the same to the bit.
        np.subtract(here, before, out=step)
        np.multiply(step, gain, out=step)
        np.add(before, step, out=here)
    return np.ascontiguousarray(columns.T)


def line_gains(
    lines: int, deviation: float, length: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return the gain of each line, 1 on average and never negative: (lines, 1).

    A random process of first order (Ornstein and Uhlenbeck): gains that are n lines apart are
    correlated by ``exp(-n / length)``.

    Parameters
    ----------
    lines
        How many.
    deviation
        Standard deviation.
    length
        Lines over which the correlation falls to 1/e; 0 is lines that are independent.
    generator
        Consumed; one normal number a line.
    """
    normal = generator.standard_normal(lines)
    kept = math.exp(-1.0 / length) if length else 0.0
    fresh = math.sqrt(1.0 - kept * kept)
    for line in range(1, lines):
        normal[line] = kept * normal[line - 1] + fresh * normal[line]
    gains: NDArray[np.float32] = np.maximum(1.0 + deviation * normal, 0.0).astype(np.float32)
    return gains[:, None]


def with_read_noise(
    signal: NDArray[np.float32], deviation: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return a signal with normal noise of this standard deviation, each pixel's its own."""
    noise = generator.standard_normal(signal.shape, dtype=np.float32)
    return signal + np.float32(deviation) * noise


def detected(
    signal: NDArray[np.float32], detector: Detector, white: float, stream: Stream
) -> NDArray[np.float32]:
    """Take a signal through a detector's electronics.

    Parameters
    ----------
    signal
        (height, `lead` + width + `delay`): what the beam met before and after each line, too.
    detector
        What they do.
    white
        The signal that counts as 1 in `read_noise`.
    stream
        Returns the generators of ``line_noise`` and of ``read_noise``, where there are any.

    Returns
    -------
    numpy.ndarray
        (height, width). What the amplifier delays is moved back to its place, to the nearest pixel.
    """
    if detector.correlation:
        signal = limited(signal, detector.correlation)[:, detector.lead + detector.delay :]
    if detector.line_noise:
        deviation, length = detector.line_noise, detector.line_noise_length
        signal = signal * line_gains(len(signal), deviation, length, stream("line_noise"))
    if detector.read_noise:
        signal = with_read_noise(signal, detector.read_noise * white, stream("read_noise"))
    return signal
