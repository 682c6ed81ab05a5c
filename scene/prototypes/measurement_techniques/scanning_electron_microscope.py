"""The scanning electron microscope, its image computed from geometry in physical units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.imaging_chain import IMAGING_FEATURES, ImagingChain
from scene.microscopy.secondary_electrons import SecondaryElectrons
from scene.prototypes.base import Fidelity
from scene.prototypes.magnification import MAGNIFICATION, magnify
from scene.prototypes.specimen_stage import (
    CAMERA_HEIGHT,
    add_camera,
    add_substrate,
    add_volume,
    add_world,
    cover,
    volume_for,
)
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy

_AMBIENT = 0.3
_LIGHT_STRENGTH = 2.0
_LIGHT_TILT = 0.6


@final
class ScanningElectronMicroscope(MeasurementTechniquePrototype):
    """The field of view of `secondary_electron_microscope`, and an image that is not rendered.

    How many secondary electrons every pixel gives follows from what materials, slopes, heights and
    neighbours there are (:mod:`scene.microscopy.secondary_electrons`). Lengths are in nm, with
    `render.scene_unit_nm`. Blender's scene has a plain light, to look around in.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        *SecondaryElectrons.FEATURES,
        MAGNIFICATION,
        *IMAGING_FEATURES,
    )

    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:
        """Return the measurement volume for a render of `resolution` (width, height) pixels."""
        return volume_for(resolution)

    def build(
        self,
        scene: bpy.types.Scene,
        resolution: tuple[int, int],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> None:
        """Put camera, substrate and a plain light into an empty scene."""
        import bpy

        size = max(resolution)
        add_camera(scene, size)
        add_substrate(scene, size)
        add_volume(scene, self.volume(resolution))
        lamp = bpy.data.lights.new("Light", "SUN")
        lamp.energy = _LIGHT_STRENGTH
        light = bpy.data.objects.new("Light", lamp)
        light.location = (0.0, 0.0, CAMERA_HEIGHT)
        light.rotation_euler = (_LIGHT_TILT, 0.0, -_LIGHT_TILT)
        scene.collection.objects.link(light)
        add_world(scene, "Ambient", _AMBIENT)
        scene.render.engine = "CYCLES"
        scene.view_settings.view_transform = "Raw"

    def apply(
        self,
        scene: bpy.types.Scene,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> None:
        """Set the magnification; all else is in the image's computation."""
        cover(scene, magnify(scene, features))

    def image_model(self, features: Mapping[str, FeatureValue]) -> SecondaryElectrons:
        """Return how many electrons every pixel gives."""
        return SecondaryElectrons.of(features)

    def imaging_chain(
        self,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> ImagingChain:
        """Return probe, scan, electrons, detector and display."""
        return ImagingChain.of(features)
