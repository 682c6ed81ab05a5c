"""The distributions that feature values are drawn from; recipes call them variabilities.

Randomness comes from the generator that `sample` is given and from nowhere else.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Self, final, override

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from scene.language.element import CheckContext, Configurable
from scene.language.fields import Int, Real
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementVolume

type Positive = Annotated[Real, Field(gt=0)]
type NonNegative = Annotated[Real, Field(ge=0)]
type _Value = Annotated[Any, AfterValidator(lambda v: tuple(v) if isinstance(v, list) else v)]
type _Int64 = Annotated[Int, Field(ge=-(2**63), le=2**63 - 1)]

_SMALLEST_KEPT_FRACTION = 0.001
"""Of the draws of a truncated distribution."""


class Distribution(Configurable):
    """A distribution of feature values; recipes call it a variability."""

    _called = "variability"

    @abstractmethod
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Draw one value.

        Parameters
        ----------
        rng
            The stream that belongs to this draw.
        volume
            The measurement volume, in scene units.
        """

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return values at the edges of what `sample` can give; empty where they are not known.

        They are checked against the feature's type and range before anything is drawn.
        """
        return ()

    def unfit(self, feature: FeatureSpec) -> str | None:
        """Return why this distribution can't feed `feature`, or None if it can."""
        for value in self.extremes():
            try:
                feature.checked(value)
            except ValueError as error:
                return str(error)
        return None


class _Number(Distribution):
    """One random number r, given as (r, r, r)."""

    @abstractmethod
    def _draw(self, rng: np.random.Generator) -> float:
        """Return r."""

    @abstractmethod
    def _ends(self) -> tuple[float, float]:
        """Return the smallest and the largest r."""

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        return self._given(self._draw(rng))

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        return tuple(map(self._given, self._ends()))

    def _given(self, number: float) -> FeatureValue:
        return (number,) * 3


class _Repeated(_Number):
    """The same number `num_dimensions` times; a plain number for 1."""

    num_dimensions: Annotated[Int, Field(ge=1, le=3)] = 1

    @override
    def _given(self, number: float) -> FeatureValue:
        return number if self.num_dimensions == 1 else (number,) * self.num_dimensions


class _HomogeneousUniform(_Number):
    location: Real
    scale: NonNegative

    @override
    def _draw(self, rng: np.random.Generator) -> float:
        return self.location + self.scale * float(rng.random())

    @override
    def _ends(self) -> tuple[float, float]:
        return self.location, self.location + self.scale


@final
class UniformDistribution3dHomogeneous(_HomogeneousUniform):
    """One draw r = location + scale * U[0, 1), given as (r, r, r)."""


@final
class UniformDistributionNdHomogeneous(_Repeated, _HomogeneousUniform):
    """One draw r = location + scale * U[0, 1), repeated `num_dimensions` times; a number for 1."""


@final
class UniformDistributionInt(Distribution):
    """A whole number, uniform in [`low`, `high`], both ends included."""

    low: _Int64
    high: _Int64

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) must not be above high ({self.high})")
        return self

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        return int(rng.integers(self.low, self.high, endpoint=True))

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        return self.low, self.high


@final
class NormalDistribution(_Repeated):
    """Normal with `mean` and `standard_deviation`, redrawn until `min` <= r <= `max`.

    Given `num_dimensions` times, as the same number; a plain number for 1.
    """

    mean: Real
    standard_deviation: Positive
    min: Real
    max: Real

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        z = [(bound - self.mean) / self.standard_deviation for bound in (self.min, self.max)]
        _check_cut(self.min, self.max, z[0], z[1])
        return self

    @override
    def _draw(self, rng: np.random.Generator) -> float:
        while True:
            number = float(rng.normal(self.mean, self.standard_deviation))
            if self.min <= number <= self.max:
                return number

    @override
    def _ends(self) -> tuple[float, float]:
        return self.min, self.max


@final
class LogNormal3dHomogeneous(_Number):
    """(r, r, r), r log-normal, redrawn until `min` < r < `max`.

    ln r is normal with mean ln(`geometric_mean`) and standard deviation
    ln(`geometric_standard_deviation`).
    """

    geometric_mean: Positive
    geometric_standard_deviation: Annotated[Real, Field(gt=1)]
    min: NonNegative
    max: Positive

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        sigma = math.log(self.geometric_standard_deviation)
        mean = math.log(self.geometric_mean)
        low = (math.log(self.min) - mean) / sigma if self.min else -math.inf
        _check_cut(self.min, self.max, low, (math.log(self.max) - mean) / sigma)
        return self

    @override
    def _draw(self, rng: np.random.Generator) -> float:
        mean, sigma = math.log(self.geometric_mean), math.log(self.geometric_standard_deviation)
        while True:
            number = float(rng.lognormal(mean, sigma))
            if self.min < number < self.max:
                return number

    @override
    def _ends(self) -> tuple[float, float]:
        return math.nextafter(self.min, math.inf), self.max


@final
class Choice(Distribution):
    """One of `values`, each as likely as the others, or by `probabilities`."""

    values: Annotated[tuple[_Value, ...], Field(min_length=1)]
    probabilities: tuple[NonNegative, ...] | None = None

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        if self.probabilities is None:
            return self
        if len(self.probabilities) != len(self.values):
            raise ValueError(
                f"probabilities has {len(self.probabilities)} entries, "
                f"values has {len(self.values)}"
            )
        if not math.isclose(sum(self.probabilities), 1.0, abs_tol=1e-6):
            raise ValueError(f"probabilities must add up to 1, got {sum(self.probabilities):g}")
        return self

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        if self._edges is None:
            index = int(rng.integers(len(self.values)))
        else:
            index = int(np.searchsorted(self._edges, rng.random(), side="right"))
        value: FeatureValue = self.values[index]
        return value

    @cached_property
    def _edges(self) -> NDArray[np.float64] | None:
        """Where in [0, 1] one value ends and the next begins."""
        if self.probabilities is None:
            return None
        edges: NDArray[np.float64] = np.cumsum(self.probabilities) / sum(self.probabilities)
        return edges

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        return self.values


@final
class Constant(Distribution):
    """Always `value`, whatever type the feature takes."""

    value: _Value

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        value: FeatureValue = self.value
        return value

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        return (self.value,)


@final
class UniformlyRandomLocationInMeasurementVolume(Distribution):
    """A point (x, y, z) uniform in the measurement volume."""

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        x, y, z = rng.uniform(volume.lower, volume.upper)
        return float(x), float(y), float(z)

    @override
    def unfit(self, feature: FeatureSpec) -> str | None:
        if feature.components == 3:
            return None
        return f"{feature.name} takes one number, not a location"


@final
class FeatureDistribution(Configurable):
    """A feature and what it is drawn from, an entry of ``feature_variabilities``."""

    feature_name: Annotated[str, Field(min_length=1)]
    variability: Distribution

    @override
    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        for key, message in self.variability.check(context):
            yield f"variability.{key}", message


def _check_cut(low: float, high: float, z_low: float, z_high: float) -> None:
    """Refuse to cut a normal distribution at `low` and `high` if next to nothing is left.

    Parameters
    ----------
    z_low, z_high
        Both, in standard deviations from the mean.
    """
    if low >= high:
        raise ValueError(f"min ({low:g}) must be below max ({high:g})")
    kept = 0.5 * (math.erf(z_high / math.sqrt(2)) - math.erf(z_low / math.sqrt(2)))
    if kept < _SMALLEST_KEPT_FRACTION:
        raise ValueError(
            f"less than one draw in a thousand would fall between min ({low:g}) and max ({high:g})"
        )
