"""Particles in Blender, kept in step with their features."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import final

import bpy  # noqa: TID253
import numpy as np

from scene.blender.families import Families
from scene.blender.materials import MaterialKey, MaterialLibrary
from scene.blender.meshes import MeshKey, MeshLibrary, Pose, ShapeKey
from scene.blender.points import PARTICLE_ID, Cloud, Sphere
from scene.blender.render import Change, temporarily
from scene.prototypes.base import Fidelity
from scene.recipe.registry import Registry
from scene.specimen.specimen import LARGEST_PARTICLE_ID, Particle


@final
class ParticleObjects:
    """The particles in Blender's scene: spheres as points of clouds, others as objects.

    Objects share their meshes, so that Cycles instances them.

    Parameters
    ----------
    registry
        Where prototypes are found.
    materials
        What the particles wear.
    collection
        That the objects are put into.
    fidelity
        `reference` has no clouds.
    """

    def __init__(
        self,
        registry: Registry,
        materials: MaterialLibrary,
        collection: bpy.types.Collection,
        fidelity: Fidelity,
    ) -> None:
        self._meshes = MeshLibrary(registry, materials, fidelity)
        self._materials = materials
        self.collection = collection
        self._held: dict[int, Particle] = {}
        self._objects: dict[int, bpy.types.Object] = {}
        self._clouds: dict[MaterialKey, Cloud] = {}
        self._synced: dict[int, tuple[MeshKey, Pose]] = {}
        self.families = Families(registry)

    def all(self) -> list[bpy.types.Object]:
        """Return all objects, in the order in which they were made."""
        return [*self._objects.values(), *(cloud.object for cloud in self._clouds.values())]

    @contextmanager
    def selected(
        self, ids: Collection[int], beside: Collection[int] = ()
    ) -> Iterator[list[bpy.types.Object]]:
        """Yield objects that together are these particles and no others.

        Of a cloud with others in it, and of a particle that has grown together with others, there
        is a copy in the collection until the block ends.

        Parameters
        ----------
        ids
            Of the particles.
        beside
            Ids of others that are present, so that the particles may have grown together with them.
        """
        wanted = np.zeros(LARGEST_PARTICLE_ID + 1, dtype=bool)
        wanted[list(ids)] = True
        alone = [key for key in sorted(ids) if key in self._objects]
        whole = [self._objects[key] for key in alone if key not in self.families]
        parts = []
        pieces: list[bpy.types.Object] = []
        try:
            present = {*ids, *beside}
            for key in alone:
                if key in self.families:
                    self._show_part(key, present, whole, pieces)
            for cloud in self._clouds.values():
                held = cloud.holds(wanted)
                if held.all():
                    whole.append(cloud.object)
                elif held.any():
                    parts.append(cloud.part(held))
            yield [*whole, *pieces, *parts]
        finally:
            Cloud.remove(parts)
            bpy.data.batch_remove(pieces)
            self.families.discard_unused()

    def fuse(self) -> None:
        """Let all objects have the shapes that they have with all particles present."""
        with self.selected(self._objects):
            pass

    @contextmanager
    def shapes(
        self, ids: Collection[int], beside: Collection[int] = ()
    ) -> Iterator[list[bpy.types.Object]]:
        """Yield what `selected` does, with one mesh for all that differ in their material alone.

        For renders in one material, in which Cycles then instances them.
        """
        with self.selected(ids, beside) as objects, temporarily(self._of_one_mesh(objects)):
            yield objects

    def _of_one_mesh(self, objects: Iterable[bpy.types.Object]) -> Iterator[Change]:
        shared: dict[ShapeKey, bpy.types.Mesh] = {}
        for made in objects:
            particle_id = made.get(PARTICLE_ID)  # None of a cloud
            if particle_id in self._synced and particle_id not in self.families:
                (shape, _), _ = self._synced[particle_id]
                mesh = shared.setdefault(shape, made.data)
                if made.data != mesh:
                    yield made, "data", mesh

    @contextmanager
    def bodies(self, ids: Iterable[int]) -> Iterator[list[bpy.types.Object]]:
        """Yield an object with a mesh for each particle, in the same order, until the block ends.

        Spheres have one, too, which they need in simulations and wherever a surface is asked for.
        Those that grow together with others are as if each were alone.
        """
        made: list[bpy.types.Object] = []
        bodies = []
        try:
            for particle_id in ids:
                body = self._objects.get(particle_id)
                if body is None or particle_id in self.families:
                    particle = self._held[particle_id]
                    body = self._new_object(particle, *self._meshes.state(particle))
                    made.append(body)
                bodies.append(body)
            yield bodies
        finally:
            bpy.data.batch_remove(made)

    def sync(self, particles: Iterable[Particle]) -> bool:
        """Make, change and remove objects until they match; return whether anything changed."""
        changed = False
        self._held = {particle.id: particle for particle in particles}
        if self.families.sync(self._held.values()):
            # What they are made of changes with any of their neighbours.
            for particle_id in [held for held in self._synced if held in self.families]:
                del self._synced[particle_id]
            changed = True
        alone: set[int] = set()
        spheres: dict[MaterialKey, list[Sphere]] = {}
        for particle in self._held.values():
            mesh_key, pose = self._meshes.state(particle)
            (size, *others), (x, y, z), _ = pose
            if self._meshes.may_be_point(mesh_key) and others == [size, size]:
                sphere = particle.id, x, y, z, size / 2
                spheres.setdefault(mesh_key[1], []).append(sphere)
                continue
            alone.add(particle.id)
            if self._synced.get(particle.id) != (mesh_key, pose):
                self._update(particle, mesh_key, pose)
                self._synced[particle.id] = mesh_key, pose
                changed = True
        gone = [key for key in self._objects if key not in alone]
        for particle_id in gone:
            del self._synced[particle_id]
        bpy.data.batch_remove([self._objects.pop(particle_id) for particle_id in gone])
        empty = [key for key in self._clouds if key not in spheres]
        Cloud.remove([self._clouds.pop(key).object for key in empty])
        for key, held in spheres.items():
            if key not in self._clouds:
                self._clouds[key] = Cloud(self._materials.material(key), self.collection)
            changed |= self._clouds[key].fill(held)
        return bool(changed or gone or empty)

    def _update(self, particle: Particle, mesh_key: MeshKey, pose: Pose) -> None:
        made = self._objects.get(particle.id)
        if made is None:
            self._objects[particle.id] = self._new_object(particle, mesh_key, pose)
            return
        mesh = self._meshes.mesh(mesh_key)
        if made.data != mesh:
            made.data = mesh
        _place(made, pose)

    def _show_part(
        self,
        particle_id: int,
        present: Collection[int],
        whole: list[bpy.types.Object],
        pieces: list[bpy.types.Object],
    ) -> None:
        """Add a particle's object to `whole`, or a copy to `pieces` if some neighbours are away."""
        beside = self.families.beside(particle_id, present)
        mesh = self.families.mesh(particle_id, beside)
        if mesh is None:
            return
        own = self._objects[particle_id]
        material = self._materials.material(self._synced[particle_id][0][1])
        if not mesh.materials:
            mesh.materials.append(material)
        elif mesh.materials[0] != material:
            mesh.materials[0] = material
        if beside == self.families.beside(particle_id):
            whole.append(own)
        else:
            own = own.copy()
            self.collection.objects.link(own)
            pieces.append(own)
        own.data, own.rotation_euler = mesh, (0.0, 0.0, 0.0)

    def _new_object(self, particle: Particle, mesh_key: MeshKey, pose: Pose) -> bpy.types.Object:
        name = f"{particle.blueprint}.{particle.index:05d}"
        made = bpy.data.objects.new(name, self._meshes.mesh(mesh_key))
        made[PARTICLE_ID] = particle.id
        _place(made, pose)
        self.collection.objects.link(made)
        return made


def _place(made: bpy.types.Object, pose: Pose) -> None:
    made.scale, made.location, made.rotation_euler = pose
