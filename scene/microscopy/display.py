"""Display: from the detector's signal to gray values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec

LEAST_RANGE = 0.1
"""Least range of signals that an automatic contrast spreads, as a fraction of the brightest one.

So the image of an even surface does not become one of noise alone.
"""


@final
@dataclass(frozen=True, slots=True)
class Display(Settings):
    """How signals become gray values between 0, black, and 1, white. By default they stay.

    In this order: vignetting, automatic contrast, contrast and brightness, what is too dark or too
    bright is clipped, gamma.

    Parameters
    ----------
    automatic_contrast
        1 lets the instrument choose which signals are black and white, as `automatic_levels` does;
        0 takes 0 and 1.
    saturation
        Fraction of the pixels that an automatic contrast leaves black, and the same white.
    contrast
        Factor of the distance from middle gray.
    brightness
        Added to all gray values; 1 is the distance from black to white.
    gamma
        Gray values are raised to 1 / gamma: above 1, dark ones become brighter.
    vignetting
        Fraction of the signal that is lost in the corners; it grows with the square of the distance
        from the middle.
    """

    automatic_contrast: float = 0.0
    saturation: float = 0.005
    contrast: float = 1.0
    brightness: float = 0.0
    gamma: float = 1.0
    vignetting: float = 0.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "automatic_contrast",
            0,
            "1 spreads the signals of each image from black to white before contrast and "
            "brightness, 0 does not",
            integer=True,
            minimum=0,
            maximum=1,
        ),
        FeatureSpec(
            "saturation",
            0.005,
            "fraction of an image's pixels that automatic contrast makes black, and white",
            minimum=0.0,
            maximum=0.4,
        ),
        FeatureSpec(
            "contrast",
            1.0,
            "factor of a gray value's distance from middle gray",
            minimum=0.0,
            maximum=100.0,
        ),
        FeatureSpec(
            "brightness",
            0.0,
            "added to gray values; 1 is from black to white",
            minimum=-1.0,
            maximum=1.0,
        ),
        FeatureSpec(
            "gamma",
            1.0,
            "gray values from 0 to 1 are raised to 1 / gamma; more than 1 brightens dark ones",
            minimum=0.1,
            maximum=10.0,
        ),
        FeatureSpec(
            "vignetting",
            0.0,
            "fraction of the signal that is lost in the image's corners",
            minimum=0.0,
            maximum=1.0,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether gray values are the signal."""
        return self == Display(saturation=self.saturation)


def automatic_levels(signal: NDArray[np.float32], saturation: float) -> tuple[float, float]:
    """Return the signals that become black and white, as an instrument's automatic contrast does.

    These are percentiles of the signal, so that a few bright edges do not make all else dark.

    Parameters
    ----------
    signal
        The image without noise, so that the levels do not depend on what is drawn.
    saturation
        Fraction of the pixels below the one, and above the other.
    """
    low, high = np.quantile(signal, (saturation, 1.0 - saturation)).tolist()
    least = LEAST_RANGE * abs(high) or 1.0
    lacking = max(least - (high - low), 0.0) / 2
    return low - lacking, high + lacking


def vignetted(signal: NDArray[np.float32], vignetting: float) -> NDArray[np.float32]:
    """Return a signal that fades from the middle of the image, where it stays, to the corners.

    Parameters
    ----------
    signal
        (height, width).
    vignetting
        Fraction that is lost in the corners; elsewhere it is proportional to the square of the
        distance from the middle, the first term of every law of this kind.
    """
    if not vignetting:
        return signal
    squares = [(np.arange(side) - (side - 1) / 2) ** 2 for side in signal.shape]
    farthest = squares[0][0] + squares[1][0] or 1.0  # of a single pixel
    kept = 1.0 - vignetting / farthest * np.add.outer(*squares)
    faded: NDArray[np.float32] = signal * kept.astype(np.float32)
    return faded


def displayed(
    signal: NDArray[np.float32], display: Display, levels: tuple[float, float]
) -> NDArray[np.float32]:
    """Return the gray values of a signal, from 0 to 1.

    Parameters
    ----------
    signal
        (height, width).
    display
        How they are made.
    levels
        Signals that are black and white at a contrast of 1 and a brightness of 0.
    """
    signal = vignetted(signal, display.vignetting)
    black, white = levels
    gain = display.contrast / (white - black)
    offset = 0.5 + display.brightness - gain * (black + white) / 2
    gray: NDArray[np.float32]
    gray = np.clip(signal * np.float32(gain) + np.float32(offset), 0.0, 1.0)
    return gray if display.gamma == 1 else gray ** np.float32(1.0 / display.gamma)
