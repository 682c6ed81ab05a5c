"""Colour images, and the gray ones that they are compared with."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

type ColorMode = Literal["BW", "RGB", "RGBA"]
"""What a pixel of `real` holds, by Blender's names; BW is gray, the A of RGBA alpha."""

CHANNELS: dict[str, int] = {"BW": 1, "RGB": 3, "RGBA": 4}
"""Numbers that a pixel holds."""

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue in a gray value (ITU-R BT.709)."""


def luminance(image: NDArray[Any]) -> NDArray[Any]:
    """Return the gray values of an image of whole numbers, of its type; it itself if it is gray.

    Parameters
    ----------
    image
        (height, width), or (height, width, 3 or 4) as it is displayed; alpha counts for nothing.
    """
    if image.ndim == 2:
        return image
    gray = sum(image[..., n] * weight for n, weight in enumerate(LUMINANCE))
    rounded: NDArray[Any] = np.rint(gray).astype(image.dtype)
    return rounded


def in_color(image: NDArray[Any], mode: ColorMode) -> NDArray[Any]:
    """Return an image of whole numbers with the channels of a mode, opaque.

    Parameters
    ----------
    image
        (height, width), or an image that has them already, which stays as it is.
    mode
        What its pixels are to hold.
    """
    if image.ndim == 3 or mode == "BW":
        return image
    colored = np.repeat(image[..., np.newaxis], CHANNELS[mode], axis=2)
    colored[..., 3:] = np.iinfo(image.dtype).max
    return colored
