"""Images of more than 8 bits as people see them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scene.imaging.modes import Agglomerates, category_colors

REAL = "real"
"""The mode whose gray values fill the range of their type; white is the largest number."""


def eight_bit(pixels: NDArray[Any], mode: str = "") -> NDArray[Any]:
    """Return an image with 8 bits a pixel; one that has no more stays as it is.

    Parameters
    ----------
    pixels
        Whole numbers of more bits are scaled: those of `REAL` from their type's range, others, such
        as ids, from their own, so that something can be seen. Anything else stays as it is.
    mode
        What the image shows. Ids of agglomerates get the colours of `categorical`.
    """
    if mode == Agglomerates.name and pixels.dtype.kind == "u" and pixels.ndim == 2:
        return category_colors().take(pixels, axis=0)
    if pixels.dtype.kind not in "iu" or pixels.dtype.itemsize == 1:
        return pixels
    white = np.iinfo(np.uint16).max if mode == REAL else max(int(pixels.max(initial=0)), 1)
    scaled = np.rint(pixels * np.float32(255.0 / white))
    return np.clip(scaled, 0, 255).astype(np.uint8)
