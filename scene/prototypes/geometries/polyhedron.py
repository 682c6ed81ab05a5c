"""Regular and truncated polyhedra with round edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.rounding import ROUNDING
from scene.shapes.mesh import TriangleMesh
from scene.shapes.polyhedra import KINDS, corners
from scene.shapes.rounded import rounded
from scene.specimen.features import FeatureSpec, FeatureValue, number


@final
class Polyhedron(ProceduralGeometry):
    """A crystal: a regular polyhedron, or one whose corners are cut off."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            name="polyhedron",
            default="octahedron",
            description="which one",
            kind="string",
            choices=tuple(KINDS),
        ),
        ROUNDING,
    )

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the surface in the unit cube."""
        kind = features["polyhedron"]
        assert isinstance(kind, str)
        return rounded(corners(kind), number(features, ROUNDING.name)).in_unit_cube()
