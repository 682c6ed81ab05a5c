"""What a prototype is: named features, and a way to build it in Blender.

A prototype's module is imported wherever its features are needed, the driver included, so it
imports bpy only inside the functions that build.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from scene.features import FeatureSpec, FeatureValue
from scene.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy


class Prototype(ABC):
    """Common to all prototypes; one prototype a file, named like the prototype."""

    features: ClassVar[tuple[FeatureSpec, ...]]
    """The features this prototype understands."""


class GeometryPrototype(Prototype):
    """The shape of a particle, as a mesh whose bounding box is the unit cube round the origin.

    `dimensions`, `location` and `rotation` are applied to the object, not to the mesh, so that
    particles that differ in nothing else share one mesh.
    """

    @abstractmethod
    def build(self, features: Mapping[str, FeatureValue]) -> bpy.types.Mesh:
        """Return a new mesh for the given values of this prototype's features."""


class MaterialPrototype(Prototype):
    """The material of a particle or of the substrate."""

    @abstractmethod
    def build(self, features: Mapping[str, FeatureValue]) -> bpy.types.Material:
        """Return a new material for the given values of this prototype's features."""


class MeasurementTechniquePrototype(Prototype):
    """Camera, illumination, substrate and render settings of a microscope."""

    @abstractmethod
    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:
        """Return the measurement volume for a render of `resolution` (width, height) pixels."""

    @abstractmethod
    def build(self, scene: bpy.types.Scene, resolution: tuple[int, int]) -> None:
        """Put camera, illumination, substrate and render settings into an empty scene."""

    @abstractmethod
    def apply(self, scene: bpy.types.Scene, features: Mapping[str, FeatureValue]) -> None:
        """Set the technique to the given values of this prototype's features."""
