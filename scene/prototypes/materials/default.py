"""What particles are made of whose recipe does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.base import Fidelity
from scene.prototypes.colored import COLOR, color, electrons
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.shader import Shader
from scene.specimen.features import FeatureSpec, FeatureValue

if TYPE_CHECKING:
    import bpy


@final
class Default(MaterialPrototype):
    """A plain surface of one colour, light gray unless a step sets another one."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (COLOR,)
    suits_points: ClassVar[bool] = True

    def build(
        self,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> bpy.types.Material:
        """Return a new material for the given `color`."""
        return Shader("default").principled({"Base Color": color(features)})

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:
        """Return a smooth one, as bright as the colour."""
        return electrons(features)
