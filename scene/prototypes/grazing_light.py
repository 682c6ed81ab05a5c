"""Path-traced electron microscopes: light that grazes in from all sides.

It comes from the wall of an open cylinder. Surfaces seen edge-on are lit most, which is the edge
effect of secondary electrons; that the cylinder is turned stands for the detector's place at one
side.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, override

import numpy as np

from scene.microscopy.imaging_chain import ImagingChain
from scene.prototypes.base import Fidelity
from scene.prototypes.few_samples import render_few_samples
from scene.prototypes.magnification import magnify
from scene.prototypes.shader import Shader
from scene.prototypes.specimen_stage import (
    CAMERA_HEIGHT,
    add_camera,
    add_mesh,
    add_substrate,
    add_volume,
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

# Lengths in scene units; fractions are of the larger of the image's width and height in pixels.
CYLINDER_FRACTION = 0.2
CYLINDER_SEGMENTS = 128
ILLUMINATION = "Illumination"
"""Name of the illumination's object and material."""

ILLUMINATION_BELOW = "IlluminationBelow"
"""Name of the material of that part of it, at `fast`, which lies below the substrate."""

NOISE_FLOOR = 0.9
NOISE_SLOPE = 16.0
"""Standard deviation of a pixel at gray value 1, for no noise threshold and for each of its units.

Assumed: that of the published images, 1.8 to 2.5, at thresholds between 0.05 and 0.1.
"""

_STEEPEST = math.pi / 3
"""A cylinder that is turned farther is not divided into what lies above and below the substrate."""

ILLUMINATION_STRENGTH = FeatureSpec(
    name="illumination_strength",
    default=2.0,
    description="radiance of the illumination",
    minimum=0.0,
    maximum=1e6,
)
NOISE_COEFFICIENT = FeatureSpec(
    name="noise_coefficient",
    default=1.0,
    description="factor of the noise at `fast`: 0 is none; of no effect at `reference`",
    minimum=0.0,
    maximum=100.0,
)


def noise_threshold(default: float) -> FeatureSpec:
    """Return the feature by which an image is noisy."""
    return FeatureSpec(
        name="noise_threshold",
        default=default,
        description="how noisy the image is; at `reference` the noise at which Cycles is done "
        "with a pixel, and 0 lets Cycles choose",
        minimum=0.0,
        maximum=1.0,
    )


class GrazingLightMicroscope(MeasurementTechniquePrototype):
    """A camera straight above a substrate, in the light of a cylinder that `place_light` puts.

    Its features are `ILLUMINATION_STRENGTH`, `noise_threshold`, `NOISE_COEFFICIENT`, `defocus`,
    `MAGNIFICATION` and those of the imaging chain.
    """

    camera_height: ClassVar[float] = CAMERA_HEIGHT
    ground: ClassVar[float] = 0.0
    """Height of the substrate."""

    @override
    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:
        return volume_for(resolution, self.ground, self.camera_height)

    @override
    def build(
        self, scene: bpy.types.Scene, resolution: tuple[int, int], fidelity: Fidelity
    ) -> None:
        size = max(resolution)
        focus(add_camera(scene, size))
        scene.camera.location.z = self.camera_height
        _build_light(scene, fidelity)
        add_substrate(scene, size).location.z = self.ground
        add_volume(scene, self.volume(resolution))

    @abstractmethod
    def place_light(self, scene: bpy.types.Scene, features: Mapping[str, FeatureValue]) -> None:
        """Put the cylinder where the features say."""

    @override
    def apply(
        self, scene: bpy.types.Scene, features: Mapping[str, FeatureValue], fidelity: Fidelity
    ) -> None:
        defocus = number(features, "defocus")
        scene.camera.data.dof.focus_distance = (1.0 - defocus) * self.camera_height
        self.place_light(scene, features)
        strength = number(features, ILLUMINATION_STRENGTH.name)
        for material in scene.objects[ILLUMINATION].data.materials:
            emission: Any = material.node_tree.nodes["Emission"]
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


