"""A camera and a lamp, as Blender starts with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.color import ColorMode
from scene.prototypes.base import Fidelity
from scene.prototypes.few_samples import render_few_samples
from scene.prototypes.specimen_stage import add_world
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy

FOCAL_LENGTH, SENSOR_WIDTH = 50.0, 36.0
"""Of the lens, in mm."""

CAMERA_LOCATION, CAMERA_ROTATION = (7.359, -6.926, 4.958), (1.109, 0.0, 0.815)
LAMP_LOCATION, LAMP_POWER, LAMP_RADIUS = (4.076, 1.006, 5.904), 1000.0, 0.1
WORLD_GRAY = 0.0509


@final
class Default(MeasurementTechniquePrototype):
    """A perspective camera, a point light in a gray world, and a cube around the origin.

    In colour, with Blender's view transform Filmic. There is no ground, and nothing that holds
    particles in a simulation.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = ()
    resolution: ClassVar[tuple[int, int]] = (1920, 1080)
    max_samples: ClassVar[int] = 1024
    develops: ClassVar[bool] = True
    color_mode: ClassVar[ColorMode] = "RGBA"

    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:  # noqa: ARG002
        """Return the cube from -1 to 1."""
        return MeasurementVolume(lower=(-1.0, -1.0, -1.0), upper=(1.0, 1.0, 1.0))

    def build(
        self,
        scene: bpy.types.Scene,
        resolution: tuple[int, int],  # noqa: ARG002
        fidelity: Fidelity,
    ) -> None:
        """Put camera, lamp and world into an empty scene."""
        import bpy

        lens = bpy.data.cameras.new("Camera")
        lens.lens, lens.sensor_width = FOCAL_LENGTH, SENSOR_WIDTH
        camera = bpy.data.objects.new("Camera", lens)
        camera.location, camera.rotation_euler = CAMERA_LOCATION, CAMERA_ROTATION
        lamp = bpy.data.lights.new("Lamp", "POINT")
        lamp.energy, lamp.shadow_soft_size = LAMP_POWER, LAMP_RADIUS
        light = bpy.data.objects.new("Lamp", lamp)
        light.location = LAMP_LOCATION
        for made in (camera, light):
            scene.collection.objects.link(made)
        scene.camera = camera
        add_world(scene, "Gray", WORLD_GRAY)
        scene.render.engine = "CYCLES"
        scene.render.dither_intensity = 0.0
        scene.view_settings.view_transform = "Filmic"
        scene.cycles.use_denoising = False
        if fidelity == "fast":
            render_few_samples(scene)

    def apply(
        self,
        scene: bpy.types.Scene,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,
    ) -> None:
        """There is nothing to set."""
