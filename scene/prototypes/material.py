"""What the prototype of a material is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.base import Fidelity, Prototype
from scene.specimen.features import FeatureValue

if TYPE_CHECKING:
    import bpy


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
