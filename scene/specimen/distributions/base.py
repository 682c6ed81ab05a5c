"""What a distribution is, and the two forms in which one random number is given."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, final, override

import numpy as np
from pydantic import Field

from scene.language.element import CheckContext, Configurable
from scene.language.fields import Int, Real
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementVolume

type Positive = Annotated[Real, Field(gt=0)]
type NonNegative = Annotated[Real, Field(ge=0)]


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

    def _given(self, number: float) -> FeatureValue:
        return (number,) * 3


class Repeated(Number):
    """The same number `num_dimensions` times; a plain number for 1."""

    num_dimensions: Annotated[Int, Field(ge=1, le=3)] = 1

    @override
    def _given(self, number: float) -> FeatureValue:
        return number if self.num_dimensions == 1 else (number,) * self.num_dimensions


@final
class FeatureDistribution(Configurable):
    """A feature and what it is drawn from, an entry of ``feature_variabilities``."""

    feature_name: Annotated[str, Field(min_length=1)]
    variability: Distribution

    @override
    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        for key, message in self.variability.check(context):
            yield f"variability.{key}", message
