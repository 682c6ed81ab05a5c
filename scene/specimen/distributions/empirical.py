"""A measured distribution, by its quantiles."""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import Annotated, Literal, Self, final, override

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from scene.language.fields import Int, Real, Text
from scene.specimen.distributions.numbers import Positive, Repeated

MOST_VALUES = 1000
"""That a recipe holds; of more values in a file, this many quantiles."""

type _Fraction = Annotated[Real, Field(ge=0, le=1)]


@final
class Empirical(Repeated):
    """A draw r between measured values, times `factor`, repeated `num_dimensions` times.

    The values are quantiles: a fraction `fractions[i]` of all draws is less than `values[i]`.
    Between two quantiles r is interpolated linearly. Values without fractions are sorted, and lie
    at even fractions from 0 to 1.

    A recipe names a `file`, and which `column` of it to read; when the recipe is composed, the
    numbers take the place of the file, so that a resolved recipe needs none.
    """

    values: Annotated[tuple[Real, ...], Field(min_length=2, max_length=MOST_VALUES)] | None = None
    fractions: tuple[_Fraction, ...] | None = None
    factor: Positive = 1.0
    file: Text | None = None
    kind: Literal["values", "quantiles"] = "values"
    column: Text | Int | None = None
    fraction_column: Text | Int | None = None

    @model_validator(mode="after")
    def _given_once(self) -> Self:
        if self.values is None:
            raise ValueError("needs a file, or values")
        if self.file is not None:
            raise ValueError("give either file or values, not both")
        if self.fractions is not None and (problem := _disorder(self.values, self.fractions)):
            raise ValueError(problem)
        return self

    @override
    def _draw(self, rng: np.random.Generator) -> float:
        return self.factor * float(np.interp(rng.random(), *self._quantiles))

    @override
    def _ends(self) -> tuple[float, float]:
        values = self._quantiles[1]
        return self.factor * float(values[0]), self.factor * float(values[-1])

    @cached_property
    def _quantiles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Fractions and values, both rising."""
        assert self.values is not None
        if self.fractions is None:
            return np.linspace(0.0, 1.0, len(self.values)), np.sort(np.array(self.values))
        return np.array(self.fractions), np.array(self.values)


def _disorder(values: tuple[float, ...], fractions: tuple[float, ...]) -> str | None:
    """Return why values at fractions are not quantiles, or None if they are."""
    if len(fractions) != len(values):
        return f"fractions has {len(fractions)} entries, values has {len(values)}"
    if (fractions[0], fractions[-1]) != (0, 1):
        return (
            "the first fraction must be 0 and the last 1, since nothing is drawn beyond the "
            f"smallest and the largest value, got {fractions[0]:g} and {fractions[-1]:g}"
        )
    for (low, lower), (high, higher) in itertools.pairwise(zip(fractions, values, strict=True)):
        if low >= high:
            return f"fractions must rise, got {low:g} before {high:g}"
        if lower > higher:
            return f"quantiles must not fall, got {lower:g} before {higher:g}"
    return None
