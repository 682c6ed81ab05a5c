"""The rough surface of an aggregate of fine grains."""

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

GRAY = 0.8
BUMP_DISTANCE = 2.0
DEFAULT_STRENGTH = 0.533

OCTAVES = (
    {"Scale": 4.0, "Detail": 5.0, "Roughness": 0.508},
    {"Scale": 30.0, "Detail": 10.0, "Roughness": 0.5},
)
"""The two fractal noises whose sum is the height, per edge of the particle's bounding box."""

RELIEF_AMPLITUDE = 60.0
RELIEF_WAVELENGTH = 500.0
"""In nm, at the default strength; a likeness, not a measurement."""


@final
class AggregatedTexture(MaterialPrototype):
    """A light gray with bumps of two sizes, which scale with the particle."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            name="bump_strength",
            default=DEFAULT_STRENGTH,
            description="how far the bumps tilt the surface; 0 is smooth",
            minimum=0.0,
            maximum=10.0,
        ),
    )

    def build(
        self,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> bpy.types.Material:
        """Return a new material for the given `bump_strength`."""
        shader = Shader("aggregated_texture")
        place = shader.node("TexCoord").outputs["Generated"]
        coarse, fine = (
            shader.node("TexNoise", {"Vector": place, **octave}).outputs[0] for octave in OCTAVES
        )
        height = shader.node("Math", {0: coarse, 1: fine}, operation="ADD").outputs["Value"]
        bump = {
            "Height": height,
            "Strength": number(features, "bump_strength"),
            "Distance": BUMP_DISTANCE,
        }
        return shader.principled(
            {"Base Color": gray(GRAY), "Normal": shader.node("Bump", bump).outputs["Normal"]}
        )

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:
        """Return that of a fine-grained oxide, as rough as the bumps are strong: a likeness."""
        strength = number(features, "bump_strength") / DEFAULT_STRENGTH
        return ElectronSurface(
            secondary_electron_yield=0.4,
            relief_amplitude=RELIEF_AMPLITUDE * strength,
            relief_wavelength=RELIEF_WAVELENGTH,
            patch_contrast=0.05,
            patch_size=500.0,
        )
