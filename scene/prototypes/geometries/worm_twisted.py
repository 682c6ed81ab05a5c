"""The worm: two strands, twisted along a helix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from scene.prototypes.geometry import ProceduralGeometry
from scene.prototypes.particle_features import LOCATION_Z, dimensions, size
from scene.shapes.mesh import TriangleMesh
from scene.shapes.twisted import worm
from scene.specimen.features import FeatureSpec, FeatureValue, numbers


@final
class WormTwisted(ProceduralGeometry):
    """Two strands wound about each other along a helix, pointed at both ends."""

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        dimensions(
            (1.0, 1.0, 1.0),
            "edges of the box round the helix in scene units; the worm fills some 0.8 of its width",
        ),
        LOCATION_Z,
        FeatureSpec(
            name="rotations",
            default=0.8,
            description="turns of the helix",
            minimum=0.0,
            maximum=10.0,
        ),
        FeatureSpec(
            name="thickness",
            default=0.04,
            description="distance of the strands from the middle over the box's height; the worm "
            "is up to 5 times as far across",
            minimum=0.001,
            maximum=0.2,
        ),
        FeatureSpec(
            name="resolution",
            default=0.03,
            description="edges of the mesh's faces in scene units; at most 24 lie round the worm, "
            "at least 16",
            minimum=0.001,
            maximum=10.0,
        ),
    )
    true_size: ClassVar[bool] = True
    fills_box: ClassVar[bool] = False

    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the surface in scene units."""
        width, depth, height = size(features)
        made = worm(height, **numbers(features, self.features[2:]))
        return made.stretched((width / height, depth / height, 1.0))
