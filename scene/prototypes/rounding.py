"""The feature that rounds edges."""

from __future__ import annotations

from scene.specimen.features import FeatureSpec

ROUNDING = FeatureSpec(
    name="rounding",
    default=0.1,
    description="radius of the edges over that of the largest sphere inside; 0 is sharp",
    minimum=0.0,
    maximum=0.99,
)
