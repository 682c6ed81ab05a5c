"""What a technique's image goes through on its way to a file: plain values, without pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class ImagingChain:
    """Everything that is done to the noise-free image. By default nothing is.

    Parameters
    ----------
    noise
        Standard deviation of a pixel at gray value 1 of 255, see
        :func:`scene.microscopy.noise.with_noise`; 0 adds none.
    """

    noise: float = 0.0
