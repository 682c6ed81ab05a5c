"""The two forms in which one random number is given."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, override

import numpy as np
from pydantic import Field

from scene.language.fields import Int, Real
from scene.specimen.distributions.base import Distribution
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementVolume

type Positive = Annotated[Real, Field(gt=0)]
type NonNegative = Annotated[Real, Field(ge=0)]


class Number(Distribution):
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

    @override
    def unfit(self, feature: FeatureSpec) -> str | None:
        low, high = self._ends()
        if (problem := super().unfit(feature)) or low == high:
            return problem
        if not feature.integer and feature.kind == "number":
            return None
        takes = "whole numbers" if feature.integer else "true or false"
        return f"{feature.name} takes {takes}, and any number from {low:g} to {high:g} may be drawn"

    def _given(self, number: float) -> FeatureValue:
        return (number,) * 3


class Repeated(Number):
    """The same number `num_dimensions` times; a plain number for 1."""

    num_dimensions: Annotated[Int, Field(ge=1, le=4)] = 1

    @override
    def _given(self, number: float) -> FeatureValue:
        return number if self.num_dimensions == 1 else (number,) * self.num_dimensions
