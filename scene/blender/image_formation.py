"""How a technique's image comes about, from its prototype and those of the materials."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast, final

import numpy as np
from numpy.typing import NDArray

from scene.errors import RenderError
from scene.language.plugin_code import described, given
from scene.microscopy.color import ColorMode
from scene.microscopy.data_bar import DataBar
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.image_model import ImageModel, Stream
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.raster import Raster
from scene.microscopy.view import ParticleSurfaces, View
from scene.prototypes.image_settings import COLOR_MODE
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.schema import RenderSettings
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementTechnique

_SMALLEST_MARGIN = 2
"""Blender renders no image of three pixels."""


@final
@dataclass(frozen=True, slots=True)
class ImageFormation:
    """What decides `real`, beside what is to be seen.

    Parameters
    ----------
    develops
        Whether Blender's view transform makes the image; then neither model nor chain do.
    color_mode
        What a pixel of it holds.
    model
        Computes the noise-free image; None if Cycles renders it.
    chain
        What the noise-free image goes through.
    scene_unit_nm
        Length of a scene unit in nm.
    ground_height
        Where the ground is, along z in scene units.
    room
        Height of the measurement volume above the ground in scene units.
    ground
        What the ground is made of; None if there is none, and without a model.
    particles
        What particles are made of; empty without a model.
    """

    develops: bool = False
    color_mode: ColorMode = "BW"
    model: ImageModel | None = None
    chain: ImagingChain = field(default_factory=ImagingChain)
    scene_unit_nm: float = 1000.0
    ground_height: float = 0.0
    room: float = 0.0
    ground: ElectronSurface | None = None
    particles: ParticleSurfaces = field(default_factory=dict)

    @property
    def needs_scale(self) -> bool:
        """Whether the image depends on heights or lengths in nm, or on what is beyond the frame."""
        return not (self.model is None and self.chain.is_local and self.chain.film.is_neutral)

    def margin(self, frame: Raster) -> int:
        """Return how many pixels beyond a frame still matter inside, on each side.

        What the chain takes from elsewhere is right itself only with the surroundings that the
        model needs, so both add up. Of the model's, at most ``frame.most_around`` are given.
        """
        reach = 0
        if not self.chain.is_local:
            reach = self.chain.reach_px(frame, highest=self.room * self.scene_unit_nm)
        if self.model is not None:
            bound = frame.most_around
            reach += math.ceil(min(_reach_nm(self.model) / frame.pixel_nm, bound))
        return max(_SMALLEST_MARGIN, reach) if reach > 0 else 0


def formation_of(
    prototype: MeasurementTechniquePrototype,
    technique: MeasurementTechnique,
    own: Mapping[str, FeatureValue],
    settings: RenderSettings,
    ground: Callable[[], ElectronSurface | None],
) -> ImageFormation:
    """Return how a technique makes `real`, but for the particles.

    Parameters
    ----------
    own
        Values of the features of `prototype`.
    ground
        Returns what the ground is made of; asked if there is a model.

    Raises
    ------
    RenderError
        If the technique's images are in colour, and its imaging chain is not neutral.
    """
    kind, fidelity = type(prototype), settings.fidelity
    chain = given(prototype.imaging_chain(own, fidelity), ImagingChain, kind, "imaging_chain")
    if prototype.develops and replace(chain, data_bar=DataBar()) != ImagingChain():
        raise RenderError(
            f"the imaging chain makes gray images alone, but {technique.prototype!r} takes its "
            "own in colour; leave the features of the chain as they are"
        )
    model = prototype.image_model(own) if fidelity in prototype.computed_at else None
    if model is not None:
        model = given(model, ImageModel, kind, "image_model").at_scale(settings.scene_unit_nm)
    volume = prototype.volume(settings.resolution)
    mode: Any = technique.features.get(COLOR_MODE, prototype.color_mode)
    return ImageFormation(
        develops=prototype.develops,
        color_mode=cast("ColorMode", mode),
        model=model,
        chain=chain,
        scene_unit_nm=settings.scene_unit_nm,
        ground_height=volume.lower[2],
        room=volume.sides[2],
        ground=None if model is None else ground(),
    )


def _reach_nm(model: ImageModel) -> float:
    reach: Any = model.reach_nm  # whatever a plugin gives
    if not isinstance(reach, int | float) or not reach >= 0:
        raise TypeError(
            f"{described(type(model))}: reach_nm must be a length in nm that is not negative, got "
            f"{reach!r:.60}"
        )
    return reach


def signal_of(model: ImageModel, view: View, stream: Stream) -> NDArray[np.float32]:
    """Return the noise-free signal that a model computes, of ``view.raster.shape``.

    Raises
    ------
    TypeError
        If a plugin's gives anything else.
    """
    signal: object = model.signal(view, stream)
    shape = view.raster.shape
    if (
        not isinstance(signal, np.ndarray)
        or signal.shape != shape
        or signal.dtype != np.float32
        or not np.isfinite(signal).all()
    ):
        form = f"{signal.dtype} {signal.shape}" if isinstance(signal, np.ndarray) else signal
        raise TypeError(
            f"{described(type(model))}: signal must give an array of finite float32 of {shape}, "
            f"got {form!r:.60}"
        )
    return signal
