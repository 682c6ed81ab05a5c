"""What the prototype of a measurement technique is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from scene.microscopy.color import ColorMode
from scene.microscopy.image_model import ImageModel
from scene.microscopy.imaging_chain import ImagingChain
from scene.prototypes.base import Fidelity, Prototype
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy

SUBSTRATE = "Substrate"
"""Name of the technique's object that carries the background material; it may be absent."""

MEASUREMENT_VOLUME = "MeasurementVolume"
"""Name of the technique's object that bounds particles in simulations; it may be absent."""


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
