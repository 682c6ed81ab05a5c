"""Silicone with small sunken flakes, as a scanning electron microscope sees it."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.base import Fidelity
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.shader import Shader
from scene.specimen.features import FeatureSpec, FeatureValue

if TYPE_CHECKING:
    import bpy

FLAKE_LEVEL = 0.3
FLAKE_STEEPNESS = 213.2
DARKEST, LIGHTEST = 0.8, 1.0

RIM_TILT = 0.5
"""Strength of the bump at a step, half of upright (45 degrees)."""

STEP_HEIGHT = 1000.0
"""Large against a pixel, so that the tilt is the same at every resolution."""

RIM_WIDTH = 1.0
"""In pixels."""

RIM_TRANSMISSION = 0.25
"""Fraction of the light from below that rims let through."""


ELECTRONS = ElectronSurface(secondary_electron_yield=0.25, patch_contrast=0.1, patch_size=3000.0)
"""Smooth and uneven, half as bright as polystyrene. Flakes are not among what is computed."""

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
        assert isinstance(seed, int | float)
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
        ).outputs[0]
        gray = shader.node(
            "MapRange",
            {
                "Value": noise,
                "From Min": FLAKE_LEVEL,
                "From Max": FLAKE_LEVEL + 1.0 / FLAKE_STEEPNESS,
                "To Min": DARKEST,
                "To Max": LIGHTEST,
            },
            clamp=True,
        ).outputs["Result"]
        step = shader.node("Math", {0: noise, 1: FLAKE_LEVEL}, operation="GREATER_THAN")
        bump = shader.node(
            "Bump",
            {
                "Height": step.outputs["Value"],
                "Strength": RIM_TILT,
                "Distance": STEP_HEIGHT,
                "Filter Width": RIM_WIDTH,
            },
        ).outputs["Normal"]
        if fidelity == "reference":
            inputs = {"Base Color": gray, "Normal": bump, "Roughness": 1.0, "IOR": 1.45}
            ground = shader.node("BsdfPrincipled", inputs)
        else:
            # The faint reflection that is left out costs a tenth of the render and is not seen.
            ground = shader.node("BsdfDiffuse", {"Color": gray, "Normal": bump})
        rims = _rims(shader, bump)
        surface = shader.node("AddShader", {0: ground.outputs["BSDF"], 1: rims})
        return shader.finish(surface.outputs["Shader"])

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:  # noqa: ARG002
        """Return that of a ground with faint patches, whatever the pattern of flakes."""
        return ELECTRONS


def _rims(shader: Shader, bump: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    """Return what the rims of flakes add to the ground, lit from below it; elsewhere black.

    In Blender 3.4.1, as in the published images, rims are bright all round and in shadows too, as
    the edge effect has them; today's Blender leaves them dark. This closes most of the difference
    (docs/performance-trials.md): it is as if surfaces tilted by a bump had seen what lies below
    their mesh, which here is the illumination's lower half.
    """
    level = shader.node("NewGeometry").outputs["Normal"]
    upright = shader.node("VectorMath", {0: bump, 1: level}, operation="DOT_PRODUCT")
    light = shader.node(
        "MapRange",
        {
            "Value": upright.outputs["Value"],
            "From Min": 1.0,
            "From Max": math.sqrt(0.5),
            "To Min": 0.0,
            "To Max": RIM_TRANSMISSION,
        },
        clamp=True,
    )
    return shader.node("BsdfTranslucent", {"Color": light.outputs["Result"]}).outputs["BSDF"]
