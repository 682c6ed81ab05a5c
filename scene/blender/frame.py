"""One view of the specimen in Blender's scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
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
from scene.imaging.chain import WHITE, imaged
from scene.imaging.footprint import Footprint
from scene.imaging.frame import Frame, GeometryBuffers
from scene.specimen.imaging_chain import ImagingChain

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
            interest, overlapping = self._objects(self._interest), self._objects(self._overlapping)
            self._buffers = render_buffers(self._truth, interest, overlapping)
        return self._buffers

    def buffers_scene(self) -> AbstractContextManager[bpy.types.Scene]:
        """Return a context with the scene that the buffers are rendered in."""
        shown = self._objects(self._interest | self._overlapping)
        return buffers_scene(self._truth, [made for _, made in shown])

    def footprints(self) -> Iterator[tuple[int, Footprint]]:
        """Yield the id of each particle of interest and the pixels that it would show alone."""
        truth, particles = self._truth, self._objects(self._interest)
        camera, shown = truth.camera(), [made for _, made in particles]
        with buffers_scene(truth, shown) as scene, temporarily(as_rendered([camera, *shown])):
            layer = scene.view_layers[0]
            layer.update()
            yield from seen_footprints(layer.depsgraph, camera, truth.settings.size, particles)

    def real(self) -> NDArray[np.uint8]:
        """Render with the technique's own materials and light: (height, width) gray."""
        self._truth.camera()  # or there is nothing to render
        scene = self._truth.technique
        with temporarily([*self._present(), (rendered_layer(scene), "use_pass_combined", True)]):
            combined = render_passes(scene, self._truth.settings.size)["Combined"]
        gray = combined @ np.array(LUMINANCE, dtype=np.float32)
        return imaged(gray * np.float32(WHITE), self._chain, self._stream)

    def xray(self) -> NDArray[np.uint8]:
        """Render all particles of interest as translucent: (height, width) gray."""
        return render_xray(self._truth, [made for _, made in self._objects(self._interest)])

    def _objects(self, ids: frozenset[int]) -> list[tuple[int, bpy.types.Object]]:
        """Return pairs of id and object, by id."""
        return [(key, self._particles[key]) for key in sorted(ids)]

    def _present(self) -> Iterator[Change]:
        """Yield what shows the particles of interest in `real`, and no others."""
        for particle_id, made in self._particles.items():
            seen = particle_id in self._interest
            absent = not seen and particle_id not in self._overlapping
            if made.hide_render != absent:
                yield made, "hide_render", absent
            if not absent and made.visible_camera != seen:
                yield made, "visible_camera", seen
