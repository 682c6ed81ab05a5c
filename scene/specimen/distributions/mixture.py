"""Populations within a population."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Self, final, override

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from scene.language.fields import StrictModel
from scene.specimen.distributions.base import Distribution
from scene.specimen.distributions.numbers import NonNegative
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import MeasurementVolume


@final
class MixturePart(StrictModel):
    """One population, and how often it is drawn from compared with the others."""

    weight: NonNegative
    variability: Distribution


@final
class Mixture(Distribution):
    """A draw from one of `parts`, which is chosen by their weights; these need not add up to 1."""

    parts: Annotated[tuple[MixturePart, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        if not any(part.weight for part in self.parts):
            raise ValueError("one of the weights must be greater than 0")
        return self

    @override
    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        index = int(np.searchsorted(self._edges, rng.random(), side="right"))
        return self.parts[index].variability.sample(rng, volume)

    @cached_property
    def _edges(self) -> NDArray[np.float64]:
        """Where in [0, 1] one part ends and the next begins."""
        weights = np.array([part.weight for part in self.parts])
        ends = np.cumsum(weights / weights.max())
        edges: NDArray[np.float64] = ends / ends[-1]
        return edges

    @override
    def extremes(self) -> tuple[FeatureValue, ...]:
        return tuple(end for part in self.parts for end in part.variability.extremes())

    @override
    def unfit(self, feature: FeatureSpec) -> str | None:
        problems = (part.variability.unfit(feature) for part in self.parts)
        return next(filter(None, problems), None)
