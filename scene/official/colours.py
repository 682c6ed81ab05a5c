"""Distributions of colours, whose parameters are hue, saturation and value.

They are turned into red, green and blue by the usual hexcone (Smith 1978), applied to the numbers
as they stand; Blender takes the result for linear light.
"""

from __future__ import annotations

import colorsys
from typing import Annotated, Self, final, override

import numpy as np
from pydantic import Field, model_validator

from scene.language.fields import Real
from scene.official.hsv import check_ranges
from scene.specimen.distributions import Distribution
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementVolume

type Fraction = Annotated[Real, Field(ge=0, le=1)]


@final
class ConstantHsvColorAsRgb(Distribution):
    """Always the same colour, given as (r, g, b, alpha)."""

    hue: Fraction = 0.5
    saturation: Fraction = 0.5
    value: Fraction = 1.0
    alpha: Fraction = 1.0

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        return (*colorsys.hsv_to_rgb(self.hue, self.saturation, self.value), self.alpha)

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        return ((*colorsys.hsv_to_rgb(self.hue, self.saturation, self.value), self.alpha),)


@final
class RandomHsvColorAsRgb(Distribution):
    """A colour whose hue, saturation and value are uniform, given as (r, g, b, alpha)."""

    h_min: Fraction = 0.0
    h_max: Fraction = 1.0
    s_min: Fraction = 0.0
    s_max: Fraction = 1.0
    v_min: Fraction = 0.0
    v_max: Fraction = 1.0
    alpha: Fraction = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_ranges(self)
        return self

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        low = np.array([self.h_min, self.s_min, self.v_min])
        high = np.array([self.h_max, self.s_max, self.v_max])
        hue, saturation, value = (low + (high - low) * rng.random(3)).tolist()
        return (*colorsys.hsv_to_rgb(hue, saturation, value), self.alpha)

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        """Return the darkest and the brightest that a component can be, whatever the hue."""
        ends = self.v_min * (1 - self.s_max), self.v_max
        return tuple((end, end, end, self.alpha) for end in ends)
