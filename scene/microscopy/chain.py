"""The way from a technique's noise-free image to the image that is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.detector import detected
from scene.microscopy.display import automatic_levels, displayed, vignetted
from scene.microscopy.electrons import counted
from scene.microscopy.image_model import Stream
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.noise import with_noise
from scene.microscopy.probe import blurred
from scene.microscopy.raster import Raster
from scene.microscopy.scan import Positions, sampled

type BitDepth = Literal[8, 16]
"""Bits of a pixel of `real`."""

type Gray = NDArray[np.uint8] | NDArray[np.uint16]
"""Gray values, or colours, of 8 or 16 bits."""

WHITE = 255.0
LARGEST_16_BIT = 65_535.0


def imaged(
    signal: NDArray[np.float32],
    raster: Raster,
    chain: ImagingChain,
    stream: Stream,
    heights: Callable[[], NDArray[np.float32]],
    bit_depth: BitDepth = 8,
    positions: Positions | None = None,
) -> Gray:
    """Take an image through a chain, and round it, once and at the end.

    A stage that does nothing is left out, so that the image is the same to the bit without it.

    Parameters
    ----------
    signal
        ``raster.shape``, of any range; where nothing is done to it, 0 is black and 1 is white.
    raster
        How the pixels lie on the specimen; its margin is at least what ``chain.reach_px`` says.
    chain
        What is done to it.
    stream
        Returns the generator of a stage that draws, by its name.
    heights
        Returns the elevation in nm of what is seen, of ``raster.shape``; called only if a stage
        depends on it.
    bit_depth
        8, or 16 for gray values up to 65,535.
    positions
        Where the signal of each of the frame's pixels comes from, as the chain's scan has it; None
        if each comes from its own place.

    Returns
    -------
    numpy.ndarray
        (height, width), without the margin.
    """
    detector, display = chain.detector, chain.display
    if not chain.probe.is_neutral:
        signal = _blurred(signal, raster, chain, heights)
    # From here on in 8-bit gray values, where white is 255 instead of 1.
    gray = _scanned(signal, raster, chain, positions) * np.float32(WHITE)
    levels = 0.0, WHITE
    if display.automatic_contrast:
        inner = gray[:, detector.lead : detector.lead + raster.width]
        inner = vignetted(inner, display.vignetting)
        levels = automatic_levels(inner, display.saturation)
    if chain.noise:
        gray = with_noise(gray, chain.noise, stream("noise"))
    if not chain.electrons.is_neutral:
        electrons = chain.electrons.at_one(chain.scan.dwell_time)
        gray = counted(gray, electrons / WHITE, stream("electrons"))
    if not detector.is_neutral:
        gray = detected(gray, detector, WHITE, stream)
    if not display.is_neutral:
        gray = displayed(gray, display, levels) * np.float32(WHITE)
    return _rounded(gray, bit_depth)


def _rounded(gray: NDArray[np.float32], bit_depth: BitDepth) -> Gray:
    if bit_depth == 8:
        eight: NDArray[np.uint8] = np.rint(np.clip(gray, 0.0, WHITE)).astype(np.uint8)
        return eight
    fine = gray * np.float32(LARGEST_16_BIT / WHITE)
    sixteen: NDArray[np.uint16] = np.rint(np.clip(fine, 0.0, LARGEST_16_BIT)).astype(np.uint16)
    return sixteen


def _blurred(
    signal: NDArray[np.float32],
    raster: Raster,
    chain: ImagingChain,
    heights: Callable[[], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Return a signal as the beam sees it, as far beyond the frame as the later stages look.

    The margin that an image's model needs may be far wider.
    """
    height = heights() if chain.probe.needs_height else None
    highest = 0.0 if height is None else float(height.max())
    spare = max(raster.margin - chain.reach_px(raster, highest), 0)
    within = tuple(slice(spare, side - spare) for side in signal.shape)
    seen = signal.copy()
    near = None if height is None else height[within]
    seen[within] = blurred(signal[within], near, raster, chain.probe)
    return seen


def _scanned(
    signal: NDArray[np.float32], raster: Raster, chain: ImagingChain, positions: Positions | None
) -> NDArray[np.float32]:
    """Return the frame's lines, with the pixels that the detector has to see beside each."""
    before, after, margin = chain.detector.lead, chain.detector.delay, raster.margin
    if positions is None:
        return signal[
            margin : margin + raster.height, margin - before : margin + raster.width + after
        ]
    rows, columns = positions
    # The beam comes to a line and leaves it straight on.
    ahead = np.arange(-before, 0, dtype=np.float32)
    behind = np.arange(1, after + 1, dtype=np.float32)
    columns = np.hstack([columns[:, :1] + ahead, columns, columns[:, -1:] + behind])
    return sampled(signal, np.pad(rows, ((0, 0), (before, after)), mode="edge"), columns)
