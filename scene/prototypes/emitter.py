"""Materials whose features are how they answer an electron beam, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.shader import Shader
from scene.specimen.features import FeatureSpec, FeatureValue, number

if TYPE_CHECKING:
    import bpy


def emitter_features(surface: ElectronSurface) -> tuple[FeatureSpec, ...]:
    """Return the features of such a material, whose defaults are those of `surface`."""
    return (
        FeatureSpec(
            "secondary_electron_yield",
            surface.secondary_electron_yield,
            "secondary electrons for each electron of the beam, at normal incidence",
            minimum=0.0,
            maximum=100.0,
        ),
        FeatureSpec(
            "relief_amplitude",
            surface.relief_amplitude,
            "root mean square height of the surface's roughness in nm",
            minimum=0.0,
            maximum=1e5,
        ),
        FeatureSpec(
            "relief_wavelength",
            surface.relief_wavelength,
            "distance in nm over which the roughness repeats, on average",
            minimum=1.0,
            maximum=1e6,
        ),
        FeatureSpec(
            "patch_contrast",
            surface.patch_contrast,
            "standard deviation of the yield from place to place, relative to its mean",
            minimum=0.0,
            maximum=1.0,
        ),
        FeatureSpec(
            "patch_size",
            surface.patch_size,
            "distance in nm over which the yield varies",
            minimum=1.0,
            maximum=1e7,
        ),
    )


def matt(name: str, features: Mapping[str, FeatureValue]) -> bpy.types.Material:
    """Return a new matt material for Blender, as bright as the yield, at most white."""
    gray = min(number(features, "secondary_electron_yield"), 1.0)
    shader = Shader(name)
    surface = shader.node("BsdfDiffuse", {"Color": (gray, gray, gray, 1.0)})
    return shader.finish(surface.outputs["BSDF"])
