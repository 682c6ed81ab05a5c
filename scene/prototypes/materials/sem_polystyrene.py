"""Polystyrene as a scanning electron microscope sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.features import FeatureSpec, FeatureValue
from scene.prototypes.base import MaterialPrototype

if TYPE_CHECKING:
    import bpy

GRAY = 0.623
SCATTERING_SCALE = 0.5


@final
class SemPolystyrene(MaterialPrototype):
    """A matt gray in which light spreads beneath the surface, the way electrons do."""

    features: ClassVar[tuple[FeatureSpec, ...]] = ()

    def build(self, features: Mapping[str, FeatureValue]) -> bpy.types.Material:  # noqa: ARG002
        """Return a new material."""
        import bpy

        material = bpy.data.materials.new("sem_polystyrene")
        nodes = material.node_tree.nodes
        nodes.clear()
        surface = nodes.new("ShaderNodeBsdfPrincipled")
        surface.subsurface_method = "RANDOM_WALK_SKIN"
        surface.inputs["Base Color"].default_value = (GRAY, GRAY, GRAY, 1.0)
        surface.inputs["Roughness"].default_value = 1.0
        surface.inputs["IOR"].default_value = 1.45
        surface.inputs["Subsurface Weight"].default_value = 1.0
        surface.inputs["Subsurface Radius"].default_value = (1.0, 1.0, 1.0)
        surface.inputs["Subsurface Scale"].default_value = SCATTERING_SCALE
        surface.inputs["Subsurface IOR"].default_value = 1.0
        surface.inputs["Subsurface Anisotropy"].default_value = 1.0
        output = nodes.new("ShaderNodeOutputMaterial")
        material.node_tree.links.new(surface.outputs["BSDF"], output.inputs["Surface"])
        return material
