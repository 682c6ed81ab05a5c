"""A light ground with one or two pale stripes."""

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

GRAY, WHITE = 0.807, 1.0
BRIGHTENS_FROM = 0.864
"""Height of the waves, 0 to 1, from which on the ground brightens towards their crests."""

WAVES = {"Scale": 0.5, "Distortion": 0.0, "Phase Offset": 1.8}
"""Sine waves along y; scale 1 has 20 / 2 pi of them over the substrate."""

ELECTRONS = ElectronSurface(secondary_electron_yield=0.25, patch_contrast=0.08, patch_size=20_000.0)
"""Even but for wide, faint patches instead of the stripes, as a likeness."""


@final
class BandNoise(MaterialPrototype):
    """Broad sine waves, of which the crests alone are seen."""

    features: ClassVar[tuple[FeatureSpec, ...]] = ()

    def build(
        self,
        features: Mapping[str, FeatureValue],  # noqa: ARG002
        fidelity: Fidelity,  # noqa: ARG002
    ) -> bpy.types.Material:
        """Return a new material."""
        shader = Shader("band_noise")
        place = shader.node("TexCoord").outputs["Generated"]
        waves = shader.node(
            "TexWave",
            {"Vector": place, **WAVES},
            wave_type="BANDS",
            bands_direction="Y",
            wave_profile="SIN",
        ).outputs["Fac"]
        ramp = {
            "Value": waves,
            "From Min": BRIGHTENS_FROM,
            "From Max": 1.0,
            "To Min": GRAY,
            "To Max": WHITE,
        }
        shade = shader.node("MapRange", ramp, clamp=True).outputs["Result"]
        return shader.principled({"Base Color": shade})

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:  # noqa: ARG002
        """Return that of a faintly uneven ground."""
        return ELECTRONS
