"""How a technique's image comes about, from its prototype and those of the materials."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import final

from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.image_model import ImageModel
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.raster import Raster
from scene.microscopy.view import ParticleSurfaces

SMALLEST_BOUND = 256
"""Pixels that a margin may always have."""

_SMALLEST_MARGIN = 2
"""Blender renders no image of three pixels."""


@final
@dataclass(frozen=True, slots=True)
class ImageFormation:
    """What decides `real`, beside what is to be seen.

    Parameters
    ----------
    model
        Computes the noise-free image; None if Cycles renders it.
    chain
        What the noise-free image goes through.
    scene_unit_nm
        Length of a scene unit in nm.
    ground_height
        Where the ground is, along z in scene units.
    ground
        What the ground is made of; None if there is none, or no model that asks.
    particles
        What particles are made of; empty if there is no model that asks.
    """

    model: ImageModel | None = None
    chain: ImagingChain = field(default_factory=ImagingChain)
    scene_unit_nm: float = 1000.0
    ground_height: float = 0.0
    ground: ElectronSurface | None = None
    particles: ParticleSurfaces = field(default_factory=dict)

    @property
    def needs_scale(self) -> bool:
        """Whether the image depends on heights or lengths in nm."""
        return self.model is not None

    def margin(self, frame: Raster) -> int:
        """Return how many pixels beyond a frame still matter inside, on each side.

        At most half of the frame's larger side, or `SMALLEST_BOUND` if that is more: the image
        with its margin then has at most four times the frame's pixels, and what lies farther away
        is left out.
        """
        reach: float = self.chain.reach_px(frame)
        if self.model is not None:
            reach += self.model.reach_nm / frame.pixel_nm
        if reach <= 0:
            return 0
        bound = max(SMALLEST_BOUND, max(frame.width, frame.height) // 2)
        return max(_SMALLEST_MARGIN, math.ceil(min(reach, bound)))
