"""The scene that ground truth is rendered in: our own, whatever the technique did to its scene.

Geometry buffers and x-ray views say where particles are, so nothing that a measurement technique
or a plugin sets for the look of `real` may touch them: denoising, exposure, motion blur, another
filter, a compositor, an excluded collection, whatever Blender's next release adds. Hence they are
not rendered in the technique's scene with some settings set back, but in a new one, which has
Blender's defaults and the few settings that stand here. Of the technique's scene it takes what says
what is seen from where: the camera, its focus aside, and the frame of the animation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import bpy  # noqa: TID253

from scene.blender.camera import extended
from scene.blender.render import Change, change, framing, temporarily
from scene.errors import RenderError

if TYPE_CHECKING:
    from scene.recipe.schema import RenderSettings

_PROJECTIONS = ("ORTHO", "PERSP")

_PRESENT = (
    ("hide_render", False),
    ("visible_camera", True),
    ("is_holdout", False),
    ("is_shadow_catcher", False),
)
"""What an object needs to be seen as it is."""


@final
@dataclass(frozen=True, slots=True)
class GroundTruth:
    """What the renders of a run's ground truth share.

    Parameters
    ----------
    technique
        The technique's scene.
    settings
        The recipe's, for the size of the images.
    set_up
        Sets a scene's engine, device and threads.
    margin
        Pixels beyond the frame that are rendered on each side; only an orthographic camera has
        any.
    """

    technique: bpy.types.Scene
    settings: RenderSettings
    set_up: Callable[[bpy.types.Scene], None]
    margin: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is rendered, in pixels."""
        width, height = self.settings.size
        return width + 2 * self.margin, height + 2 * self.margin

    def framing(self, scene: bpy.types.Scene) -> Iterator[Change]:
        """Yield what makes renders of the scene cover the frame and its margin."""
        yield from framing(scene, self.settings, self.margin)
        yield from extended(self.camera(), self.settings.size, self.margin)

    @contextmanager
    def scene(
        self, shown: Collection[bpy.types.Object], material: bpy.types.Material
    ) -> Iterator[bpy.types.Scene]:
        """Make a scene that holds `shown` in one material, until the block ends.

        A render of it sends one ray through the centre of each pixel. The material goes with it.
        """
        scene = bpy.data.scenes.new("GroundTruth")
        try:
            camera = self.camera()
            for made in (camera, *shown):
                scene.collection.objects.link(made)
            scene.camera = camera
            scene.frame_current = self.technique.frame_current
            scene.frame_subframe = self.technique.frame_subframe
            self.set_up(scene)
            # Nothing is lit here; as lamps, the particles would cost a light tree.
            material.cycles.emission_sampling = "NONE"
            scene.view_layers[0].material_override = material
            change(_one_ray_a_pixel(scene))
            without_focus = camera.data.dof, "use_dof", False
            with temporarily((*self.framing(scene), *_as_they_are(shown), without_focus)):
                yield scene
        finally:
            bpy.data.scenes.remove(scene)
            bpy.data.materials.remove(material)

    def camera(self) -> bpy.types.Object:
        """Return the technique's camera.

        Raises
        ------
        RenderError
            If there is none, or one whose image has no depth along one axis.
        """
        camera = self.technique.camera
        if camera is None:
            raise RenderError(
                "there is no measurement technique to take an image with; invoke its blueprint "
                "before rendering"
            )
        kind = camera.data.type if camera.type == "CAMERA" else camera.type
        if kind not in _PROJECTIONS:
            raise RenderError(
                f"the measurement technique's camera {camera.name!r} is of type {kind}; images "
                f"that particles are found in need one of {' or '.join(_PROJECTIONS)}"
            )
        return camera


def _one_ray_a_pixel(scene: bpy.types.Scene) -> Iterator[Change]:
    cycles = scene.cycles
    yield scene.render, "film_transparent", True
    yield scene.render, "use_compositing", False
    yield scene.render, "use_sequencer", False
    yield cycles, "samples", 1
    yield cycles, "use_adaptive_sampling", False
    yield cycles, "use_denoising", False
    yield cycles, "use_pixel_jitter", False  # whatever the pixel filter
    yield cycles, "max_bounces", 0
    yield cycles, "sample_clamp_direct", 0.0
    yield cycles, "sample_clamp_indirect", 0.0


def _as_they_are(objects: Iterable[bpy.types.Object]) -> Iterator[Change]:
    """Yield what makes objects seen that someone hid."""
    for made in objects:
        for name, value in _PRESENT:
            if getattr(made, name) != value:
                yield made, name, value
