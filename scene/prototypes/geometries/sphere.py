"""The sphere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, final

from scene.prototypes.geometry import GeometryPrototype
from scene.shapes.sphere import cube_sphere
from scene.specimen.features import FeatureSpec, FeatureValue

if TYPE_CHECKING:
    import bpy

CELLS_PER_EDGE = 8


@final
class Sphere(GeometryPrototype):
    """A cube whose faces are divided into 8 x 8 cells and blown up to diameter 1.

    386 vertices and 384 faces at level 0; every further level splits each face into four. Where it
    is drawn as a point, it is exact, whatever its level.
    """

    features: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            name="subdivisions",
            default=1,
            description="levels of subdivision beyond 384 faces",
            integer=True,
            minimum=0,
            maximum=5,
        ),
    )

    def build(self, features: Mapping[str, FeatureValue]) -> bpy.types.Mesh:
        """Return a new smooth-shaded mesh of diameter 1 round the origin."""
        import bpy

        subdivisions = features["subdivisions"]
        assert isinstance(subdivisions, int)
        vertices, faces = cube_sphere(CELLS_PER_EDGE * 2**subdivisions)
        mesh = bpy.data.meshes.new("Sphere")
        mesh.from_pydata(vertices.tolist(), [], faces.tolist(), shade_flat=False)
        return mesh

    def is_sphere(self, features: Mapping[str, FeatureValue]) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float:  # noqa: ARG002
        """Return pi / 6, that of the sphere which the mesh stands for."""
        return math.pi / 6
