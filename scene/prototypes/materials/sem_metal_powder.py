"""Metal powder, as grown by gas atomisation, under an electron beam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.base import Fidelity
from scene.prototypes.emitter import emitter_features, matt
from scene.prototypes.material import MaterialPrototype
from scene.specimen.features import FeatureSpec, FeatureValue, numbers

if TYPE_CHECKING:
    import bpy


@final
class SemMetalPowder(MaterialPrototype):
    """A surface of shallow cells, which gives about one electron for every three of the beam.

    With other values of its features it stands for other particles: silica is smooth and brighter.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = emitter_features(
        ElectronSurface(
            secondary_electron_yield=0.35,
            relief_amplitude=35.0,
            relief_wavelength=700.0,
            patch_contrast=0.06,
            patch_size=800.0,
        )
    )
    electron_features: ClassVar[frozenset[str]] = frozenset(spec.name for spec in features)
    suits_points: ClassVar[bool] = True
    has_one_index: ClassVar[bool] = False

    def build(
        self,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> bpy.types.Material:
        """Return a new matt material, as bright as the default yield."""
        return matt("sem_metal_powder", features)

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:
        """Return what the features say."""
        return ElectronSurface(**numbers(features, self.features))
