"""Silicone with small sunken flakes, as a scanning electron microscope sees it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.prototypes.base import Fidelity, MaterialPrototype
from scene.specimen.features import FeatureSpec, FeatureValue

if TYPE_CHECKING:
    import bpy

FLAKE_LEVEL = 0.3
FLAKE_STEEPNESS = 213.2
HEIGHT_LIMIT = 1.2
DARKEST = 0.8
CONTRAST = 0.2
BUMP_HEIGHT = 1000.0
BUMP_DISTANCE = 0.0001
BUMP_FILTER_WIDTH = 1.0


SEEDS_AS_THEY_ARE = 1024
"""Seeds below this shift the pattern by themselves, as published."""

_SHIFTS = 64
"""Larger ones choose a place within so many edges of the substrate in both directions."""


def pattern_shift(seed: float) -> tuple[float, float, float]:
    """Return by how many edges of the substrate a seed shifts the noise pattern.

    The renderer adds it to coordinates between 0 and 1, in single precision: far out they fall
    together, and the pattern with them. So a seed from `SEEDS_AS_THEY_ARE` on, of either sign,
    stands for a place near the origin that a hash of it chooses.

    >>> pattern_shift(41.0)
    (42.0, 42.0, 42.0)
    """
    if abs(seed) < SEEDS_AS_THEY_ARE:
        return seed + 1.0, seed + 1.0, seed + 1.0
    digest = hashlib.sha256(struct.pack("<d", seed)).digest()
    x, y = (whole / 2**32 * _SHIFTS for whole in struct.unpack("<2I", digest[:8]))
    return x, y, 0.0


@final
class SemPatchySilicone(MaterialPrototype):
    """A smooth light ground whose flakes are where a noise pattern falls below a level."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            name="patch_scale",
            default=60.0,
            description="fineness of the flakes: noise cells along the substrate's edge",
            minimum=0.0,
            maximum=10_000.0,
        ),
        FeatureSpec(
            name="patch_seed",
            default=0.0,
            description="selects the pattern of the flakes; any number, however large",
        ),
    )

    def build(self, features: Mapping[str, FeatureValue], fidelity: Fidelity) -> bpy.types.Material:
        """Return a new material for the given `patch_scale` and `patch_seed`."""
        import bpy

        scale, seed = features["patch_scale"], features["patch_seed"]
        assert not isinstance(scale, tuple)
        assert not isinstance(seed, tuple)
        material = bpy.data.materials.new("sem_patchy_silicone")
        tree = material.node_tree
        nodes, link = tree.nodes, tree.links.new
        nodes.clear()
        # The correction would darken the rims of the flakes, which a microscope shows bright.
        material.cycles.use_bump_map_correction = False

        coordinates = nodes.new("ShaderNodeTexCoord")
        shift = nodes.new("ShaderNodeVectorMath")
        shift.operation = "ADD"
        shift.inputs[1].default_value = pattern_shift(seed)
        noise = nodes.new("ShaderNodeTexNoise")
        noise.noise_dimensions = "2D"
        noise.inputs["Scale"].default_value = scale
        noise.inputs["Detail"].default_value = 0.0
        noise.inputs["Roughness"].default_value = 0.0
        noise.inputs["Distortion"].default_value = 0.6
        link(coordinates.outputs["Generated"], shift.inputs[0])
        link(shift.outputs["Vector"], noise.inputs["Vector"])

        # One linear map clamped at both ends: p = clamp((noise - level) * steepness, 0, limit).
        plateau = nodes.new("ShaderNodeMapRange")
        plateau.clamp = True
        plateau.inputs["From Min"].default_value = FLAKE_LEVEL
        plateau.inputs["From Max"].default_value = FLAKE_LEVEL + HEIGHT_LIMIT / FLAKE_STEEPNESS
        plateau.inputs["To Min"].default_value = 0.0
        plateau.inputs["To Max"].default_value = HEIGHT_LIMIT
        link(noise.outputs[0], plateau.inputs["Value"])

        gray = nodes.new("ShaderNodeMath")
        gray.operation = "MULTIPLY_ADD"
        gray.inputs[1].default_value = CONTRAST
        gray.inputs[2].default_value = DARKEST
        height = nodes.new("ShaderNodeMath")
        height.operation = "MULTIPLY"
        height.inputs[1].default_value = BUMP_HEIGHT
        bump = nodes.new("ShaderNodeBump")
        bump.inputs["Strength"].default_value = 1.0
        bump.inputs["Distance"].default_value = BUMP_DISTANCE
        bump.inputs["Filter Width"].default_value = BUMP_FILTER_WIDTH
        link(plateau.outputs["Result"], gray.inputs[0])
        link(plateau.outputs["Result"], height.inputs[0])
        link(height.outputs["Value"], bump.inputs["Height"])

        if fidelity == "reference":
            surface = nodes.new("ShaderNodeBsdfPrincipled")
            surface.inputs["Roughness"].default_value = 1.0
            surface.inputs["IOR"].default_value = 1.45
            color = surface.inputs["Base Color"]
        else:
            # The faint reflection that is left out costs a tenth of the render and is not seen.
            surface = nodes.new("ShaderNodeBsdfDiffuse")
            color = surface.inputs["Color"]
        link(gray.outputs["Value"], color)
        link(bump.outputs["Normal"], surface.inputs["Normal"])
        output = nodes.new("ShaderNodeOutputMaterial")
        link(surface.outputs["BSDF"], output.inputs["Surface"])
        return material
