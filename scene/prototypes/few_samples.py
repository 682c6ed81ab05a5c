"""Cycles with few samples and a denoiser, for techniques that add their noise afterwards."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bpy

FEWEST_ON_CPU = 4
FEWEST_ON_GPU = 32
"""Samples are cheap there, beside what every render costs; not measured."""

REFERENCE_EDGE = 960
"""Edge in pixels of the square image from which on the fewest samples are taken."""


def render_few_samples(scene: bpy.types.Scene) -> None:
    """Make Cycles take a fixed number of samples and denoise them, once per image.

    The samples follow from the scene's device and the image's size in pixels, and are at most those
    that the scene has so far. Where the focus is elsewhere, albedo and normals of few samples are
    as ragged as the image, so the denoiser filters all three together, which costs next to nothing;
    filtering those two first, by themselves, would nearly double the cost of an image.
    """
    cycles, render = scene.cycles, scene.render
    percentage = render.resolution_percentage / 100
    pixels = render.resolution_x * render.resolution_y * percentage**2
    on_gpu = cycles.device == "GPU"
    cycles.use_adaptive_sampling = False
    cycles.samples = min(cycles.samples, samples_for(pixels, on_gpu=on_gpu))
    cycles.use_denoising = True
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_input_passes = "RGB_ALBEDO_NORMAL"
    cycles.denoising_prefilter = "FAST"
    cycles.denoising_quality = "HIGH"
    cycles.denoising_use_gpu = on_gpu


def samples_for(pixels: float, *, on_gpu: bool) -> int:
    """Return the samples of each pixel of an image that is denoised.

    A small image shows details of fewer pixels, of which the denoiser sees less, so its pixels
    get more: as many times as its edge is shorter. It still costs less than a large one, and does
    not look as good beside one without noise (docs/performance-trials.md).

    >>> [samples_for(edge**2, on_gpu=False) for edge in (1920, 960, 480, 96)]
    [4, 4, 8, 40]
    """
    fewest = FEWEST_ON_GPU if on_gpu else FEWEST_ON_CPU
    return max(fewest, math.ceil(FEWEST_ON_CPU * REFERENCE_EDGE / math.sqrt(pixels)))
