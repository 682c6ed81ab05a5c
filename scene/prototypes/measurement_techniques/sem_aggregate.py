"""The scanning electron microscope for aggregates, which hang in the middle of a deep volume."""

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
from scene.specimen.features import FeatureSpec, FeatureValue, number

if TYPE_CHECKING:
    import bpy


@final
class SemAggregate(GrazingLightMicroscope):
    """The light of `secondary_electron_microscope`, from a place of your own.

    The volume lies between the camera and the substrate, and its middle at height 0.
    """

    camera_height: ClassVar[float] = 25.6
    ground: ClassVar[float] = -25.6

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            name="illumination_location",
            default=20.0,
            description="height of the illumination's middle in scene units",
            minimum=-1e5,
            maximum=1e5,
        ),
        FeatureSpec(
            name="illumination_rotation",
            default=0.0,
            description="angle in radians by which the illumination is turned about y",
            minimum=-1e3,
            maximum=1e3,
        ),
        ILLUMINATION_STRENGTH,
        noise_threshold(0.05),
        NOISE_COEFFICIENT,
        FeatureSpec(
            name="defocus",
            default=0.2,
            description="how far the focal plane lies above the middle of the volume: 0 in it, 1 "
            "at the lens",
            minimum=0.0,
            maximum=1.0,
        ),
        MAGNIFICATION,
        *IMAGING_FEATURES,
    )

    @override
    def place_light(self, scene: bpy.types.Scene, features: Mapping[str, FeatureValue]) -> None:
        place_light(
            scene,
            tilt=number(features, "illumination_rotation"),
            height=number(features, "illumination_location"),
            ground=self.ground,
        )
