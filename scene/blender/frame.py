"""One view of the specimen in Blender's scene."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, final

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.buffers import buffers_scene, render_buffers
from scene.blender.camera import check_looks_down, pixel_size
from scene.blender.ground_truth import GroundTruth
from scene.blender.image_formation import ImageFormation, signal_of
from scene.blender.outline import seen_footprints
from scene.blender.particles import ParticleObjects
from scene.blender.render import (
    Change,
    render_developed,
    render_passes,
    rendered_layer,
    temporarily,
)
from scene.blender.surfaces import as_rendered, world_surfaces
from scene.blender.thickness import in_bodies, seen_thickness
from scene.blender.walls import without_walls
from scene.blender.xray import render_xray
from scene.imaging.bar_rows import BarRows
from scene.imaging.footprint import Footprint
from scene.imaging.frame import Frame
from scene.imaging.sampling import Sampling
from scene.imaging.shading import GROUND
from scene.microscopy.chain import Gray, imaged
from scene.microscopy.color import LUMINANCE, in_color
from scene.microscopy.data_bar import draw
from scene.microscopy.geometry import GeometryBuffers
from scene.microscopy.image_model import ImageModel, Stream
from scene.microscopy.raster import Raster
from scene.microscopy.scan import positions
from scene.microscopy.thickness import Thickness
from scene.microscopy.view import View
from scene.shapes.mesh import TriangleMesh


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
    formation
        What decides `real`.
    stream
        Returns the generator of a stage of the chain by its name, the same at every call.
    shared_stream
        The same for what all views of a specimen have in common, such as its ground.
    roots
        Id of the agglomerate's root for each particle of the specimen that has a parent.
    """

    def __init__(
        self,
        truth: GroundTruth,
        particles: ParticleObjects,
        interest: frozenset[int],
        overlapping: frozenset[int],
        formation: ImageFormation,
        stream: Stream,
        shared_stream: Stream,
        roots: Mapping[int, int],
    ) -> None:
        self._without_margin = truth
        self._particles = particles
        self._interest = interest
        self._overlapping = overlapping - interest
        self._formation = formation
        self._stream = stream
        self._shared_stream = shared_stream
        self._roots = roots

    @cached_property
    def buffers(self) -> GeometryBuffers:
        """The geometry buffers, rendered at the first use."""
        whole = self._whole_buffers
        return GeometryBuffers(
            depth=self._shown(whole.depth, np.inf),
            normal=self._shown(whole.normal, 0.0),
            instance=self._shown(whole.instance, 0),
        )

    @property
    def roots(self) -> Mapping[int, int]:
        """Id of the agglomerate's root for each particle that has a parent, by its id."""
        return self._roots

    @property
    def specimen_rows(self) -> int:
        """How many rows from the top show the specimen; those below them show a data bar."""
        return self._bar_rows.specimen

    @contextmanager
    def buffers_scene(self) -> Iterator[bpy.types.Scene]:
        """Make the scene that the buffers are rendered in, until the block ends."""
        with (
            self._shapes(self._interest | self._overlapping) as shown,
            buffers_scene(self._truth, shown) as scene,
        ):
            yield scene

    def footprints(self) -> Iterator[tuple[int, Footprint]]:
        """Yield the id of each particle of interest and the pixels that it would show alone."""
        truth, camera = self._truth, self._truth.camera()
        sampling = self._sampling
        with (
            self._shapes(self._interest) as shown,
            buffers_scene(truth, shown) as scene,
            temporarily(as_rendered([camera, *shown])),
        ):
            layer = scene.view_layers[0]
            layer.update()
            for particle_id, whole in seen_footprints(layer.depsgraph, camera, truth.size, shown):
                yield particle_id, self._bar_rows.footprint(sampling.footprint(whole))

    def surfaces(self) -> dict[int, TriangleMesh]:
        """Return the surface of each particle of interest in world space, by id, ascending."""
        whole = world_surfaces(self._particles, self._interest)
        return whole | self._particles.families.outer_surfaces(self._interest, self._overlapping)

    def real(self) -> Gray:
        """Take the image as the technique does."""
        formation, raster = self._formation, self._raster
        image = self._developed() if formation.develops else self._gray()
        image = in_color(image, formation.color_mode)
        if not self._bar_rows.bar:
            return image
        bar = draw(raster.width, raster.pixel_nm, formation.chain.data_bar)
        brightest = np.iinfo(image.dtype).max // np.iinfo(bar.dtype).max
        bar = in_color(bar.astype(image.dtype) * brightest, formation.color_mode)
        return self._bar_rows.with_bar(image, bar)

    def _developed(self) -> Gray:
        """Render with the technique's own view transform; the imaging chain has no part in it."""
        mode, depth = self._formation.color_mode, self._truth.settings.bit_depth
        with self._as_in_real() as scene:
            return render_developed(scene, self._truth.size, mode, depth)

    def _gray(self) -> Gray:
        """Take the image as the imaging chain makes it, (height, width)."""
        model = self._formation.model
        signal = self._path_traced() if model is None else self._computed(model)
        chain, raster = self._formation.chain, self._raster
        if not chain.film.is_neutral:
            unit = self._formation.scene_unit_nm
            signal = signal * chain.film.behind(raster, unit, self._shared_stream)
        return imaged(
            signal,
            raster,
            chain,
            self._stream,
            heights=lambda: self._height(self._unhidden_buffers),
            bit_depth=self._truth.settings.bit_depth,
            positions=self._sampling.positions,
        )

    def xray(self) -> NDArray[np.uint8]:
        """Render all particles of interest as translucent: (height, width) gray."""
        with self._shapes(self._interest) as shown:
            if self._sampling.positions is None:  # nothing from beyond the frame is seen
                return self._bar_rows.image(render_xray(self._without_margin, shown), GROUND)
            return self._shown(render_xray(self._truth, shown), GROUND)

    def _selected(self, ids: frozenset[int]) -> AbstractContextManager[list[bpy.types.Object]]:
        """Return some of the frame's particles, as they are with all of them present."""
        return self._particles.selected(ids, self._interest | self._overlapping)

    def _shapes(self, ids: frozenset[int]) -> AbstractContextManager[list[bpy.types.Object]]:
        """Return the same for renders in one material, with one mesh for all of one shape."""
        return self._particles.shapes(ids, self._interest | self._overlapping)

    @property
    def _bar_rows(self) -> BarRows:
        return self._without_margin.settings.bar_rows

    def _shown(self, whole: NDArray[Any], nothing: float) -> NDArray[Any]:
        """Return what of an array with a margin the frame shows, and `nothing` beneath a bar."""
        return self._bar_rows.image(self._sampling.image(whole), nothing)

    @cached_property
    def _raster(self) -> Raster:
        camera, size = self._without_margin.camera(), self._without_margin.settings.size
        if self._formation.needs_scale or self._bar_rows.bar:
            check_looks_down(camera)
        scale = pixel_size(camera, size) or math.nan  # a perspective has none
        frame = Raster(*size, margin=0, pixel_nm=scale * self._formation.scene_unit_nm)
        return replace(frame, margin=self._formation.margin(frame))

    @cached_property
    def _truth(self) -> GroundTruth:
        return replace(self._without_margin, margin=self._raster.margin)

    @cached_property
    def _sampling(self) -> Sampling:
        scan = self._formation.chain.scan
        if scan.is_neutral:
            return Sampling(self._raster)
        return Sampling(self._raster, positions(self._raster, scan, self._shared_stream))

    @cached_property
    def _whole_buffers(self) -> GeometryBuffers:
        """The frame's buffers with its margin."""
        return self._rendered_buffers(self._interest, self._overlapping)

    @cached_property
    def _unhidden_buffers(self) -> GeometryBuffers:
        """The same as if there were no overlapping particles."""
        if not self._overlapping:
            return self._whole_buffers
        return self._rendered_buffers(self._interest, frozenset())

    def _rendered_buffers(
        self, interest: frozenset[int], overlapping: frozenset[int]
    ) -> GeometryBuffers:
        with self._shapes(interest | overlapping) as shown:
            return render_buffers(self._truth, shown, interest, overlapping)

    def _computed(self, model: ImageModel) -> NDArray[np.float32]:
        """Return the signal that a model computes from what there is to see."""
        raster, formation = self._raster, self._formation
        buffers, unseen = self._unhidden_buffers, None
        if self._overlapping:
            unseen = self._height(self._rendered_buffers(self._overlapping, frozenset()))
        view = View(
            raster=raster,
            buffers=buffers.read_only(),
            height=self._height(buffers),
            unseen_height=unseen,
            ground=formation.ground,
            particles=formation.particles,
            thickness=self._thickness if model.looks_through else tuple,
        )
        return signal_of(model, view, self._shared_stream)

    def _thickness(self) -> Iterator[list[Thickness]]:
        """Yield the thickness of each body of interest, by its parts."""
        truth, camera, unit = self._truth, self._truth.camera(), self._formation.scene_unit_nm
        with (
            self._shapes(self._interest) as shown,
            buffers_scene(truth, shown) as scene,
            temporarily(as_rendered([camera, *shown])),
        ):
            layer = scene.view_layers[0]
            layer.update()
            found = seen_thickness(
                layer.depsgraph, camera, truth.size, shown, self._ground_depth, unit
            )
            yield from in_bodies(found, self._particles.families.bodies(self._interest))

    def _height(self, buffers: GeometryBuffers) -> NDArray[np.float32]:
        """Return how high above the ground in nm lies what is seen; the ground's own height is 0.

        Right for a camera that looks down.
        """
        ground = np.float32(self._ground_depth)
        above = np.where(buffers.instance > 0, ground - buffers.depth, np.float32(0.0))
        return above * np.float32(self._formation.scene_unit_nm)

    @property
    def _ground_depth(self) -> float:
        """How far below the camera the ground is, in scene units."""
        top: float = self._truth.camera().matrix_world.translation.z
        return top - self._formation.ground_height

    def _path_traced(self) -> NDArray[np.float32]:
        """Render with the technique's own materials and light."""
        with self._as_in_real() as scene:
            combined = render_passes(scene, self._truth.size)["Combined"]
        gray: NDArray[np.float32] = combined @ np.array(LUMINANCE, dtype=np.float32)
        return gray

    @contextmanager
    def _as_in_real(self) -> Iterator[bpy.types.Scene]:
        """Make the technique's scene show the particles in the frame, until the block ends."""
        truth = self._truth
        scene = truth.technique
        with (
            self.present(),
            temporarily(truth.framing(scene)),
            temporarily([(rendered_layer(scene), "use_pass_combined", True)]),
        ):
            yield scene

    @contextmanager
    def present(self) -> Iterator[None]:
        """Make the technique's scene hold these particles alone, until the block ends."""
        with (
            self._selected(self._interest) as pieces,
            self._selected(self._overlapping) as unseen,
            without_walls(
                self._particles, pieces, self._interest, self._interest | self._overlapping
            ) as seen,
            temporarily(self._present(seen, unseen)),
        ):
            yield

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
