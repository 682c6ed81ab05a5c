"""Delocalised signal: secondary electrons that come up some way from the beam.

Electrons of the beam that are scattered back leave the specimen within some hundred nanometres, at
low energies, to some micrometres, and make secondary electrons there (SE2). Their density
around the beam is close to ``exp(-(r / range)**2)``: T. Chang, Journal of Vacuum Science and
Technology 12 (1975) 1271, on the same electrons in lithography.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.blur import blurred
from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec


@final
@dataclass(frozen=True, slots=True)
class Delocalisation(Settings):
    """How much of the signal comes from beside the beam, and from how far.

    Parameters
    ----------
    backscatter_fraction
        Fraction of the signal, between 0 and 1.
    backscatter_range
        Distance in nm at which its density has fallen to 1/e.
    """

    backscatter_fraction: float = 0.0
    backscatter_range: float = 0.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "backscatter_fraction",
            0.15,
            "fraction of the signal that backscattered electrons make beside the beam",
            minimum=0.0,
            maximum=1.0,
        ),
        FeatureSpec(
            "backscatter_range",
            500.0,
            "distance from the beam in nm at which that signal has fallen to 1/e",
            minimum=0.0,
            maximum=1e5,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether all signal comes from where the beam is."""
        return self.backscatter_fraction == 0 or self.backscatter_range == 0

    @property
    def deviation(self) -> float:
        """Standard deviation in nm along each axis."""
        return self.backscatter_range / math.sqrt(2)


def delocalised(
    signal: NDArray[np.float32], pixel_nm: float, delocalisation: Delocalisation
) -> NDArray[np.float32]:
    """Return a signal of which a fraction comes from around each pixel; its sum stays.

    Parameters
    ----------
    signal
        (height, width), the margin included.
    pixel_nm
        Side of a pixel in nm.
    delocalisation
        Fraction and range.
    """
    spread = blurred(signal, delocalisation.deviation / pixel_nm)
    spread -= signal
    spread *= np.float32(delocalisation.backscatter_fraction)
    spread += signal
    return spread
