"""Polystyrene as a scanning electron microscope sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.prototypes.base import Fidelity, MaterialPrototype
from scene.specimen.features import FeatureSpec, FeatureValue

if TYPE_CHECKING:
    import bpy

GRAY = 0.623
SCATTERING_SCALE = 0.5

FAST_ALBEDO = 0.77
"""Albedo of the matt surface that sends back as much light as the scattering medium does.

Fitted to `reference` renders of 600 and of 100 beads, whose brightness profiles over the beads it
follows within 1.5 % of full scale (``bench/look.py``).
"""


@final
class SemPolystyrene(MaterialPrototype):
    """A matt gray in which light spreads beneath the surface, the way electrons do.

    The light that spreads comes out again within a fraction of the particle's radius, after up to
    hundreds of scattering events. `fast` sends it back from where it met the surface.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = ()

    def build(
        self,
        features: Mapping[str, FeatureValue],  # noqa: ARG002
        fidelity: Fidelity,
    ) -> bpy.types.Material:
        """Return a new material."""
        import bpy

        material = bpy.data.materials.new("sem_polystyrene")
        tree = material.node_tree
        tree.nodes.clear()
        surface = _scattering(tree) if fidelity == "reference" else _matt(tree)
        output = tree.nodes.new("ShaderNodeOutputMaterial")
        tree.links.new(surface.outputs["BSDF"], output.inputs["Surface"])
        return material


def _scattering(tree: bpy.types.NodeTree) -> bpy.types.Node:
    surface = tree.nodes.new("ShaderNodeBsdfPrincipled")
    surface.subsurface_method = "RANDOM_WALK_SKIN"
    surface.inputs["Base Color"].default_value = (GRAY, GRAY, GRAY, 1.0)
    surface.inputs["Roughness"].default_value = 1.0
    surface.inputs["IOR"].default_value = 1.45
    surface.inputs["Subsurface Weight"].default_value = 1.0
    surface.inputs["Subsurface Radius"].default_value = (1.0, 1.0, 1.0)
    surface.inputs["Subsurface Scale"].default_value = SCATTERING_SCALE
    surface.inputs["Subsurface IOR"].default_value = 1.0
    surface.inputs["Subsurface Anisotropy"].default_value = 1.0
    return surface


def _matt(tree: bpy.types.NodeTree) -> bpy.types.Node:
    surface = tree.nodes.new("ShaderNodeBsdfDiffuse")
    surface.inputs["Color"].default_value = (FAST_ALBEDO, FAST_ALBEDO, FAST_ALBEDO, 1.0)
    return surface
