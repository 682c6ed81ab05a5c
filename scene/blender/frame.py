"""One view of the specimen in Blender's scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import final

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.buffers import buffers_scene, render_buffers
from scene.blender.ground_truth import GroundTruth
from scene.blender.outline import as_rendered, seen_footprints
from scene.blender.particles import ParticleObjects
from scene.blender.render import Change, render_passes, rendered_layer, temporarily
from scene.blender.xray import render_xray
from scene.imaging.footprint import Footprint
from scene.imaging.frame import Frame
from scene.microscopy.chain import imaged
from scene.microscopy.geometry import GeometryBuffers
from scene.microscopy.imaging_chain import ImagingChain
from scene.microscopy.raster import Raster

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear red, green and blue in a gray value (ITU-R BT.709)."""


@final
class BlenderFrame(Frame):
    """The particles of interest and those overlapping them; all others are absent.

    Parameters
    ----------
    truth
        How ground truth is rendered. The technique's scene is in its base state, which is that of
        `real`; every render restores it.
    particles
        The specimen's objects.
    interest, overlapping
        Particle ids. A particle in both counts as of interest.
    chain
        What the rendered image goes through to become `real`.
    stream
        Returns the generator of a stage of the chain by its name, the same at every call.
    """

    def __init__(
        self,
        truth: GroundTruth,
        particles: ParticleObjects,
        interest: frozenset[int],
        overlapping: frozenset[int],
        chain: ImagingChain,
        stream: Callable[[str], np.random.Generator],
    ) -> None:
        self._truth = truth
        self._particles = particles
        self._interest = interest
        self._overlapping = overlapping - interest
        self._chain = chain
        self._stream = stream
        self._buffers: GeometryBuffers | None = None

    @property
    def buffers(self) -> GeometryBuffers:
        """The geometry buffers, rendered at the first use."""
        if self._buffers is None:
            with self._particles.selected(self._interest | self._overlapping) as shown:
                self._buffers = render_buffers(
                    self._truth, shown, self._interest, self._overlapping
                )
        return self._buffers

    @contextmanager
    def buffers_scene(self) -> Iterator[bpy.types.Scene]:
        """Make the scene that the buffers are rendered in, until the block ends."""
        with (
            self._particles.selected(self._interest | self._overlapping) as shown,
            buffers_scene(self._truth, shown) as scene,
        ):
            yield scene

    def footprints(self) -> Iterator[tuple[int, Footprint]]:
        """Yield the id of each particle of interest and the pixels that it would show alone."""
        truth, camera = self._truth, self._truth.camera()
        with (
            self._particles.selected(self._interest) as shown,
            buffers_scene(truth, shown) as scene,
            temporarily(as_rendered([camera, *shown])),
        ):
            layer = scene.view_layers[0]
            layer.update()
            yield from seen_footprints(layer.depsgraph, camera, truth.settings.size, shown)

    def real(self) -> NDArray[np.uint8]:
        """Render with the technique's own materials and light: (height, width) gray."""
        self._truth.camera()  # or there is nothing to render
        scene = self._truth.technique
        with (
            self._particles.selected(self._interest) as seen,
            self._particles.selected(self._overlapping) as unseen,
            temporarily(self._present(seen, unseen)),
            temporarily([(rendered_layer(scene), "use_pass_combined", True)]),
        ):
            combined = render_passes(scene, self._truth.settings.size)["Combined"]
        gray = combined @ np.array(LUMINANCE, dtype=np.float32)
        return imaged(
            gray,
            Raster(*self._truth.settings.size, margin=0, pixel_nm=1.0),
            self._chain,
            self._stream,
        )

    def xray(self) -> NDArray[np.uint8]:
        """Render all particles of interest as translucent: (height, width) gray."""
        with self._particles.selected(self._interest) as shown:
            return render_xray(self._truth, shown)

    def _present(
        self, seen: Sequence[bpy.types.Object], unseen: Sequence[bpy.types.Object]
    ) -> Iterator[Change]:
        """Yield what makes these particles present in `real`, some unseen, and no others."""
        present = {*seen, *unseen}
        for made in self._particles.all():
            if made not in present and not made.hide_render:
                yield made, "hide_render", True
        for visible, objects in ((True, seen), (False, unseen)):
            for made in objects:
                if made.hide_render:
                    yield made, "hide_render", False
                if made.visible_camera != visible:
                    yield made, "visible_camera", visible
