"""Silicone with small sunken flakes, as a scanning electron microscope sees it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.prototypes.base import Fidelity, MaterialPrototype
from scene.prototypes.shader import Shader
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
"""Larger seeds choose a place at most this many edges of the substrate away, in x and in y."""


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
        scale, seed = features["patch_scale"], features["patch_seed"]
        assert not isinstance(seed, tuple)
        shader = Shader("sem_patchy_silicone")
        # The correction would darken the rims of the flakes, which a microscope shows bright.
        shader.material.cycles.use_bump_map_correction = False
        coordinates = shader.node("TexCoord").outputs["Generated"]
        shift = shader.node("VectorMath", {0: coordinates, 1: pattern_shift(seed)}, operation="ADD")
        noise = shader.node(
            "TexNoise",
            {
                "Vector": shift.outputs["Vector"],
                "Scale": scale,
                "Detail": 0.0,
                "Roughness": 0.0,
                "Distortion": 0.6,
            },
            noise_dimensions="2D",
        )
        # One linear map clamped at both ends: p = clamp((noise - level) * steepness, 0, limit).
        plateau = shader.node(
            "MapRange",
            {
                "Value": noise.outputs[0],
                "From Min": FLAKE_LEVEL,
                "From Max": FLAKE_LEVEL + HEIGHT_LIMIT / FLAKE_STEEPNESS,
                "To Min": 0.0,
                "To Max": HEIGHT_LIMIT,
            },
            clamp=True,
        ).outputs["Result"]
        gray = shader.node("Math", {0: plateau, 1: CONTRAST, 2: DARKEST}, operation="MULTIPLY_ADD")
        height = shader.node("Math", {0: plateau, 1: BUMP_HEIGHT}, operation="MULTIPLY")
        bump = shader.node(
            "Bump",
            {
                "Height": height.outputs["Value"],
                "Strength": 1.0,
                "Distance": BUMP_DISTANCE,
                "Filter Width": BUMP_FILTER_WIDTH,
            },
        )
        color, normal = gray.outputs["Value"], bump.outputs["Normal"]
        if fidelity == "reference":
            inputs = {"Base Color": color, "Normal": normal, "Roughness": 1.0, "IOR": 1.45}
            surface = shader.node("BsdfPrincipled", inputs)
        else:
            # The faint reflection that is left out costs a tenth of the render and is not seen.
            surface = shader.node("BsdfDiffuse", {"Color": color, "Normal": normal})
        return shader.finish(surface.outputs["BSDF"])
