"""Carbon tape, on which particles are brought into an electron microscope."""

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
class SemCarbonTape(MaterialPrototype):
    """A smooth, dark, slightly uneven ground: carbon has a low yield.

    With other values of its features it stands for other grounds: a silicon wafer is brighter and
    even.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = emitter_features(
        ElectronSurface(
            secondary_electron_yield=0.09,
            relief_amplitude=40.0,
            relief_wavelength=2500.0,
            patch_contrast=0.12,
            patch_size=4000.0,
        )
    )
    electron_features: ClassVar[frozenset[str]] = frozenset(spec.name for spec in features)
    has_one_index: ClassVar[bool] = False

    def build(
        self,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,  # noqa: ARG002
    ) -> bpy.types.Material:
        """Return a new matt material, as bright as the default yield."""
        return matt("sem_carbon_tape", features)

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:
        """Return what the features say."""
        return ElectronSurface(**numbers(features, self.features))
