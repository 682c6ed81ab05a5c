"""Criteria: stripes of a number's range, and ranges of colour."""

from __future__ import annotations

import colorsys
from typing import Annotated, Self, final, override

from pydantic import Field, model_validator

from scene.language.fields import Int, Real
from scene.official.hsv import check_ranges
from scene.specimen.criteria import FeatureCriterion
from scene.specimen.features import FeatureValue


@final
class InCompartment(FeatureCriterion):
    """Whether a number lies in one of the compartments that its range is divided into.

    Each interval of a length is divided into equal compartments, counted from 1, and the division
    repeats for ever in both directions.
    """

    compartment_no: Annotated[Int, Field(ge=1)]
    compartments_total: Annotated[Int, Field(ge=1)]
    interval_length: Annotated[Real, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if self.compartment_no > self.compartments_total:
            raise ValueError(
                f"compartment_no must be at most compartments_total, {self.compartments_total}, "
                f"got {self.compartment_no}"
            )
        return self

    @override
    def answer(self, value: FeatureValue) -> bool | None:
        if isinstance(value, str | tuple):
            return None
        # Each bound is one number for both of its neighbours; the outermost do not bound, as a
        # remainder may be rounded up to the whole length.
        number, total, length = self.compartment_no, self.compartments_total, self.interval_length
        place = value % length
        above = number == 1 or length * (number - 1) / total <= place
        return above and (number == total or place < length * number / total)


@final
class InHsvRange(FeatureCriterion):
    """Whether hue, saturation and value of a colour lie in ranges, upper ends excluded."""

    h_min: Real = 0.0
    h_max: Real = 1.0
    s_min: Real = 0.0
    s_max: Real = 1.0
    v_min: Real = 0.0
    v_max: Real = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_ranges(self)
        return self

    @override
    def answer(self, value: FeatureValue) -> bool | None:
        if not isinstance(value, tuple) or len(value) < 3:
            return None
        hue, saturation, brightness = colorsys.rgb_to_hsv(*value[:3])
        return (
            self.h_min <= hue < self.h_max
            and self.s_min <= saturation < self.s_max
            and self.v_min <= brightness < self.v_max
        )
