"""The transmission electron microscope, in bright field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.data_bar import DataBar
from scene.microscopy.imaging_chain import IMAGING_FEATURES, ImagingChain
from scene.microscopy.support_film import SupportFilm
from scene.microscopy.transmission import BrightField
from scene.prototypes.base import Fidelity
from scene.prototypes.magnification import MAGNIFICATION, magnify
from scene.prototypes.specimen_stage import (
    CAMERA_HEIGHT,
    add_camera,
    add_substrate,
    add_volume,
    add_world,
    cover,
    focus,
    render_linear,
    volume_for,
)
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.specimen.features import FeatureSpec, FeatureValue, number
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy

LENS_RADIUS = 0.5
"""In scene units, that of Cycles' parallel cameras at an f-stop of 1."""

_NEAREST = 1e-2
"""Least distance of the focal plane, in scene units, from the lens."""


@final
class TransmissionElectronMicroscope(MeasurementTechniquePrototype):
    """White light from below, of which particles absorb a part.

    `reference` is rendered by Cycles. `fast` is computed from how thick particles are, and has no
    noise: theirs is hardly any, as no light is scattered.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            name="noise_threshold",
            default=0.05,
            description="the noise at which Cycles is done with a pixel at `reference`; 0 lets "
            "Cycles choose",
            minimum=0.0,
            maximum=1.0,
        ),
        FeatureSpec(
            name="defocus",
            default=0.2,
            description="how far the focal plane lies above the ground: 0 on it, 1 at the lens",
            minimum=0.0,
            maximum=1.0,
        ),
        MAGNIFICATION,
        *SupportFilm.FEATURES,
        *IMAGING_FEATURES,
    )
    computed_at: ClassVar[frozenset[Fidelity]] = frozenset({"fast"})
    looks_through: ClassVar[bool] = True

    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:
        """Return the measurement volume for a render of `resolution` (width, height) pixels."""
        return volume_for(resolution)

    def build(
        self,
        scene: bpy.types.Scene,
        resolution: tuple[int, int],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> None:
        """Put camera, white world, substrate and render settings into an empty scene."""
        size = max(resolution)
        focus(add_camera(scene, size))
        add_substrate(scene, size)
        add_volume(scene, self.volume(resolution))
        add_world(scene, "White", 1.0)
        render_linear(scene)

    def apply(
        self,
        scene: bpy.types.Scene,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> None:
        """Set noise threshold, defocus and magnification."""
        scene.camera.data.dof.focus_distance = _focus_distance(number(features, "defocus"))
        scene.cycles.adaptive_threshold = number(features, "noise_threshold")
        cover(scene, magnify(scene, features))

    def image_model(self, features: Mapping[str, FeatureValue]) -> BrightField:
        """Return how much of the beam is left, in scene units."""
        defocus = number(features, "defocus")
        return BrightField(
            aperture=LENS_RADIUS / _focus_distance(defocus),
            focus_height=CAMERA_HEIGHT * defocus,
            room=CAMERA_HEIGHT,
        )

    def imaging_chain(
        self,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> ImagingChain:
        """Return the support film, and all that every microscope has."""
        bar = replace(DataBar.of(features), detector="BF")
        return replace(ImagingChain.of(features), film=SupportFilm.of(features), data_bar=bar)


def _focus_distance(defocus: float) -> float:
    return max((1.0 - defocus) * CAMERA_HEIGHT, _NEAREST)
