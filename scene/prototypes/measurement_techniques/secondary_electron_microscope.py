"""The scanning electron microscope with its secondary-electron detector."""

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
    CAMERA_HEIGHT,
    add_camera,
    add_substrate,
    add_volume,
    volume_for,
)
from scene.specimen.features import FeatureSpec, FeatureValue, number
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy

CYLINDER_TILT = 0.209


@final
class SecondaryElectronMicroscope(MeasurementTechniquePrototype):
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

    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:
        """Return the measurement volume for a render of `resolution` (width, height) pixels."""
        return volume_for(resolution)

    def build(
        self, scene: bpy.types.Scene, resolution: tuple[int, int], fidelity: Fidelity
    ) -> None:
        """Put camera, illumination, substrate and render settings into an empty scene."""
        size = max(resolution)
        lens = add_camera(scene, size)
        lens.dof.use_dof = True
        lens.dof.aperture_fstop = 1.0
        build_light(scene, fidelity)
        place_light(scene, tilt=CYLINDER_TILT)
        add_substrate(scene, size)
        add_volume(scene, self.volume(resolution))

    def apply(
        self,
        scene: bpy.types.Scene,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,
    ) -> None:
        """Set illumination strength, noise threshold, defocus and magnification."""
        defocus = number(features, "defocus")
        scene.camera.data.dof.focus_distance = (1.0 - defocus) * CAMERA_HEIGHT
        apply_light(scene, features)
        look(scene, features, self.imaging_chain(features, fidelity))

    def imaging_chain(
        self, features: Mapping[str, FeatureValue], fidelity: Fidelity
    ) -> ImagingChain:
        """Return what features set, and the noise; at `reference` it has that of its samples."""
        return noisy_chain(features, fidelity)
