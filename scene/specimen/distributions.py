"""The distributions that feature values are drawn from; recipes call them variabilities.

Randomness comes from the generator that `sample` is given and from nowhere else.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from scene.language.element import CheckContext, Configurable
from scene.language.fields import Int, Real
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementVolume

type Positive = Annotated[Real, Field(gt=0)]
type NonNegative = Annotated[Real, Field(ge=0)]
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

        The recipe's schema holds them against the feature's type and range.
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


class _Repeated(Distribution):
    """The same number `num_dimensions` times; a plain number for 1."""

    num_dimensions: Annotated[Int, Field(ge=1, le=3)] = 1

    def _repeated(self, number: float) -> FeatureValue:
        return number if self.num_dimensions == 1 else (number,) * self.num_dimensions


class _HomogeneousUniform(Distribution):
    """Uniform draw r = location + scale * U[0, 1)."""

    location: Real
    scale: NonNegative

    def _draw(self, rng: np.random.Generator) -> float:
        return self.location + self.scale * float(rng.random())


@final
class UniformDistribution3dHomogeneous(_HomogeneousUniform):
    """One draw r = location + scale * U[0, 1), given as (r, r, r)."""

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Draw (r, r, r)."""
        del volume
        return (self._draw(rng),) * 3

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return both ends of the interval."""
        return (self.location,) * 3, (self.location + self.scale,) * 3


@final
class UniformDistributionNdHomogeneous(_HomogeneousUniform, _Repeated):
    """One draw r = location + scale * U[0, 1), repeated `num_dimensions` times; a number for 1."""

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Draw r or (r, ..., r)."""
        del volume
        return self._repeated(self._draw(rng))

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return both ends of the interval."""
        return self._repeated(self.location), self._repeated(self.location + self.scale)


@final
class UniformDistributionInt(Distribution):
    """A whole number, uniform in [`low`, `high`], both ends included."""

    low: _Int64
    high: _Int64

    @model_validator(mode="after")
    def _ordered(self) -> UniformDistributionInt:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) must not be above high ({self.high})")
        return self

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Draw an int."""
        del volume
        return int(rng.integers(self.low, self.high, endpoint=True))

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return `low` and `high`."""
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
    def _reachable(self) -> NormalDistribution:
        _check_range(self.min, self.max)
        z = [(bound - self.mean) / self.standard_deviation for bound in (self.min, self.max)]
        _check_fraction(_normal_fraction(z[0], z[1]), self.min, self.max)
        return self

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Draw r or (r, ..., r)."""
        del volume
        while True:
            number = float(rng.normal(self.mean, self.standard_deviation))
            if self.min <= number <= self.max:
                return self._repeated(number)

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return `min` and `max`."""
        return self._repeated(self.min), self._repeated(self.max)


@final
class LogNormal3dHomogeneous(Distribution):
    """(r, r, r), r log-normal, redrawn until `min` < r < `max`.

    ln r is normal with mean ln(`geometric_mean`) and standard deviation
    ln(`geometric_standard_deviation`).
    """

    geometric_mean: Positive
    geometric_standard_deviation: Annotated[Real, Field(gt=1)]
    min: NonNegative
    max: Positive

    @model_validator(mode="after")
    def _reachable(self) -> LogNormal3dHomogeneous:
        _check_range(self.min, self.max)
        sigma = math.log(self.geometric_standard_deviation)
        mean = math.log(self.geometric_mean)
        low = (math.log(self.min) - mean) / sigma if self.min else -math.inf
        high = (math.log(self.max) - mean) / sigma
        _check_fraction(_normal_fraction(low, high), self.min, self.max)
        return self

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Draw (r, r, r)."""
        del volume
        mean, sigma = math.log(self.geometric_mean), math.log(self.geometric_standard_deviation)
        while True:
            number = float(rng.lognormal(mean, sigma))
            if self.min < number < self.max:
                return (number,) * 3

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return `max`, and the smallest number above `min`."""
        return (math.nextafter(self.min, math.inf),) * 3, (self.max,) * 3


@final
class Choice(Distribution):
    """One of `values`, each as likely as the others, or by `probabilities`."""

    values: Annotated[tuple[Any, ...], Field(min_length=1)]
    probabilities: tuple[NonNegative, ...] | None = None

    @field_validator("values")
    @classmethod
    def _plain(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(map(_frozen, values))

    @model_validator(mode="after")
    def _weighted(self) -> Choice:
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

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Pick a value."""
        del volume
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

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return all values."""
        return self.values


@final
class Constant(Distribution):
    """Always `value`, whatever type the feature takes."""

    value: Any

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Return the value."""
        del rng, volume
        return self.extremes()[0]

    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return the value."""
        return (_frozen(self.value),)


@final
class UniformlyRandomLocationInMeasurementVolume(Distribution):
    """A point (x, y, z) uniform in the measurement volume."""

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        """Draw a point."""
        x, y, z = rng.uniform(volume.lower, volume.upper)
        return float(x), float(y), float(z)

    def unfit(self, feature: FeatureSpec) -> str | None:
        """Return why this distribution can't feed `feature`: it gives three numbers."""
        if feature.components == 3:
            return None
        return f"{feature.name} takes one number, not a location"


@final
class FeatureDistribution(Configurable):
    """A feature and what it is drawn from, an entry of ``feature_variabilities``."""

    feature_name: Annotated[str, Field(min_length=1)]
    variability: Distribution

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check the distribution."""
        for key, message in self.variability.check(context):
            yield f"variability.{key}", message


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _check_range(low: float, high: float) -> None:
    if low >= high:
        raise ValueError(f"min ({low:g}) must be below max ({high:g})")


def _check_fraction(fraction: float, low: float, high: float) -> None:
    if fraction < _SMALLEST_KEPT_FRACTION:
        raise ValueError(
            f"less than one draw in a thousand would fall between min ({low:g}) and max ({high:g})"
        )


def _normal_fraction(low: float, high: float) -> float:
    """Return the probability that a standard normal number lies between `low` and `high`."""
    return 0.5 * (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)))
