"""Distributions of whole numbers."""

from __future__ import annotations

from typing import Annotated, Self, final, override

import numpy as np
from pydantic import Field, model_validator

from scene.language.fields import Int
from scene.specimen.distributions import Distribution
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementVolume

_LARGEST = 2**63 - 1


@final
class UniformDistributionInt(Distribution):
    """A whole number, uniform in `location`, `location` + 1, ..., `location` + `scale` - 1.

    The built-in distribution of this name takes the two ends instead.
    """

    location: Annotated[Int, Field(ge=-_LARGEST - 1, le=_LARGEST)]
    scale: Annotated[Int, Field(ge=1, le=_LARGEST)]

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        if self._highest > _LARGEST:
            raise ValueError(f"location + scale must be at most 2**63, got {self._highest + 1}")
        return self

    @property
    def _highest(self) -> int:
        return self.location + self.scale - 1

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        return int(rng.integers(self.location, self._highest, endpoint=True))

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        return self.location, self._highest
