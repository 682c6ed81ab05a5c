"""One view of the specimen in Blender's scene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import final

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.buffers import render_buffers
from scene.blender.outline import seen_footprints
from scene.blender.particles import ParticleObjects
from scene.blender.render import Change, render_passes, temporarily
from scene.blender.xray import render_xray
from scene.errors import RenderError
from scene.footprint import Footprint
from scene.rendering.base import Frame, GeometryBuffers

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear red, green and blue in a gray value (ITU-R BT.709)."""


@final
class BlenderFrame(Frame):
    """The particles of interest and those overlapping them; all others are absent.

    Parameters
    ----------
    scene
        The scene in its base state, which is that of `real`; every render restores it.
    particles
        The specimen's objects.
    interest, overlapping
        Particle ids. A particle in both counts as of interest.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        particles: ParticleObjects,
        interest: frozenset[int],
        overlapping: frozenset[int],
    ) -> None:
        self._scene = scene
        self._particles = particles
        self._interest = interest
        self._overlapping = overlapping - interest
        self._buffers: GeometryBuffers | None = None
        self.buffer_renders = 0

    @property
    def buffers(self) -> GeometryBuffers:
        """The geometry buffers, rendered at the first use."""
        if self._buffers is None:
            with self.particles_alone():
                self._buffers = render_buffers(self._require_camera(), self._interest)
            self.buffer_renders += 1
        return self._buffers

    def particles_alone(self) -> AbstractContextManager[None]:
        """Hide everything but the frame's particles while the block runs."""
        shown = self._interest | self._overlapping
        return temporarily([*self._only(shown), *self._technique_hidden()])

    def footprints(self) -> Mapping[int, Footprint]:
        """Return the pixels that each particle of interest would show if it were alone, by id."""
        shown = [(key, self._particles[key]) for key in sorted(self._interest)]
        return seen_footprints(self._require_camera(), shown)

    def real(self) -> NDArray[np.uint8]:
        """Render with the technique's own materials and light: (height, width) gray."""
        unseen = [(self._particles[key], "visible_camera", False) for key in self._overlapping]
        with temporarily([*self._only(self._interest | self._overlapping), *unseen]):
            combined = render_passes(self._require_camera())["Combined"]
        gray = combined @ np.array(LUMINANCE, dtype=np.float32)
        return np.rint(np.clip(gray, 0.0, 1.0) * 255.0).astype(np.uint8)

    def xray(self) -> NDArray[np.uint8]:
        """Render all particles of interest as translucent: (height, width) gray."""
        with temporarily([*self._only(self._interest), *self._technique_hidden()]):
            return render_xray(self._require_camera())

    def _require_camera(self) -> bpy.types.Scene:
        if self._scene.camera is None:
            raise RenderError(
                "there is no measurement technique to take an image with; invoke its blueprint "
                "before rendering"
            )
        return self._scene

    def _only(self, shown: frozenset[int]) -> Iterator[Change]:
        for particle_id, made in self._particles.items():
            if particle_id not in shown:
                yield made, "hide_render", True

    def _technique_hidden(self) -> Iterator[Change]:
        particles = {made for _, made in self._particles.items()}
        for other in self._scene.objects:
            if other not in particles and not other.hide_render:
                yield other, "hide_render", True
