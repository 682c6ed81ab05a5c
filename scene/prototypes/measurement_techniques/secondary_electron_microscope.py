"""The scanning electron microscope with its secondary-electron detector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final, override

from scene.microscopy.imaging_chain import IMAGING_FEATURES
from scene.prototypes.grazing_light import (
    ILLUMINATION_STRENGTH,
    NOISE_COEFFICIENT,
    GrazingLightMicroscope,
    noise_threshold,
    place_light,
)
from scene.prototypes.magnification import MAGNIFICATION
from scene.specimen.features import FeatureSpec, FeatureValue

if TYPE_CHECKING:
    import bpy

CYLINDER_TILT = 0.209


@final
class SecondaryElectronMicroscope(GrazingLightMicroscope):
    """An orthographic camera above a substrate, lit at grazing angles from all sides."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        ILLUMINATION_STRENGTH,
        noise_threshold(0.075),
        NOISE_COEFFICIENT,
        FeatureSpec(
            name="defocus",
            default=0.35,
            description="how far the focal plane lies above the substrate: 0 on it, 1 at the lens",
            minimum=0.0,
            maximum=1.0,
        ),
        MAGNIFICATION,
        *IMAGING_FEATURES,
    )

    @override
    def place_light(self, scene: bpy.types.Scene, features: Mapping[str, FeatureValue]) -> None:
        place_light(scene, tilt=CYLINDER_TILT)
