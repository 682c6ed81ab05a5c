"""Distributions with one hump, cut at both ends: normal, log-normal, Weibull."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Self, final, override

import numpy as np
from pydantic import Field, model_validator

from scene.language.fields import Real
from scene.specimen.distributions.numbers import NonNegative, Number, Positive, Repeated

_SMALLEST_KEPT_FRACTION = 0.001
"""Of the draws of a truncated distribution."""

_LARGEST_EXPONENT = 700.0
"""Beyond it the exponential function overflows."""


class _Normal(Number):
    mean: Real
    standard_deviation: Positive
    min: Real
    max: Real

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        z = [(bound - self.mean) / self.standard_deviation for bound in (self.min, self.max)]
        _check_normal(self.min, self.max, z[0], z[1])
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
class NormalDistribution(Repeated, _Normal):
    """Normal with `mean` and `standard_deviation`, redrawn until `min` <= r <= `max`.

    Given `num_dimensions` times, as the same number; a plain number for 1.
    """


@final
class NormalDistribution3dHomogeneous(_Normal):
    """(r, r, r), r normal, redrawn until `min` <= r <= `max`."""


class _Size(Number):
    min: NonNegative
    max: Positive

    @abstractmethod
    def _uncut(self, rng: np.random.Generator) -> float:
        """Return a draw from the whole distribution."""

    @override
    def _draw(self, rng: np.random.Generator) -> float:
        while True:
            number = self._uncut(rng)
            if self.min < number < self.max:
                return number

    @override
    def _ends(self) -> tuple[float, float]:
        return math.nextafter(self.min, math.inf), self.max


@final
class LogNormal3dHomogeneous(_Size):
    """(r, r, r), r log-normal, redrawn until `min` < r < `max`.

    ln r is normal with mean ln(`geometric_mean`) and standard deviation
    ln(`geometric_standard_deviation`).
    """

    geometric_mean: Positive
    geometric_standard_deviation: Annotated[Real, Field(gt=1)]

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        sigma = math.log(self.geometric_standard_deviation)
        mean = math.log(self.geometric_mean)
        low = (math.log(self.min) - mean) / sigma if self.min else -math.inf
        _check_normal(self.min, self.max, low, (math.log(self.max) - mean) / sigma)
        return self

    @override
    def _uncut(self, rng: np.random.Generator) -> float:
        mean, sigma = math.log(self.geometric_mean), math.log(self.geometric_standard_deviation)
        return float(rng.lognormal(mean, sigma))


@final
class Weibull3dHomogeneous(_Size):
    """(r, r, r), r of a Weibull distribution, redrawn until `min` < r < `max`.

    The fraction of draws above r, before any is drawn again, is exp(-(r / `scale`)^`shape`). Under
    the name of Rosin and Rammler it describes ground materials (P. Rosin and E. Rammler, "The laws
    governing the fineness of powdered coal", J. Inst. Fuel 7, 1933).
    """

    scale: Positive
    shape: Positive

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        _check_cut(self.min, self.max, self._above(self.min) - self._above(self.max))
        return self

    def _above(self, number: float) -> float:
        """Return the fraction of draws above a number."""
        if number == 0:
            return 1.0
        exponent = self.shape * (math.log(number) - math.log(self.scale))
        return math.exp(-math.exp(min(exponent, _LARGEST_EXPONENT)))

    @override
    def _uncut(self, rng: np.random.Generator) -> float:
        return self.scale * float(rng.weibull(self.shape))


def _check_normal(low: float, high: float, z_low: float, z_high: float) -> None:
    """Refuse to cut a normal distribution where next to nothing is left.

    Parameters
    ----------
    low, high
        Where it is cut.
    z_low, z_high
        Both, in standard deviations from the mean.
    """
    _check_cut(low, high, 0.5 * (math.erf(z_high / math.sqrt(2)) - math.erf(z_low / math.sqrt(2))))


def _check_cut(low: float, high: float, kept: float) -> None:
    """Refuse to cut a distribution at `low` and `high` if a fraction `kept` is next to nothing."""
    if low >= high:
        raise ValueError(f"min ({low:g}) must be below max ({high:g})")
    if kept < _SMALLEST_KEPT_FRACTION:
        raise ValueError(
            f"less than one draw in a thousand would fall between min ({low:g}) and max ({high:g})"
        )
