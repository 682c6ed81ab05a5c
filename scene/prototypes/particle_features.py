"""The features of every particle, whatever its geometry and material."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import DIMENSIONS

_FARTHEST = 1e5
"""Scene units up to which single precision resolves less than a tenth of a pixel."""

_MOST_RADIANS = 1e3

PARTICLE_FEATURES = (
    FeatureSpec(
        "dimensions",
        (1.0, 1.0, 1.0),
        "size of the bounding box in scene units",
        3,
        minimum=1e-3,
        maximum=_FARTHEST,
    ),
    FeatureSpec(
        "location",
        (0.0, 0.0, 0.0),
        "centre in scene units",
        3,
        minimum=-_FARTHEST,
        maximum=_FARTHEST,
    ),
    FeatureSpec(
        "rotation",
        (0.0, 0.0, 0.0),
        "XYZ Euler angles in radians",
        3,
        minimum=-_MOST_RADIANS,
        maximum=_MOST_RADIANS,
    ),
)
"""Features of every particle, whatever its geometry and material."""

LOCATION_Z = FeatureSpec(
    "location_z",
    0.0,
    "the last component of `location`",
    minimum=-_FARTHEST,
    maximum=_FARTHEST,
    alias_of=("location", 2),
)
"""A feature of geometries whose particles are moved up and down."""


def dimensions(default: tuple[float, float, float], description: str) -> FeatureSpec:
    """Return the feature `dimensions` with what it is for a geometry."""
    return replace(PARTICLE_FEATURES[0], default=default, description=description)


def size(features: Mapping[str, FeatureValue]) -> tuple[float, float, float]:
    """Return the value of `dimensions`."""
    value = features[DIMENSIONS]
    assert isinstance(value, tuple)
    x, y, z = value
    return x, y, z
