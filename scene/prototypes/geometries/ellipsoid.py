"""The ellipsoid, by default flat like a lentil."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

from scene.prototypes.geometries.sphere import CELLS_PER_EDGE
from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.particle_features import LOCATION_Z, dimensions
from scene.shapes.mesh import TriangleMesh
from scene.shapes.sphere import directions
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import DIMENSIONS


@final
class Ellipsoid(ProceduralGeometry):
    """An exact ellipsoid, whose axes are its `dimensions`."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        dimensions((1.0, 1.0, 0.5), "lengths of the axes in scene units"),
        LOCATION_Z,
        FeatureSpec(
            name="width",
            default=1.0,
            description="factor of the second axis, counted from when `dimensions` were set",
            minimum=1e-3,
            maximum=1e3,
            alias_of=(DIMENSIONS, 1),
            ratio=True,
        ),
        FeatureSpec(
            name="height",
            default=0.5,
            description="factor of the third axis, counted from when `dimensions` were set",
            minimum=1e-3,
            maximum=1e3,
            alias_of=(DIMENSIONS, 2),
            ratio=True,
        ),
        FeatureSpec(
            name="subdivisions",
            default=2,
            description="levels of subdivision beyond 384 faces",
            integer=True,
            minimum=0,
            maximum=5,
        ),
    )

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the sphere of diameter 1, which `dimensions` stretch."""
        level = features["subdivisions"]
        assert isinstance(level, int)
        return directions(CELLS_PER_EDGE * 2**level).stretched(0.5)

    def is_sphere(self, features: Mapping[str, FeatureValue]) -> bool:  # noqa: ARG002
        """Return True: it is one if its axes are equal."""
        return True

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:  # noqa: ARG002
        """Return pi / 6."""
        return math.pi / 6
