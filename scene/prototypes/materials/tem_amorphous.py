"""An amorphous material that a beam passes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.base import Fidelity
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.shader import Shader, gray
from scene.specimen.features import FeatureSpec, FeatureValue, number

if TYPE_CHECKING:
    import bpy

GRAY = 0.5
"""Colour of the volume, of which 1 less this is absorbed."""


@final
class TemAmorphous(MaterialPrototype):
    """No surface, and a volume that absorbs: exp(-0.5 density L) is left after L scene units."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            name="density",
            default=1.0,
            description="how much of the beam is absorbed: half of it is the exponent for each "
            "scene unit",
            minimum=0.0,
            maximum=1e3,
        ),
    )
    suits_points: ClassVar[bool] = True
    has_one_index: ClassVar[bool] = False

    def build(
        self,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> bpy.types.Material:
        """Return a new material."""
        shader = Shader("tem_amorphous")
        inputs = {"Color": gray(GRAY), "Density": number(features, "density")}
        volume = shader.node("VolumeAbsorption", inputs)
        return shader.finish(volume.outputs["Volume"], "Volume")

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:
        """Return what lets electrons through; its surface is plain."""
        return ElectronSurface(absorption_density=number(features, "density"))
