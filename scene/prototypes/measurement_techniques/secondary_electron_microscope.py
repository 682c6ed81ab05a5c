"""The scanning electron microscope with its secondary-electron detector."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.imaging_chain import IMAGING_FEATURES, ImagingChain
from scene.prototypes.base import Fidelity, MeasurementTechniquePrototype
from scene.prototypes.few_samples import render_few_samples
from scene.prototypes.magnification import MAGNIFICATION, magnify
from scene.prototypes.shader import Shader
from scene.prototypes.specimen_stage import (
    CAMERA_HEIGHT,
    add_camera,
    add_mesh,
    add_substrate,
    add_volume,
    cover,
    volume_for,
)
from scene.specimen.features import FeatureSpec, FeatureValue, number
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy

# Lengths in scene units; fractions are of the larger of the image's width and height in pixels.
CYLINDER_FRACTION = 0.2
CYLINDER_SEGMENTS = 128
CYLINDER_TILT = 0.209
ILLUMINATION = "Illumination"
"""Name of the illumination's object and material."""

ILLUMINATION_BELOW = "IlluminationBelow"
"""Name of the material of that part of it, at `fast`, which lies below the substrate."""

NOISE_FLOOR = 0.9
NOISE_SLOPE = 16.0
"""Standard deviation of a pixel at gray value 1, for no noise threshold and for each of its units.

Assumed: that of the published images, 1.8 to 2.5, at thresholds between 0.05 and 0.1.
"""


@final
class SecondaryElectronMicroscope(MeasurementTechniquePrototype):
    """An orthographic camera above a substrate, lit at grazing angles from all sides.

    The light comes from the wall of a slightly tilted open cylinder: surfaces seen edge-on are
    lit most, which is the edge effect of secondary electrons, and the tilt stands for the
    detector's place at one side.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            name="illumination_strength",
            default=2.0,
            description="radiance of the illumination",
            minimum=0.0,
            maximum=1e6,
        ),
        FeatureSpec(
            name="noise_threshold",
            default=0.075,
            description="how noisy the image is; at `reference` the noise at which Cycles is done "
            "with a pixel, and 0 lets Cycles choose",
            minimum=0.0,
            maximum=1.0,
        ),
        FeatureSpec(
            name="noise_coefficient",
            default=1.0,
            description="factor of the noise at `fast`: 0 is none; of no effect at `reference`",
            minimum=0.0,
            maximum=100.0,
        ),
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
        self._add_illumination(scene, size, fidelity)
        add_substrate(scene, size)
        add_volume(scene, self.volume(resolution))
        self._set_up_rendering(scene)
        if fidelity == "fast":
            # Cycles' light tree looks for the lights that matter at a point; here all of them do.
            scene.cycles.use_light_tree = False
            render_few_samples(scene)

    def apply(
        self,
        scene: bpy.types.Scene,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,
    ) -> None:
        """Set illumination strength, noise threshold, defocus and magnification."""
        strength = number(features, "illumination_strength")
        defocus = number(features, "defocus")
        scene.camera.data.dof.focus_distance = (1.0 - defocus) * CAMERA_HEIGHT
        for material in scene.objects[ILLUMINATION].data.materials:
            emission = material.node_tree.nodes["Emission"]
            emission.inputs["Strength"].default_value = strength
        scene.cycles.adaptive_threshold = number(features, "noise_threshold")
        seen = magnify(scene, features)
        # What lies beside the frame may still show in it, at most half a frame away.
        cover(scene, seen if self.imaging_chain(features, fidelity).is_local else 2 * seen)

    def imaging_chain(
        self, features: Mapping[str, FeatureValue], fidelity: Fidelity
    ) -> ImagingChain:
        """Return what features set, and the noise; at `reference` it has that of its samples."""
        if fidelity == "reference":
            return ImagingChain.of(features)
        level = NOISE_FLOOR + NOISE_SLOPE * number(features, "noise_threshold")
        return ImagingChain.of(features, noise=number(features, "noise_coefficient") * level)

    def _add_illumination(self, scene: bpy.types.Scene, size: int, fidelity: Fidelity) -> None:
        radius, half = CYLINDER_FRACTION * size, CYLINDER_FRACTION * size / 2
        turn = 2 * math.pi / CYLINDER_SEGMENTS
        around = [
            (radius * math.cos(i * turn), radius * math.sin(i * turn))
            for i in range(CYLINDER_SEGMENTS)
        ]
        edges = [[-half] * CYLINDER_SEGMENTS, [half] * CYLINDER_SEGMENTS]
        if fidelity == "fast":
            # An edge more, where the tilted wall meets the plane of the substrate.
            edges.insert(1, [x * math.tan(CYLINDER_TILT) for x, _ in around])
        vertices = [(x, y, z) for edge in edges for (x, y), z in zip(around, edge, strict=True)]
        faces = [
            (low + i, low + (i + 1) % CYLINDER_SEGMENTS,
             low + (i + 1) % CYLINDER_SEGMENTS + CYLINDER_SEGMENTS, low + i + CYLINDER_SEGMENTS)
            for low in range(0, len(vertices) - CYLINDER_SEGMENTS, CYLINDER_SEGMENTS)
            for i in range(CYLINDER_SEGMENTS)
        ]  # fmt: skip
        cylinder = add_mesh(scene, ILLUMINATION, vertices, faces)
        cylinder.data.materials.append(_light(ILLUMINATION))
        if fidelity == "fast":
            below = _light(ILLUMINATION_BELOW)
            # Most of what is seen is lit from above alone, and half of its light samples would be
            # spent on this part. What it does light, past the substrate's edges, still finds it.
            below.cycles.emission_sampling = "NONE"
            cylinder.data.materials.append(below)
            for face in cylinder.data.polygons[:CYLINDER_SEGMENTS]:
                face.material_index = 1
        cylinder.rotation_euler = (0.0, CYLINDER_TILT, 0.0)
        cylinder.visible_camera = False

    def _set_up_rendering(self, scene: bpy.types.Scene) -> None:
        import bpy

        world = bpy.data.worlds.new("Darkness")
        # A world's node tree starts with a gray background; none at all is black.
        world.node_tree.nodes.clear()
        scene.world = world

        scene.render.engine = "CYCLES"
        scene.render.dither_intensity = 0.0
        scene.view_settings.view_transform = "Raw"
        cycles = scene.cycles
        cycles.use_adaptive_sampling = True
        cycles.use_denoising = False
        cycles.max_bounces = 12
        cycles.diffuse_bounces = 4
        cycles.glossy_bounces = 4
        cycles.sample_clamp_indirect = 10.0
        cycles.pixel_filter_type = "BLACKMAN_HARRIS"
        cycles.filter_width = 1.5


def _light(name: str) -> bpy.types.Material:
    shader = Shader(name)
    emission = shader.node("Emission", name="Emission")
    return shader.finish(emission.outputs["Emission"])
