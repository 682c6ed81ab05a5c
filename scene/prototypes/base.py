"""What a prototype is: named features, and a way to build it in Blender.

A prototype's module is imported wherever its features are needed, the driver included, so it
imports bpy only inside the functions that build.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, final, override

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.color import ColorMode
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.image_model import ImageModel
from scene.microscopy.imaging_chain import ImagingChain
from scene.prototypes.surface_mesh import surface_mesh
from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import DIMENSIONS, MeasurementVolume

if TYPE_CHECKING:
    import bpy

type Fidelity = Literal["fast", "reference"]
"""How literally an image follows the published figures of its look.

``reference`` takes every material and integrator setting as it was published, the noise of few
samples included. ``fast`` looks the same for a fraction of the time: few samples, a denoiser, and
noise of the same kind added to what it gives.
"""

SUBSTRATE = "Substrate"
"""Name of the technique's object that carries the background material; it may be absent."""

MEASUREMENT_VOLUME = "MeasurementVolume"
"""Name of the technique's object that bounds particles in simulations; it may be absent."""

_FARTHEST = 1e5
"""Scene units up to which single precision resolves less than a tenth of a pixel."""

_MOST_RADIANS = 1e3

PARTICLE_FEATURES = (
    FeatureSpec(
        "dimensions",
        (1.0, 1.0, 1.0),
        "size of the bounding box in scene units",
        3,
        minimum=1e-3,
        maximum=_FARTHEST,
    ),
    FeatureSpec(
        "location",
        (0.0, 0.0, 0.0),
        "centre in scene units",
        3,
        minimum=-_FARTHEST,
        maximum=_FARTHEST,
    ),
    FeatureSpec(
        "rotation",
        (0.0, 0.0, 0.0),
        "XYZ Euler angles in radians",
        3,
        minimum=-_MOST_RADIANS,
        maximum=_MOST_RADIANS,
    ),
)
"""Features of every particle, whatever its geometry and material."""

LOCATION_Z = FeatureSpec(
    "location_z",
    0.0,
    "the last component of `location`",
    minimum=-_FARTHEST,
    maximum=_FARTHEST,
    alias_of=("location", 2),
)
"""A feature of geometries whose particles are moved up and down."""


def dimensions(default: tuple[float, float, float], description: str) -> FeatureSpec:
    """Return the feature `dimensions` with what it is for a geometry."""
    return replace(PARTICLE_FEATURES[0], default=default, description=description)


def size(features: Mapping[str, FeatureValue]) -> tuple[float, float, float]:
    """Return the value of `dimensions`."""
    value = features[DIMENSIONS]
    assert isinstance(value, tuple)
    x, y, z = value
    return x, y, z


class Prototype(ABC):
    """Common to all prototypes; each has a file of its own, named like the prototype."""

    features: ClassVar[tuple[FeatureSpec, ...]]
    """The features this prototype understands."""

    unavailable: ClassVar[Mapping[str, str]] = {}
    """Features that it should have but has not, and why, which goes on after the name."""


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
    so that masks, depth and outlines are told of it as of any other. A particle that is alone in
    an image is alone there in any respect. `surface` is that of a lone one in simulations.
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


class MaterialPrototype(Prototype):
    """The material of a particle or of the substrate."""

    suits_points: ClassVar[bool] = False
    """Whether it looks the same on a sphere that is a point of a cloud.

    Many particles are one object then. So that holds for a material that depends on position,
    normal and light alone, and not on what an object has of its own: generated or object
    coordinates, a UV map, its location, its random number, a property.
    """

    is_nothing: ClassVar[bool] = False
    """Whether a substrate of it is left out, as if the recipe named no background material."""

    has_one_index: ClassVar[bool] = True
    """Whether exactly one of its nodes has an index of refraction.

    What fills the measurement volume needs one, for particles to be refracted by. A material that
    does not say is asked when it is built.
    """

    electron_features: ClassVar[frozenset[str]] = frozenset()
    """Names of the features that matter to `electron_surface` alone.

    `build` gets their defaults: particles that differ in nothing else look alike in Blender, and
    a thousand of them are as cheap there as if they were of one material.
    """

    @abstractmethod
    def build(self, features: Mapping[str, FeatureValue], fidelity: Fidelity) -> bpy.types.Material:
        """Return a new material for the given values of this prototype's features."""

    def electron_surface(self, features: Mapping[str, FeatureValue]) -> ElectronSurface:  # noqa: ARG002
        """Return how the material answers an electron beam, for techniques that compute an image.

        A smooth, even surface with a yield of 1 unless a material says otherwise.
        """
        return ElectronSurface()


