"""The feature that selects one of many random shapes."""

from __future__ import annotations

from collections.abc import Mapping

from scene.specimen.features import FeatureSpec, FeatureValue

SHAPE = FeatureSpec(
    name="shape",
    default=12,
    description="selects the shape; particles of one number are of the same shape",
    integer=True,
    minimum=0,
    maximum=2**31 - 1,
)


def shape(features: Mapping[str, FeatureValue]) -> int:
    """Return the value of `SHAPE`."""
    value = features[SHAPE.name]
    assert isinstance(value, int)
    return value
