"""What counts as a gray image, and its gray levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WHITE = 255.0
"""The gray level of white, whatever the depth of an image; black is 0."""

LEAST = 32
"""Pixels along the shorter side that an image needs at least."""

type Floats = NDArray[np.float64]
type Levels = NDArray[np.float32]


def gray_levels(image: NDArray[Any]) -> Levels:
    """Return an image in gray levels, from 0 (black) to 255 (white).

    Parameters
    ----------
    image
        (height, width), at least 32 pixels each; of uint8, of uint16 with white at 65535, or of
        floats from 0 to 1.

    Returns
    -------
    numpy.ndarray
        (height, width), float32.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if image.ndim != 2 or min(image.shape) < LEAST:
        raise ValueError(
            f"expected a gray image of at least {LEAST} x {LEAST} pixels, (height, width), "
            f"not an array of shape {image.shape}"
        )
    if image.dtype == np.uint8:
        return image.astype(np.float32)
    if image.dtype == np.uint16:
        return image.astype(np.float32) * np.float32(WHITE / 65535)
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"expected gray values of uint8, uint16 or floats, not {image.dtype}")
    if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        raise ValueError("expected gray values of floats from 0 to 1")
    return image.astype(np.float32) * np.float32(WHITE)


def binned(levels: Levels, factor: int) -> Levels:
    """Return the means of squares of `factor` x `factor` pixels; what is left at the end is cut."""
    if factor == 1:
        return levels
    height, width = (side // factor * factor for side in levels.shape)
    cut = levels[:height, :width].reshape(height // factor, factor, width // factor, factor)
    return cut.mean(axis=(1, 3), dtype=np.float32)
