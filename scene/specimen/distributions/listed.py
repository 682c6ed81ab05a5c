"""Distributions whose values a recipe lists: one, or a choice of several."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Any, Self, final, override

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from scene.specimen.distributions.base import Distribution
from scene.specimen.distributions.numbers import NonNegative
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementVolume
from scene.specimen.streams import shared


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        raise ValueError(
            "expected a value, got a mapping; a value that is drawn itself can't stand here"
        )
    return tuple(map(_plain, value)) if isinstance(value, list) else value


type _Value = Annotated[Any, AfterValidator(_plain)]


@final
class Choice(Distribution):
    """One of `values`, each as likely as the others, or by `probabilities`.

    With `together`, a name, the choice is made once a run for all that have the same name, so that
    each gives the value at the same place of its list.
    """

    values: Annotated[tuple[_Value, ...], Field(min_length=1)]
    probabilities: tuple[NonNegative, ...] | None = None
    together: Annotated[str, Field(min_length=1)] | None = None

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
        if self.together is not None:
            rng = shared(rng, "together", self.together)
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
