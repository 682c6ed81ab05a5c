"""A microscope whose image is computed, by a rule that a test can compute, too."""

# ruff: noqa: ARG002 (what a prototype is given, used or not)

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from blendsweep.plugins import (
    IMAGING_FEATURES,
    ElectronSurface,
    FeatureSpec,
    ImageModel,
    ImagingChain,
    MaterialPrototype,
    MeasurementTechniquePrototype,
    MeasurementVolume,
    View,
)

if TYPE_CHECKING:
    import bpy

type Features = Mapping[str, Any]


@dataclass(frozen=True)
class ByHeight(ImageModel):
    """A thousandth of the height in um and of the yield; `seen` keeps what it was given."""

    reach: float
    seen: list[View]

    @property
    def reach_nm(self) -> float:
        return self.reach

    def signal(
        self, view: View, stream: Callable[[str], np.random.Generator]
    ) -> NDArray[np.float32]:
        self.seen.append(view)
        ids = view.buffers.instance
        yields = np.zeros(2**16, np.float32)
        yields[0] = 0.0 if view.ground is None else view.ground.secondary_electron_yield
        for surface, wearers in view.particles.items():
            yields[wearers] = surface.secondary_electron_yield
        grain = stream("grain").standard_normal(view.raster.shape, dtype=np.float32)
        signal: NDArray[np.float32] = view.height / 1e5 + yields[ids] / 1e2 + np.abs(grain) / 1e3
        return signal


SEEN: list[View] = []
"""Views, as they were looked at."""


class Plain(MeasurementTechniquePrototype):
    """Looks down on a box of 9.6 x 9.6 x 50 scene units whose floor is at -2."""

    features = (
        FeatureSpec("reach", 0.0, "in nm", minimum=0.0),
        FeatureSpec("tilt", 0.0, "of the camera in rad"),
        FeatureSpec("perspective", 0.0, "of the camera, 1 if it has one"),
        FeatureSpec("shift", 0.0, "of the camera, in images to the right and up"),
        FeatureSpec("computed", 1.0, "0 if Cycles renders the image"),
        *IMAGING_FEATURES,
    )

    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:
        half = 0.05 * max(resolution)
        return MeasurementVolume((-half, -half, -2.0), (half, half, 48.0))

    def build(self, scene: bpy.types.Scene, resolution: tuple[int, int], fidelity: str) -> None:
        import bpy

        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        camera.data.ortho_scale = 0.1 * max(resolution)
        camera.data.clip_end = 1000.0
        camera.location = (0.0, 0.0, 60.0)
        scene.collection.objects.link(camera)
        scene.camera = camera
        light = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
        scene.collection.objects.link(light)
        scene.render.engine = "CYCLES"
        scene.view_settings.view_transform = "Raw"
        scene.cycles.samples = min(scene.cycles.samples, 4)

    def apply(self, scene: bpy.types.Scene, features: Features, fidelity: str) -> None:
        camera = scene.camera
        camera.rotation_euler = (features["tilt"], 0.0, math.pi / 2)
        camera.data.type = "PERSP" if features["perspective"] else "ORTHO"
        camera.data.shift_x = camera.data.shift_y = features["shift"]

    def image_model(self, features: Features) -> ImageModel | None:
        return ByHeight(features["reach"], SEEN) if features["computed"] else None

    def imaging_chain(self, features: Features, fidelity: str) -> ImagingChain:
        return ImagingChain.of(features)


class Metal(MaterialPrototype):
    """Has a yield."""

    features = (FeatureSpec("electron_yield", 2.0, "secondary electrons an electron", minimum=0.0),)

    def build(self, features: Features, fidelity: str) -> bpy.types.Material:
        import bpy

        return bpy.data.materials.new("Metal")

    def electron_surface(self, features: Features) -> ElectronSurface:
        return ElectronSurface(secondary_electron_yield=features["electron_yield"])
