"""Uniform distributions: of a number, its logarithm, a whole number, and a place."""

from __future__ import annotations

import math
from typing import Annotated, Self, final, override

import numpy as np
from pydantic import Field, model_validator

from scene.language.fields import Int, Real
from scene.specimen.distributions.base import Distribution
from scene.specimen.distributions.numbers import NonNegative, Number, Positive, Repeated
from scene.specimen.enclosure import encloses
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementVolume

type _Int64 = Annotated[Int, Field(ge=-(2**63), le=2**63 - 1)]


class _HomogeneousUniform(Number):
    location: Real
    scale: NonNegative

    @override
    def _draw(self, rng: np.random.Generator) -> float:
        return self.location + self.scale * float(rng.random())

    @override
    def _ends(self) -> tuple[float, float]:
        return self.location, self.location + self.scale


_MOST_TRIES = 10_000
"""Points that are drawn until one is inside a measurement volume that is not a box."""


@final
class UniformDistribution3dHomogeneous(_HomogeneousUniform):
    """One draw r = location + scale * U[0, 1), given as (r, r, r)."""


@final
class UniformDistributionNdHomogeneous(Repeated, _HomogeneousUniform):
    """One draw r = location + scale * U[0, 1), repeated `num_dimensions` times; a number for 1."""


class _Range(Repeated):
    low: Real
    high: Real

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_order(self.low, self.high)
        return self

    @override
    def _ends(self) -> tuple[float, float]:
        return self.low, self.high


@final
class UniformDistribution(_Range):
    """One draw r uniform in [`low`, `high`), repeated `num_dimensions` times; a number for 1."""

    @override
    def _draw(self, rng: np.random.Generator) -> float:
        return self.low + (self.high - self.low) * float(rng.random())


@final
class LogUniform(_Range):
    """One draw r whose logarithm is uniform in [ln `low`, ln `high`): each decade is as likely.

    Repeated `num_dimensions` times; a number for 1.
    """

    low: Positive
    high: Positive

    @override
    def _draw(self, rng: np.random.Generator) -> float:
        low, high = math.log(self.low), math.log(self.high)
        number = math.exp(low + (high - low) * float(rng.random()))
        return min(max(number, self.low), self.high)  # rounding may lead out of the ends


@final
class UniformDistributionInt(Distribution):
    """A whole number, uniform in [`low`, `high`], both ends included."""

    low: _Int64
    high: _Int64

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_order(self.low, self.high)
        return self

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        return int(rng.integers(self.low, self.high, endpoint=True))

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        return self.low, self.high


@final
class UniformlyRandomLocationInMeasurementVolume(Distribution):
    """A point (x, y, z) uniform in the measurement volume, or in the lowest part of it.

    Parameters
    ----------
    height
        How far up from the volume's floor points lie, as a fraction of the volume's height. With 0
        all lie on the floor: spheres that settle from there part sideways, and the small ones
        among them find room under the large ones.
    """

    height: Annotated[Real, Field(ge=0, le=1)] = 1.0

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        for _ in range(_MOST_TRIES):
            point = rng.uniform(volume.lower, volume.upper)
            point[2] -= (1 - self.height) * (point[2] - volume.lower[2])
            inside = (point - volume.lower) / volume.sides
            if not volume.surface or encloses(volume.surface, inside):
                x, y, z = point.tolist()
                return x, y, z
        raise ValueError(
            f"none of {_MOST_TRIES:,} points in the box round the measurement volume is inside of "
            "it; its mesh has to be closed and may not be thin"
        )

    @override
    def unfit(self, feature: FeatureSpec) -> str | None:
        if feature.components == 3:
            return None
        takes = "one number" if feature.is_numeric and feature.components == 1 else feature.kind
        return f"{feature.name} takes {takes}, not a location"


def _check_order(low: float, high: float) -> None:
    if low > high:
        raise ValueError(f"low ({low}) must not be above high ({high})")
