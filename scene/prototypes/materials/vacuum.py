"""Nothing: what is made of it is not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.base import Fidelity
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.shader import Shader
from scene.specimen.features import FeatureSpec, FeatureValue

if TYPE_CHECKING:
    import bpy

ELECTRONS = ElectronSurface(secondary_electron_yield=0.0, absorption_density=0.0)


@final
class Vacuum(MaterialPrototype):
    """Fully transparent, with an index of refraction of 1.

    A particle of it is in the ground truth all the same; a substrate of it is not there.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = ()
    suits_points: ClassVar[bool] = True
    is_nothing: ClassVar[bool] = True

    def build(
        self,
        features: Mapping[str, FeatureValue],  # noqa: ARG002
        fidelity: Fidelity,  # noqa: ARG002
    ) -> bpy.types.Material:
        """Return a new material."""
        shader = Shader("vacuum")
        return shader.finish(shader.node("BsdfTransparent").outputs["BSDF"])

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:  # noqa: ARG002
        """Return one that releases no electrons."""
        return ELECTRONS
