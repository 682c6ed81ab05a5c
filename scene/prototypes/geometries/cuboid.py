"""The cuboid with round edges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.particle_features import size
from scene.prototypes.rounding import ROUNDING
from scene.shapes import rounded
from scene.shapes.mesh import TriangleMesh
from scene.specimen.features import FeatureSpec, FeatureValue, number


@final
class Cuboid(ProceduralGeometry):
    """A box whose edges are as round as its size says: salt, zeolites, cubes of silver."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (ROUNDING,)
    true_size: ClassVar[bool] = True

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the surface in scene units."""
        rounding = number(features, ROUNDING.name)
        return rounded.cuboid(size(features), rounding)

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:
        """Return what is left of the box."""
        sides = size(features)
        return rounded.cuboid_volume(sides, number(features, ROUNDING.name)) / math.prod(sides)
