"""Polystyrene as a scanning electron microscope sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.base import Fidelity
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.shader import Shader, gray
from scene.specimen.features import FeatureSpec, FeatureValue

if TYPE_CHECKING:
    import bpy

GRAY = 0.623
SCATTERING_SCALE = 0.5

ELECTRONS = ElectronSurface(secondary_electron_yield=0.5)
"""Smooth; the yield is of the size measured on polymers at a few keV."""

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
    suits_points: ClassVar[bool] = True

    def build(
        self,
        features: Mapping[str, FeatureValue],  # noqa: ARG002
        fidelity: Fidelity,
    ) -> bpy.types.Material:
        """Return a new material."""
        shader = Shader("sem_polystyrene")
        if fidelity == "fast":
            surface = shader.node("BsdfDiffuse", {"Color": gray(FAST_ALBEDO)})
        else:
            surface = shader.node(
                "BsdfPrincipled",
                {
                    "Base Color": gray(GRAY),
                    "Roughness": 1.0,
                    "IOR": 1.45,
                    "Subsurface Weight": 1.0,
                    "Subsurface Radius": (1.0, 1.0, 1.0),
                    "Subsurface Scale": SCATTERING_SCALE,
                    "Subsurface IOR": 1.0,
                    "Subsurface Anisotropy": 1.0,
                },
                subsurface_method="RANDOM_WALK_SKIN",
            )
        return shader.finish(surface.outputs["BSDF"])

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:  # noqa: ARG002
        """Return that of a smooth insulator."""
        return ELECTRONS
