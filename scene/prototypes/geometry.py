"""What the prototype of a particle's shape is."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final, override

import numpy as np
from numpy.typing import NDArray

from scene.prototypes.base import Prototype
from scene.prototypes.particle_features import size
from scene.prototypes.surface_mesh import surface_mesh
from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.specimen.features import FeatureValue

if TYPE_CHECKING:
    import bpy


class GeometryPrototype(Prototype):
    """The shape of a particle, as a mesh whose bounding box is the unit cube round the origin.

    `dimensions`, `location` and `rotation` are applied to the object, not to the mesh, so that
    particles that differ in nothing else share one mesh.
    """

    true_size: ClassVar[bool] = False
    """Whether the shape depends on the particle's size.

    If so, the given features hold `dimensions` as well, and the mesh is built at its true size;
    `location` and `rotation` alone are applied to the object.
    """

    fills_box: ClassVar[bool] = True
    """Whether `dimensions` is the size of the bounding box.

    If not, it is a nominal size, such as that of a sphere from which bumps stand out, and the
    geometry's own `dimensions` says in its description of what.
    """

    @abstractmethod
    def build(self, features: Mapping[str, FeatureValue]) -> bpy.types.Mesh:
        """Return a new mesh for the given values of this prototype's features."""

    def is_sphere(self, features: Mapping[str, FeatureValue]) -> bool:  # noqa: ARG002
        """Return whether the mesh stands for the sphere of diameter 1.

        If so, `fast` shows particles whose three dimensions are equal as points of a cloud, which
        Cycles draws as perfect spheres, where their material `suits_points`. Simulations always
        take the mesh.
        """
        return False

    def is_ball(self, features: Mapping[str, FeatureValue]) -> bool:
        """Return whether a particle is a ball where its three dimensions are equal.

        By default where `is_sphere` says so; a shape that changes in the presence of others may be
        a ball as long as it is alone. Balls agglomerate by exact formulas, all else by its mesh.
        """
        return self.is_sphere(features)

    def balls(self, features: Mapping[str, FeatureValue]) -> NDArray[np.float64] | None:  # noqa: ARG002
        """Return balls whose union the shape is where its three dimensions are equal.

        (N, 4), centres (x, y, z) and radii in the space of the mesh; None, unless a shape says
        otherwise. Simulations of its mesh take the balls instead, which is exact and quicker.
        """
        return None

    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float | None:  # noqa: ARG002
        """Return which fraction of the box of size `dimensions` the shape fills; None if unknown.

        At most 1, if it is the bounding box. Stretched by `dimensions` it stays the same, unless
        the shape depends on them. From it follows a particle's ``equivalent_diameter_nm``, the
        diameter of the sphere of equal volume.
        """
        return None


class ProceduralGeometry(GeometryPrototype):
    """A shape whose surface is computed, without Blender."""

    @abstractmethod
    def surface(self, features: Mapping[str, FeatureValue]) -> TriangleMesh:
        """Return the surface for the given values of this prototype's features."""

    @override
    def build(self, features: Mapping[str, FeatureValue]) -> bpy.types.Mesh:
        """Return a new mesh of the surface."""
        return surface_mesh(type(self).__name__, self.surface(features))

    @override
    def volume_fraction(self, features: Mapping[str, FeatureValue]) -> float | None:
        """Return that of the surface, unless a shape has a formula."""
        volume = self.surface(features).volume
        return volume / math.prod(size(features)) if self.true_size else volume


@final
@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another particle of the family near one that is asked about.

    Parameters
    ----------
    offset
        (x, y, z) from the one's `location` to this one's, in scene units.
    features
        This one's features.
    is_earlier
        Whether this one's id is the smaller one; where two have the same claim, the earlier wins.
    """

    offset: tuple[float, float, float]
    features: Mapping[str, FeatureValue]
    is_earlier: bool


class FusedGeometry(ProceduralGeometry):
    """A shape that grows together with others of its family: the particles of one blueprint.

    Each particle has its part of the fused body for a mesh, closed by walls towards its neighbours,
    so that it has a mask, depth and an outline like any other. A particle that is alone in an image
    has not grown together with any. `surface` is that of a lone one in simulations.
    `rotation` does not matter to any of it.
    """

    true_size: ClassVar[bool] = True

    @abstractmethod
    def reach(self, features: Mapping[str, FeatureValue]) -> float:
        """Return how far from its `location` a particle acts, in scene units.

        Two are neighbours if they are nearer to each other than their reaches together.
        """

    def neck_reach(self, features: Mapping[str, FeatureValue]) -> float:
        """Return how far from its `location` the necks to neighbours are thinnest.

        There two such spheres intersect; where they don't, two particles that are near each other
        have no neck. By default they are the lone particles.
        """
        return size(features)[0] / 2

    @abstractmethod
    def part(
        self, features: Mapping[str, FeatureValue], neighbours: Sequence[Neighbour]
    ) -> FusedPart | None:
        """Return a particle's part of the fused body, its `location` at the origin.

        None if it has none, since others have swallowed it.
        """
