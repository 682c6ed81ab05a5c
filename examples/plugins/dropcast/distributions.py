"""Distributions of particle sizes."""

from __future__ import annotations

import math
from typing import Annotated, final

import numpy as np
from pydantic import Field, model_validator

from blendsweep.plugins import Distribution, FeatureValue, MeasurementVolume, Real

type Positive = Annotated[Real, Field(gt=0)]


@final
class BimodalLogNormal3d(Distribution):
    """(r, r, r), r from a mixture of two log-normal populations with an upper cut.

    With probability `share_fine`, ln r is normal with mean ln(`fine`), else with mean ln(`coarse`);
    its standard deviation is ln(`geometric_standard_deviation`) in both. Draws that reach `max`,
    the mesh of the sieve, are made again.

    Parameters
    ----------
    fine, coarse
        Geometric means of both populations, in scene units; `coarse` lies below `max`, so that at
        least half of its draws pass.
    share_fine
        Share of fine particles by number, 0 to 1.
    geometric_standard_deviation
        Of both populations, above 1.
    max
        Upper cut, exclusive, in scene units.
    """

    fine: Positive
    coarse: Positive
    share_fine: Annotated[Real, Field(ge=0, le=1)] = 0.5
    geometric_standard_deviation: Annotated[Real, Field(gt=1)] = 1.1
    max: Positive

    @model_validator(mode="after")
    def _ordered(self) -> BimodalLogNormal3d:
        if not self.fine < self.coarse < self.max:
            raise ValueError(
                f"expected fine < coarse < max, got {self.fine:g}, {self.coarse:g}, {self.max:g}"
            )
        return self

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Draw (r, r, r)."""
        del volume
        center = self.fine if rng.random() < self.share_fine else self.coarse
        while True:
            r = float(rng.lognormal(math.log(center), math.log(self.geometric_standard_deviation)))
            if r < self.max:
                return (r,) * 3

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return the upper cut; a log-normal number can be as small as any."""
        return ((self.max,) * 3,)
