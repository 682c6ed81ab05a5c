"""How bright an image is: histogram, quantiles, clipped pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.statistics.gray import WHITE, Floats, gray_levels

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def histogram(image: NDArray[Any]) -> Floats:
    """Return which fraction of the pixels has each of the 256 gray levels.

    Parameters
    ----------
    image
        As for `gray_levels`.

    Returns
    -------
    numpy.ndarray
        (256,), of sum 1.
    """
    whole = np.rint(gray_levels(image)).astype(np.uint8)
    return np.bincount(whole.ravel(), minlength=256) / whole.size


def gray_quantiles(image: NDArray[Any], at: tuple[float, ...] = QUANTILES) -> Floats:
    """Return quantiles of the gray values, in gray levels.

    Parameters
    ----------
    image
        As for `gray_levels`.
    at
        Which quantiles, in [0, 1].

    Returns
    -------
    numpy.ndarray
        One for each of `at`, between the levels of 8 bits where they lie there: each level's pixels
        count as spread evenly over it.
    """
    cumulative = np.concatenate([[0.0], np.cumsum(histogram(image))])
    rising = np.concatenate([[True], np.diff(cumulative) > 0])
    edges = np.arange(257) - 0.5
    found = np.interp(at, cumulative[rising], edges[rising])
    return np.asarray(np.clip(found, 0.0, WHITE))


def clipped(image: NDArray[Any]) -> tuple[float, float]:
    """Return which fractions of the pixels are entirely black and entirely white."""
    counted = histogram(image)
    return float(counted[0]), float(counted[-1])
