"""How a material answers an electron beam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class ElectronSurface:
    """What a material gives to an image that is computed from geometry buffers.

    Parameters
    ----------
    secondary_electron_yield
        Secondary electrons for each electron of the beam, at normal incidence on a flat surface.
    relief_amplitude
        Root mean square height of the surface's roughness in nm; 0 is smooth.
    relief_wavelength
        Distance in nm over which the roughness repeats, on average.
    patch_contrast
        Standard deviation of the yield from place to place, relative to its mean; 0 is even.
    patch_size
        Distance in nm over which the yield varies.
    absorption_density
        How dense it is to a beam that passes through: a thickness of L scene units leaves
        exp(-0.5 density L) of it. None for a material that does not say, and can't be looked
        through.
    """

    secondary_electron_yield: float = 1.0
    relief_amplitude: float = 0.0
    relief_wavelength: float = 1000.0
    patch_contrast: float = 0.0
    patch_size: float = 10_000.0
    absorption_density: float | None = None
