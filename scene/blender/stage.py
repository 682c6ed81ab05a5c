"""Blender's scene, kept in step with the specimen."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, final

import bpy  # noqa: TID253

from scene.blender.bodies import Solid, bodies_of
from scene.blender.camera import pixel_size
from scene.blender.electron_surfaces import ElectronSurfaces
from scene.blender.frame import BlenderFrame
from scene.blender.ground_truth import GroundTruth
from scene.blender.image_formation import ImageFormation, formation_of
from scene.blender.materials import MaterialLibrary
from scene.blender.particles import ParticleObjects
from scene.blender.physics import relaxed, resting_poses
from scene.blender.render import Change, change, framing
from scene.blender.rendering import Rendering, rendering_of
from scene.blender.saving import save_scene
from scene.blender.surfaces import world_surfaces
from scene.errors import SimulationError
from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.balls import ball_diameter
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.technique import SUBSTRATE, Container, MeasurementTechniquePrototype
from scene.shapes.mesh import TriangleMesh
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.specimen import MeasurementTechnique, Particle, Specimen
from scene.specimen.values import values

if TYPE_CHECKING:
    from scene.blender.session import Session
    from scene.recipe.registry import Registry
    from scene.recipe.schema import RenderSettings
    from scene.specimen.features import FeatureValue
    from scene.specimen.streams import Streams

_FRAMES_KEPT = 4


@final
class Stage:
    """One run's scene. Made right after the session's reset, of no use after the next one.

    Parameters
    ----------
    session
        The Blender that holds the scene.
    registry
        Where prototypes are found.
    render_settings
        Size of the images, largest number of samples, and fidelity.
    streams
        Source of Cycles' seed and of the noise that images get.
    """

    def __init__(
        self,
        session: Session,
        registry: Registry,
        render_settings: RenderSettings,
        streams: Streams,
    ) -> None:
        self._registry = registry
        self._streams = streams
        self._session = session
        self._scene = bpy.context.scene
        self._truth = GroundTruth(self._scene, render_settings, session.set_up)
        self._materials = MaterialLibrary(registry, render_settings.fidelity)
        self._electron_surfaces = ElectronSurfaces(registry)
        self._collection = bpy.data.collections.new("Particles")
        self._scene.collection.children.link(self._collection)
        self._particles = ParticleObjects(
            registry, self._materials, self._collection, render_settings.fidelity
        )
        self._roots: dict[int, int] = {}
        self._technique: tuple[str, str | None, dict[str, FeatureValue]] | None = None
        self._formation = ImageFormation()
        self._frames: OrderedDict[tuple[frozenset[int], frozenset[int]], BlenderFrame]
        self._frames = OrderedDict()
        self._apply(render_settings, streams.integer("cycles"))

    def sync(self, specimen: Specimen) -> None:
        """Bring the scene up to the specimen's features."""
        for technique in specimen.techniques:
            self._materials.fill_volume(technique.volume_material, technique.features)
        changed = self._particles.sync(specimen.particles)
        roots = {p.id: p.parent for p in specimen.particles if p.parent is not None}
        changed |= roots != self._roots
        self._roots = roots
        for technique in specimen.techniques:
            changed |= self._sync_technique(technique)
        change(self._unmeddled())
        computed = self._formation.model is not None
        if computed:
            changed |= self._electron_surfaces.sync(specimen.particles)
        if changed:
            self._frames.clear()
            bpy.context.view_layer.update()
            if computed:
                surfaces = self._electron_surfaces.of_particles()
                self._formation = replace(self._formation, particles=surfaces)

    def relax(
        self,
        specimen: Specimen,
        particle_ids: frozenset[int],
        settings: RelaxationSettings,
        saved: Path | None = None,
    ) -> None:
        """Let particles fall and push each other apart; write their new poses to the specimen.

        Particles that hang on another one move with that, whether in `particle_ids` or not; all
        others take no part.

        Parameters
        ----------
        saved
            Where to save the scene as the simulation leaves it, bodies and cache in place; None to
            leave that.

        Raises
        ------
        SimulationError
            If a pose is not finite; then all particles keep theirs.
        """
        self.sync(specimen)
        agglomerates = specimen.agglomerates(particle_ids)
        save = None if saved is None else partial(self.save, saved)
        members = [particle for own in agglomerates for particle in own]
        with (
            self._particles.bodies(particle.id for particle in members) as objects,
            bodies_of(self._solids(agglomerates, iter(objects)), settings) as bodies,
        ):
            starts = [body.start for body in bodies]
            ends = relaxed(self._scene, bodies, self._containers(specimen), settings, save)
        moved = [
            (particle, pose)
            for particles, start, end in zip(agglomerates, starts, ends, strict=True)
            for particle, pose in resting_poses(particles, start, end)
        ]
        for particle, pose in moved:
            if not all(map(math.isfinite, (*pose["location"], *pose["rotation"]))):
                raise SimulationError(
                    f"the simulation left {particle.label} at no finite place: "
                    f"{pose['location']}, turned by {pose['rotation']}"
                )
        for particle, pose in moved:
            particle.rest(pose)
        self.sync(specimen)

    def surfaces(self, specimen: Specimen, particle_ids: frozenset[int]) -> dict[int, TriangleMesh]:
        """Return the surfaces of particles in world space, spheres as the meshes they stand for."""
        self.sync(specimen)
        return world_surfaces(self._particles, particle_ids)

    def save(self, path: Path) -> None:
        """Save the scene as a compressed Blender file that opens as rendered by `real`."""
        self._particles.fuse()
        save_scene(path)

    def save_view(self, path: Path, interest: frozenset[int], overlapping: frozenset[int]) -> None:
        """Save the scene as `real` renders a view of some particles; all others are hidden."""
        with self.frame(interest, overlapping).present():
            self.save(path)

    def rendering(self) -> Rendering:
        """Return how `real` is made, as plain values."""
        return rendering_of(self._scene, self._truth.settings.fidelity, self._formation)

    def pixel_size_nm(self) -> float | None:
        """Return the side of a pixel on the specimen in nm; None for a perspective."""
        size = pixel_size(self._truth.camera(), self._truth.settings.size)
        return None if size is None else size * self._truth.settings.scene_unit_nm

    def frame(
        self, interest: frozenset[int], overlapping: frozenset[int] = frozenset()
    ) -> BlenderFrame:
        """Return the view of some particles; the same one until the specimen changes.

        Parameters
        ----------
        interest
            Ids of the particles to show.
        overlapping
            Ids of those that are present without being shown.
        """
        key = (interest, overlapping)
        if key not in self._frames:
            if len(self._frames) == _FRAMES_KEPT:
                self._frames.popitem(last=False)
            # Images of different particles differ in noise; those of the same are the same.
            shown = [" ".join(map(str, sorted(ids))) for ids in key]
            self._frames[key] = BlenderFrame(
                self._truth,
                self._particles,
                interest,
                overlapping,
                self._formation,
                lambda stage: self._streams.counted(stage, *shown),
                self._streams.counted,
                self._roots,
            )
        self._frames.move_to_end(key)
        return self._frames[key]

    def _solids(
        self, agglomerates: Sequence[Sequence[Particle]], objects: Iterator[bpy.types.Object]
    ) -> list[list[Solid]]:
        def solid(particle: Particle) -> Solid:
            geometry = self._registry.prototype(GeometryPrototype, particle.geometry)
            made, is_ball = next(objects), ball_diameter(particle, geometry) is not None
            if len({*made.scale}) > 1:
                return Solid(made)
            return Solid(
                made, is_ball, geometry.balls(values(particle.features, geometry.features))
            )

        return [[solid(particle) for particle in own] for own in agglomerates]

    def _containers(self, specimen: Specimen) -> list[Container]:
        found = (
            self._registry.prototype(MeasurementTechniquePrototype, technique.prototype)
            for technique in specimen.techniques
        )
        return [held for prototype in found for held in prototype.containers(self._scene)]

    def _sync_technique(self, technique: MeasurementTechnique) -> bool:
        state = technique.prototype, technique.background_material, dict(technique.features)
        if self._technique == state:
            return False
        prototype = self._registry.prototype(MeasurementTechniquePrototype, technique.prototype)
        settings = self._truth.settings
        if self._technique is None:
            self._move_to(prototype.scene(self._scene))
            prototype.build(self._scene, settings.resolution, settings.fidelity)
        self._technique = state
        own = values(technique.features, prototype.features)
        prototype.apply(self._scene, own, settings.fidelity)
        self._formation = formation_of(
            prototype, technique, own, settings, lambda: self._ground_surface(technique)
        )
        image = self._scene.render.image_settings
        image.color_mode = self._formation.color_mode
        image.color_depth = str(settings.bit_depth)
        self._sync_substrate(technique)
        return True

    def _move_to(self, scene: bpy.types.Scene) -> None:
        """Make a scene that a technique brings the one that is rendered, with all particles."""
        former, settings = self._scene, self._truth.settings
        if scene == former:
            return
        bpy.context.window.scene = scene
        scene.collection.children.link(self._collection)
        bpy.data.scenes.remove(former)
        scene.name = "Scene"
        self._session.set_up(scene)
        self._scene = scene
        self._truth = GroundTruth(scene, settings, self._session.set_up)
        self._apply(settings, self._streams.integer("cycles"))

    def _ground_material(self, technique: MeasurementTechnique) -> str | None:
        """Return the name of what the substrate is made of; None if there is no substrate."""
        name = technique.background_material
        if name is None or self._registry.prototype(MaterialPrototype, name).is_nothing:
            return None
        return name

    def _ground_surface(self, technique: MeasurementTechnique) -> ElectronSurface | None:
        name = self._ground_material(technique)
        return None if name is None else self._electron_surfaces.of(name, technique.features)

    def _sync_substrate(self, technique: MeasurementTechnique) -> None:
        substrate = self._scene.objects.get(SUBSTRATE)
        if substrate is None:
            return
        name = self._ground_material(technique)
        substrate.hide_render = name is None
        substrate.data.materials.clear()
        self._materials.discard_unused()
        if name is not None:
            key = self._materials.key(name, technique.features)
            substrate.data.materials.append(self._materials.material(key))

    def _unmeddled(self) -> Iterator[Change]:
        """Yield what makes `real` show what ground truth shows, if a technique changed it."""
        yield from framing(self._scene, self._truth.settings)
        yield self._collection, "hide_render", False
        yield self._collection, "hide_viewport", False
        for layer in self._scene.view_layers:
            found = layer.layer_collection.children.get(self._collection.name)
            if found is not None:
                yield found, "exclude", False
                yield found, "holdout", False
                yield found, "indirect_only", False

    def _apply(self, settings: RenderSettings, cycles_seed: int) -> None:
        change(framing(self._scene, settings))  # a technique's prototype may look there
        render = self._scene.render
        render.image_settings.media_type = "IMAGE"
        render.image_settings.file_format = "PNG"
        render.filepath = "//real.png"
        self._scene.cycles.samples = settings.max_samples
        self._scene.cycles.seed = cycles_seed
