"""The potato: a sphere with dents and bumps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.particle_features import LOCATION_Z, dimensions, size
from scene.prototypes.shape_seed import SHAPE, shape
from scene.shapes.mesh import TriangleMesh
from scene.shapes.potato import potato
from scene.specimen.features import FeatureSpec, FeatureValue

CELLS = 16


@final
class Potato(ProceduralGeometry):
    """A sphere whose surface is moved by noise, by up to 0.4 scene units over 2 to 3.

    So a particle of a few scene units is a slight egg, and a larger one has more dents.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        dimensions((1.0, 1.0, 1.0), "size of the sphere without dents and bumps, in scene units"),
        LOCATION_Z,
        SHAPE,
    )
    true_size: ClassVar[bool] = True
    fills_box: ClassVar[bool] = False

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the surface in scene units."""
        return potato(CELLS, size(features), shape(features))
