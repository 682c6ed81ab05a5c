"""The way from a technique's noise-free image to the image that is written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scene.imaging.noise import with_noise
from scene.specimen.imaging_chain import ImagingChain

WHITE = 255.0


def imaged(
    gray: NDArray[np.float32], chain: ImagingChain, stream: Callable[[str], np.random.Generator]
) -> NDArray[np.uint8]:
    """Take an image through a chain, and round it, once and at the end.

    Parameters
    ----------
    gray
        (height, width) in 8-bit gray values, of any range.
    chain
        What is done to it.
    stream
        Returns the generator of a stage that draws, by its name.
    """
    if chain.noise:
        gray = with_noise(gray, chain.noise, stream("noise"))
    return np.rint(np.clip(gray, 0.0, WHITE)).astype(np.uint8)
