"""The way from a technique's noise-free image to the image that is written."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.image_model import Stream
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.noise import with_noise
from scene.microscopy.raster import Raster

WHITE = 255.0


def imaged(
    signal: NDArray[np.float32], raster: Raster, chain: ImagingChain, stream: Stream
) -> NDArray[np.uint8]:
    """Take an image through a chain, and round it, once and at the end.

    Parameters
    ----------
    signal
        ``raster.shape``, of any range; where nothing is done to it, 0 is black and 1 is white.
    raster
        How the pixels lie on the specimen.
    chain
        What is done to it.
    stream
        Returns the generator of a stage that draws, by its name.

    Returns
    -------
    numpy.ndarray
        (height, width), without the margin.
    """
    gray = raster.inner(signal) * np.float32(WHITE)
    if chain.noise:
        gray = with_noise(gray, chain.noise, stream("noise"))
    return np.rint(np.clip(gray, 0.0, WHITE)).astype(np.uint8)
