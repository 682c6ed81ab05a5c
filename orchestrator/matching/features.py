"""What forests learn from: the statistics of an image, and curves of which statistics are parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from orchestrator.statistics.brightness import gray_quantiles
from orchestrator.statistics.gray import Floats, gray_levels
from orchestrator.statistics.sizes import granulometry
from orchestrator.statistics.spectrum import NYQUIST
from orchestrator.statistics.summary import NAMES, Measurements

_BANDS = np.geomspace(0.015, NYQUIST, 13)
"""Cycles per pixel at the ends of the bands in which power is summed up."""

_LEVELS = (0.01, 0.1, 0.4, 0.6, 0.9, 0.99)
_BLURS = (0.7, 1.4, 2.8)
_STEEPNESS = (0.5, 0.9, 0.99)

LAYOUT = (*NAMES, f"{list(_BANDS.round(4))} {_LEVELS} {_BLURS} {_STEEPNESS}")
"""Says what features are; those of another layout can't be compared."""


def features(image: NDArray[Any]) -> Floats:
    """Return what is known of an image: first its statistics, in the order of `STATISTICS`.

    Behind them: logarithms of the power in twelve bands of frequency, the fraction of light held by
    things of each size, further quantiles of gray values, and of the logarithms of gradients after
    three blurs.

    Parameters
    ----------
    image
        As for `gray_levels`, without a data bar.

    Returns
    -------
    numpy.ndarray
        (n,), the same n for all images of one size; NaN where there is nothing to be measured.
    """
    measured = Measurements(image)
    spectrum = measured.spectrum
    rings = np.digitize(spectrum.frequency, _BANDS)
    power = np.log10(np.maximum(spectrum.power, 1e-3))
    bands = [
        power[rings == n].mean() if (rings == n).any() else np.nan for n in range(1, len(_BANDS))
    ]
    levels = gray_levels(image)
    steep = [
        np.quantile(np.log(1e-2 + ndimage.gaussian_gradient_magnitude(levels, blur)), _STEEPNESS)
        for blur in _BLURS
    ]
    return np.concatenate(
        [
            measured.summary.vector,
            bands,
            granulometry(image)[1],
            gray_quantiles(image, _LEVELS),
            *steep,
        ]
    )
