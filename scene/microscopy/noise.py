"""Noise like that of a path-traced image, as a function of the noise-free image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GROWTH = 0.4
"""Exponent of gray value with which the standard deviation grows.

Fitted to published images: 5.3, 7.8 and 10.8 at gray values 15, 34 and 90 (``bench/look.py``).
Counted electrons would have 0.5.
"""

LAW = f"I + s (z + (z^2 - 1) s / (6 max(I, 1))), s = k I^{GROWTH}"
"""What `with_noise` computes from `gray` (I) and `deviation` (k), with z standard normal."""


def with_noise(
    gray: NDArray[np.float32], deviation: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return an image with noise that is independent from pixel to pixel.

    The mean stays, the standard deviation is close to ``deviation * gray**GROWTH``, and the
    skewness is close to the standard deviation over the gray value, as it is for a number of
    counted electrons (a Cornish-Fisher expansion to second order: Cornish and Fisher 1938, Revue de
    l'Institut international de statistique 5, 307). Black stays black.

    Which normal number a pixel gets depends on the generator and the image's shape, never on the
    gray values: a difference in the last bit of one pixel changes that pixel alone.

    Parameters
    ----------
    gray
        (height, width) in 8-bit gray values, not clipped; what lies below 0 counts as 0.
    deviation
        Standard deviation at gray value 1, not negative.
    generator
        Consumed; one normal number a pixel, row by row.

    Returns
    -------
    numpy.ndarray
        Like `gray`; not clipped, so values may lie below 0 or above 255.
    """
    normal = generator.standard_normal(gray.shape, dtype=np.float32)
    gray = np.maximum(gray, np.float32(0.0))
    spread: NDArray[np.float32] = np.float32(deviation) * gray ** np.float32(GROWTH)
    # Below one gray value the skewness no longer grows: it would do so without bound.
    skewed = (normal * normal - 1) * spread / (6 * np.maximum(gray, np.float32(1.0)))
    noisy: NDArray[np.float32] = gray + spread * (normal + skewed)
    return noisy