@final
@dataclass(frozen=True, slots=True)
class Container:
    """What particles collide with in simulations, and what does not move.

    Parameters
    ----------
    object
        Blender's, with a mesh.
    friction, restitution
        Of its surface.
    shape
        What it is taken for, as in Blender; only as a ``MESH`` does it hold particles inside.
    """

    object: bpy.types.Object
    friction: float = 0.5
    restitution: float = 0.0
    shape: str = "MESH"


class MeasurementTechniquePrototype(Prototype):
    """Camera, illumination, substrate and render settings of a microscope."""

    resolution: ClassVar[tuple[int, int]] = (960, 960)
    """Width and height in pixels of the images of recipes that do not say."""

    max_samples: ClassVar[int] = 4096
    """Most samples a pixel of `real` gets in recipes that do not say."""

    develops: ClassVar[bool] = False
    """Whether Blender's view transform and look, as `build` sets them, make the image.

    Otherwise what Cycles renders, or `image_model` computes, is taken as it is, in gray, and goes
    through the imaging chain.
    """

    color_mode: ClassVar[ColorMode] = "BW"
    """What a pixel of `real` holds in recipes that do not say."""

    computed_at: ClassVar[frozenset[Fidelity]] = frozenset({"fast", "reference"})
    """At which fidelities `image_model` is asked; Cycles renders the image at any other."""

    looks_through: ClassVar[bool] = False
    """Whether its images show what lies within particles, so that materials need a density."""

    @abstractmethod
    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:
        """Return the measurement volume for a render of `resolution` (width, height) pixels."""

    def scene(self, blank: bpy.types.Scene) -> bpy.types.Scene:
        """Return the scene that `build` works on: the blank one, or one that the technique brings.

        The other is removed then.
        """
        return blank

    @abstractmethod
    def build(
        self, scene: bpy.types.Scene, resolution: tuple[int, int], fidelity: Fidelity
    ) -> None:
        """Put camera, illumination, substrate and render settings into an empty scene.

        The objects that others have to find are named `SUBSTRATE` and `MEASUREMENT_VOLUME`; the
        camera becomes the scene's. Every object made here but the camera is absent from the
        geometry buffers.
        """

    @abstractmethod
    def apply(
        self, scene: bpy.types.Scene, features: Mapping[str, FeatureValue], fidelity: Fidelity
    ) -> None:
        """Set the technique, built with the same `fidelity`, to the given features' values."""

    def containers(self, scene: bpy.types.Scene) -> Sequence[Container]:
        """Return what bounds particles in simulations, in the scene that `build` made.

        The object `MEASUREMENT_VOLUME`, where there is one, unless a technique says otherwise.
        """
        volume = scene.objects.get(MEASUREMENT_VOLUME)
        return [] if volume is None else [Container(volume)]

    def image_model(self, features: Mapping[str, FeatureValue]) -> ImageModel | None:  # noqa: ARG002
        """Return how `real` is computed from geometry buffers.

        None, unless a technique says otherwise: Cycles renders the technique's scene with the
        settings of `build` and `apply`.
        """
        return None

    def imaging_chain(
        self,
        features: Mapping[str, FeatureValue],  # noqa: ARG002
        fidelity: Fidelity,  # noqa: ARG002
    ) -> ImagingChain:
        """Return what the noise-free image goes through before it is written as `real`.

        Nothing, unless a technique says otherwise.
        """
        return ImagingChain()
