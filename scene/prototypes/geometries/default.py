"""What particles look like where only their size matters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

from scene.prototypes.geometries.sphere import CELLS_PER_EDGE
from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.particle_features import dimensions
from scene.shapes.mesh import TriangleMesh
from scene.shapes.sphere import directions
from scene.specimen.features import FeatureSpec, FeatureValue


@final
class Default(ProceduralGeometry):
    """A coarse sphere, a little larger than 1 unless `dimensions` are set."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        dimensions((1.011, 1.011, 1.011), "size of the bounding box in scene units"),
    )

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:  # noqa: ARG002
        """Return a sphere of diameter 1 with 386 vertices."""
        return directions(CELLS_PER_EDGE).stretched(0.5)

    def is_sphere(self, features: Mapping[str, FeatureValue]) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:  # noqa: ARG002
        """Return pi / 6, that of the sphere which the mesh stands for."""
        return math.pi / 6
