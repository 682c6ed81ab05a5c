"""The superellipsoid: between octahedron, ellipsoid and box."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from scene.prototypes.geometry import ProceduralGeometry
from scene.shapes import superellipsoid
from scene.shapes.mesh import TriangleMesh
from scene.specimen.features import FeatureSpec, FeatureValue, numbers

CELLS = 16


def _exponent(name: str, cuts: str) -> FeatureSpec:
    return FeatureSpec(
        name=name,
        default=4.0,
        description=f"shape of {cuts}: 1 a square on its corner, 2 an ellipse, large a rectangle",
        minimum=1.0,
        maximum=20.0,
    )


@final
class Superellipsoid(ProceduralGeometry):
    """A box as soft or an ellipsoid as angular as its exponents say."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        _exponent("exponent_xy", "cuts across z"),
        _exponent("exponent_z", "cuts along z"),
    )

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the surface in the unit cube."""
        return superellipsoid.superellipsoid(CELLS, *numbers(features, self.features).values())

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:
        """Return it by Barr's formula."""
        return superellipsoid.volume(*numbers(features, self.features).values())