def _build_light(scene: bpy.types.Scene, fidelity: Fidelity) -> None:
    """Add the cylinder to a scene, and set up its rendering."""
    edges = 2 if fidelity == "reference" else 3
    vertices = [(0.0, 0.0, 0.0)] * (edges * CYLINDER_SEGMENTS)
    faces = [
        (low + i, low + (i + 1) % CYLINDER_SEGMENTS,
         low + (i + 1) % CYLINDER_SEGMENTS + CYLINDER_SEGMENTS, low + i + CYLINDER_SEGMENTS)
        for low in range(0, len(vertices) - CYLINDER_SEGMENTS, CYLINDER_SEGMENTS)
        for i in range(CYLINDER_SEGMENTS)
    ]  # fmt: skip
    cylinder = add_mesh(scene, ILLUMINATION, vertices, faces)
    cylinder.data.materials.append(_light(ILLUMINATION))
    if fidelity == "fast":
        cylinder.data.materials.append(_light(ILLUMINATION_BELOW))
        for face in cylinder.data.polygons[:CYLINDER_SEGMENTS]:
            face.material_index = 1
    cylinder.visible_camera = False
    _set_up_rendering(scene)
    if fidelity == "fast":
        # Cycles' light tree looks for the lights that matter at a point; here all of them do.
        scene.cycles.use_light_tree = False
        render_few_samples(scene)


def place_light(
    scene: bpy.types.Scene, *, tilt: float, height: float = 0.0, ground: float = 0.0
) -> None:
    """Turn the cylinder about y, with its middle at a height.

    At `fast` it has an edge more, where the wall meets the plane of the substrate. Most of what is
    seen is lit from above alone, and half of its light samples would be spent on the part below.
    What that does light, past the substrate's edges, still finds it.
    """
    cylinder = scene.objects[ILLUMINATION]
    size = max(scene.render.resolution_x, scene.render.resolution_y)
    radius, half = CYLINDER_FRACTION * size, CYLINDER_FRACTION * size / 2
    turn = 2 * math.pi / CYLINDER_SEGMENTS
    around = [
        (radius * math.cos(i * turn), radius * math.sin(i * turn)) for i in range(CYLINDER_SEGMENTS)
    ]
    edges = [[-half] * CYLINDER_SEGMENTS, [half] * CYLINDER_SEGMENTS]
    if len(cylinder.data.materials) > 1:
        is_divided = abs(math.remainder(tilt, 2 * math.pi)) < _STEEPEST
        level = (ground - height) / math.cos(tilt)
        meets = [min(max(level + x * math.tan(tilt), -half), half) for x, _ in around]
        edges.insert(1, meets if is_divided else [0.0] * CYLINDER_SEGMENTS)
        below = cylinder.data.materials[1]
        below.cycles.emission_sampling = "NONE" if is_divided else "AUTO"
    vertices = [(x, y, z) for edge in edges for (x, y), z in zip(around, edge, strict=True)]
    cylinder.data.vertices.foreach_set("co", np.array(vertices, dtype=np.float32).ravel())
    cylinder.data.update()
    cylinder.location = (0.0, 0.0, height)
    cylinder.rotation_euler = (0.0, tilt, 0.0)


def _set_up_rendering(scene: bpy.types.Scene) -> None:
    import bpy

    world = bpy.data.worlds.new("Darkness")
    # A world's node tree starts with a gray background; none at all is black.
    world.node_tree.nodes.clear()
    scene.world = world

    render_linear(scene)
    cycles = scene.cycles
    cycles.max_bounces = 12
    cycles.diffuse_bounces = 4
    cycles.glossy_bounces = 4
    cycles.sample_clamp_indirect = 10.0


def _light(name: str) -> bpy.types.Material:
    shader = Shader(name)
    emission = shader.node("Emission", name="Emission")
    return shader.finish(emission.outputs["Emission"])
