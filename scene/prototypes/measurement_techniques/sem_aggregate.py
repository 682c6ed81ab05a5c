"""The scanning electron microscope for aggregates, which hang in the middle of a deep volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.imaging_chain import IMAGING_FEATURES, ImagingChain
from scene.prototypes.base import Fidelity, MeasurementTechniquePrototype
from scene.prototypes.grazing_light import (
    ILLUMINATION_STRENGTH,
    NOISE_COEFFICIENT,
    apply_light,
    build_light,
    look,
    noise_threshold,
    noisy_chain,
    place_light,
)
from scene.prototypes.magnification import MAGNIFICATION
from scene.prototypes.specimen_stage import (
    VOLUME_FRACTION,
    add_camera,
    add_substrate,
    add_volume,
)
from scene.specimen.features import FeatureSpec, FeatureValue, number
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy

CAMERA_HEIGHT = 25.6
GROUND = -25.6
"""Height of the substrate; the volume lies between it and the camera."""


@final
class SemAggregate(MeasurementTechniquePrototype):
    """The light of `secondary_electron_microscope`, from a place of your own."""

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

    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:
        """Return the measurement volume for a render of `resolution` (width, height) pixels."""
        half = VOLUME_FRACTION * max(resolution) / 2
        return MeasurementVolume(lower=(-half, -half, GROUND), upper=(half, half, CAMERA_HEIGHT))

    def build(
        self, scene: bpy.types.Scene, resolution: tuple[int, int], fidelity: Fidelity
    ) -> None:
        """Put camera, illumination, substrate and render settings into an empty scene."""
        size = max(resolution)
        lens = add_camera(scene, size)
        lens.dof.use_dof = True
        lens.dof.aperture_fstop = 1.0
        scene.camera.location.z = CAMERA_HEIGHT
        build_light(scene, fidelity)
        add_substrate(scene, size).location.z = GROUND
        add_volume(scene, self.volume(resolution))

    def apply(
        self,
        scene: bpy.types.Scene,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,
    ) -> None:
        """Set place and strength of the illumination, noise, defocus and magnification."""
        place_light(
            scene,
            tilt=number(features, "illumination_rotation"),
            height=number(features, "illumination_location"),
            ground=GROUND,
        )
        defocus = number(features, "defocus")
        scene.camera.data.dof.focus_distance = (1.0 - defocus) * CAMERA_HEIGHT
        apply_light(scene, features)
        look(scene, features, self.imaging_chain(features, fidelity))

    def imaging_chain(
        self, features: Mapping[str, FeatureValue], fidelity: Fidelity
    ) -> ImagingChain:
        """Return what features set, and the noise; at `reference` it has that of its samples."""
        return noisy_chain(features, fidelity)
