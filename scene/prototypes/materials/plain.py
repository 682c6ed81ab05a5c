"""A surface of one colour and roughness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.base import Fidelity
from scene.prototypes.colored import COLOR, color, electrons
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.shader import Shader
from scene.specimen.features import FeatureSpec, FeatureValue, number

if TYPE_CHECKING:
    import bpy


@final
class Plain(MaterialPrototype):
    """Plastic or paint of any colour, from glossy to matt."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        COLOR,
        FeatureSpec(
            name="roughness",
            default=0.5,
            description="how matt the surface is: 0 reflects like a mirror, 1 not at all",
            minimum=0.0,
            maximum=1.0,
        ),
    )
    suits_points: ClassVar[bool] = True

    def build(
        self,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> bpy.types.Material:
        """Return a new material for the given `color` and `roughness`."""
        inputs = {"Base Color": color(features), "Roughness": number(features, "roughness")}
        return Shader("plain").principled(inputs)

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:
        """Return a smooth one, as bright as the colour."""
        return electrons(features)
