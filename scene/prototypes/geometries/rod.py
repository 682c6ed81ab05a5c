"""The rod: a cylinder with round caps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.particle_features import dimensions, size
from scene.shapes import rod
from scene.shapes.mesh import TriangleMesh
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import DIMENSIONS


@final
class Rod(ProceduralGeometry):
    """A spherocylinder along x: rods of gold, silica or bacteria.

    Its length, caps included, is the first of its `dimensions`, its diameter the other two.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        dimensions((3.0, 1.0, 1.0), "length, and diameter twice, in scene units"),
        FeatureSpec(
            name="aspect_ratio",
            default=3.0,
            description="factor of the length, counted from when `dimensions` were set: the "
            "length over the diameter, if these were equal",
            minimum=0.01,
            maximum=1000.0,
            alias_of=(DIMENSIONS, 0),
            ratio=True,
        ),
    )
    true_size: ClassVar[bool] = True

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the surface in scene units."""
        return rod.spherocylinder(*size(features))

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:
        """Return pi / 4 for the cylinder's part of the length, pi / 6 for that of the caps."""
        return rod.filled(*size(features))
