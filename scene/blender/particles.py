"""Particles in Blender, kept in step with their features."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, final

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.families import Families
from scene.blender.points import PARTICLE_ID, Cloud, Sphere
from scene.blender.refraction import immerse, index_of_refraction
from scene.blender.render import Change, temporarily
from scene.language.plugin_code import described, given
from scene.microscopy.electron_surface import ElectronSurface
from scene.prototypes.base import (
    PARTICLE_FEATURES,
    Fidelity,
    GeometryPrototype,
    MaterialPrototype,
    ProceduralGeometry,
    Prototype,
)
from scene.prototypes.surface_mesh import SurfaceMeshes, surface_mesh
from scene.recipe.registry import Registry
from scene.shapes.mesh import TriangleMesh, joint
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import DIMENSIONS, LARGEST_PARTICLE_ID, Particle
from scene.specimen.values import values

type PrototypeKey = tuple[str, tuple[FeatureValue, ...]]
type MaterialKey = tuple[str, tuple[FeatureValue, ...], float]
"""Prototype, values of its features, and the index of refraction of what the material lies in."""
type MeshKey = tuple[PrototypeKey, MaterialKey]
type Pose = tuple[tuple[float, ...], ...]

_UNSCALED = (1.0, 1.0, 1.0)


@final
class MaterialLibrary:
    """Materials shared by all that have the same prototype and feature values."""

    def __init__(self, registry: Registry, fidelity: Fidelity) -> None:
        self._registry = registry
        self._fidelity = fidelity
        self._materials: dict[MaterialKey, bpy.types.Material] = {}
        self._surroundings = 1.0
        self._indices: dict[MaterialKey, float] = {}

    def fill_volume(self, name: str | None, features: Mapping[str, FeatureValue]) -> None:
        """Let particles lie in a material from now on; None for vacuum.

        Raises
        ------
        ValueError
            If the material has not exactly one index of refraction; the text is one sentence.
        """
        self._surroundings = 1.0
        if name is None or self._registry.prototype(MaterialPrototype, name).is_nothing:
            return
        key = self.key(name, features)
        if key not in self._indices:
            self._indices[key] = index_of_refraction(self.material(key))
        self._surroundings = self._indices[key]

    def particle_key(self, name: str, features: Mapping[str, FeatureValue]) -> MaterialKey:
        """Return what Blender's material of a particle depends on."""
        name, given_values, _ = self.key(name, features)
        return name, given_values, self._surroundings

    def key(self, name: str, features: Mapping[str, FeatureValue]) -> MaterialKey:
        """Return what Blender's material of prototype `name` depends on."""
        prototype = self._registry.prototype(MaterialPrototype, name)
        if unseen := prototype.electron_features:
            features = {key: value for key, value in features.items() if key not in unseen}
        return name, tuple(values(features, prototype.features).values()), 1.0

    def surface_key(self, name: str, features: Mapping[str, FeatureValue]) -> PrototypeKey:
        """Return what the surface of a material of prototype `name` depends on."""
        specs = self._registry.prototype(MaterialPrototype, name).features
        return name, tuple(values(features, specs).values())

    def material(self, key: MaterialKey) -> bpy.types.Material:
        """Return the material with that key, built at its first use."""
        if key not in self._materials:
            name, given_values, surroundings = key
            prototype = self._registry.prototype(MaterialPrototype, name)
            material = prototype.build(_named(prototype.features, given_values), self._fidelity)
            _check_built(prototype, material, bpy.types.Material)
            if surroundings != 1:
                immerse(material, surroundings)
            self._materials[key] = material
        return self._materials[key]

    def surface(self, key: PrototypeKey) -> ElectronSurface:
        """Return how the material with that `surface_key` answers an electron beam."""
        name, given_values = key
        prototype = self._registry.prototype(MaterialPrototype, name)
        surface = prototype.electron_surface(_named(prototype.features, given_values))
        return given(surface, ElectronSurface, type(prototype), "electron_surface")

    def discard_unused(self) -> None:
        """Remove the materials that nothing wears any more."""
        for key in [key for key, material in self._materials.items() if material.users == 0]:
            bpy.data.materials.remove(self._materials.pop(key))


@final
class ParticleObjects:
    """The particles in Blender's scene: spheres as points of clouds, others as objects.

    Objects share their meshes, so that Cycles instances them. A mesh carries its material: an
    object-level material would make Cycles copy the mesh.

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
        self._registry = registry
        self._materials = materials
        self._collection = collection
        self._has_clouds = fidelity == "fast"
        self._meshes: dict[MeshKey, bpy.types.Mesh] = {}
        self._shapes: dict[PrototypeKey, bpy.types.Mesh] = {}
        self._surfaces = SurfaceMeshes()
        self._held: dict[int, Particle] = {}
        self._objects: dict[int, bpy.types.Object] = {}
        self._clouds: dict[MaterialKey, Cloud] = {}
        self._synced: dict[int, tuple[MeshKey, Pose]] = {}
        self._are_spheres: dict[MeshKey, bool] = {}
        self._wearers: dict[PrototypeKey, list[int]] = {}
        self._families = Families(registry)

    def all(self) -> list[bpy.types.Object]:
        """Return all objects, in the order in which they were made."""
        return [*self._objects.values(), *(cloud.object for cloud in self._clouds.values())]

    def sync_surfaces(self, particles: Iterable[Particle]) -> bool:
        """Take over what particles are made of, for electrons; return whether that changed.

        Apart from `sync`, since only a technique that computes its image asks.
        """
        wearers: dict[PrototypeKey, list[int]] = defaultdict(list)
        for particle in particles:
            key = self._materials.surface_key(particle.material, particle.features)
            wearers[key].append(particle.id)
        changed = wearers != self._wearers
        self._wearers = wearers
        return changed

    def surfaces(self) -> dict[ElectronSurface, NDArray[np.intp]]:
        """Return how particles, as last synced, answer an electron beam, and who does so."""
        ids: dict[ElectronSurface, list[int]] = {}
        for key, wearers in self._wearers.items():
            ids.setdefault(self._materials.surface(key), []).extend(wearers)
        return {surface: np.array(own, dtype=np.intp) for surface, own in ids.items()}

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
        whole = [self._objects[key] for key in alone if key not in self._families]
        parts = []
        pieces: list[bpy.types.Object] = []
        try:
            present = {*ids, *beside}
            for key in alone:
                if key in self._families:
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
            self._families.discard_unused()

    def fuse(self) -> None:
        """Let all objects have the shapes that they have with all particles present."""
        with self.selected(self._objects):
            pass

    def grown_together(self, ids: Collection[int]) -> list[frozenset[int]]:
        """Return the groups of particles, among these, that are one body each."""
        return self._families.bodies(ids)

    def outer_surfaces(
        self, ids: Collection[int], beside: Collection[int]
    ) -> dict[int, TriangleMesh]:
        """Return what of the surface of grown-together particles is each one's, in world space.

        Of those among `ids` that do grow together with others; see `selected`.
        """
        present = {*ids, *beside}
        return {
            key: self._families.outer_surface(key, self._families.beside(key, present))
            for key in sorted(ids)
            if key in self._families
        }

    @contextmanager
    def without_walls(
        self, objects: Sequence[bpy.types.Object], ids: Collection[int], beside: Collection[int]
    ) -> Iterator[list[bpy.types.Object]]:
        """Yield the same particles, with one object for each body of a material that light enters.

        Until the block ends. Light that comes to a wall that two pieces share would meet it twice.
        Such a body is of the material of its first particle. One that goes on in particles that
        are not shown keeps its walls.

        Parameters
        ----------
        objects
            What `selected` yields.
        ids
            Of the particles that they are.
        beside
            Ids of all that are present.
        """
        pieces = {int(made[PARTICLE_ID]): made for made in objects if PARTICLE_ID in made}
        joined = []
        parted: list[bpy.types.Object] = []
        for body in map(sorted, self.grown_together(ids)):
            material = pieces[body[0]].data.materials[0]
            if not (_has_volume(material) and self._families.is_whole(body, beside)):
                continue
            mesh = surface_mesh("Body", joint(list(self.outer_surfaces(body, body).values())))
            mesh.materials.append(material)
            joined.append(bpy.data.objects.new("Body", mesh))
            self._collection.objects.link(joined[-1])
            parted += (pieces[key] for key in body)
        try:
            with temporarily((made, "hide_render", True) for made in parted):
                yield [*(made for made in objects if made not in parted), *joined]
        finally:
            meshes = [made.data for made in joined]
            bpy.data.batch_remove([*joined, *meshes])

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
        shared: dict[PrototypeKey, bpy.types.Mesh] = {}
        for made in objects:
            particle_id = made.get(PARTICLE_ID)  # None of a cloud
            if particle_id in self._synced and particle_id not in self._families:
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
                if body is None or particle_id in self._families:
                    particle = self._held[particle_id]
                    body = self._new_object(particle, *self._state(particle))
                    made.append(body)
                bodies.append(body)
            yield bodies
        finally:
            bpy.data.batch_remove(made)

    def sync(self, particles: Iterable[Particle]) -> bool:
        """Make, change and remove objects until they match; return whether anything changed."""
        changed = False
        self._held = {particle.id: particle for particle in particles}
        if self._families.sync(self._held.values()):
            # What they are made of changes with any of their neighbours.
            for particle_id in [held for held in self._synced if held in self._families]:
                del self._synced[particle_id]
            changed = True
        alone: set[int] = set()
        spheres: dict[MaterialKey, list[Sphere]] = {}
        for particle in self._held.values():
            mesh_key, pose = self._state(particle)
            (size, *others), (x, y, z), _ = pose
            if self._may_be_point(mesh_key) and others == [size, size]:
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
                self._clouds[key] = Cloud(self._materials.material(key), self._collection)
            changed |= self._clouds[key].fill(held)
        return bool(changed or gone or empty)

    def _may_be_point(self, key: MeshKey) -> bool:
        """Return whether a particle is drawn as a point if its dimensions are equal."""
        if key not in self._are_spheres:
            (geometry, shaping), (material, *_) = key
            shape = self._registry.prototype(GeometryPrototype, geometry)
            look = self._registry.prototype(MaterialPrototype, material)
            self._are_spheres[key] = (
                self._has_clouds
                and look.suits_points
                and shape.is_sphere(_named(_shaping(shape), shaping))
            )
        return self._are_spheres[key]

    def _state(self, particle: Particle) -> tuple[MeshKey, Pose]:
        shape = self._registry.prototype(GeometryPrototype, particle.geometry)
        geometry = particle.geometry, tuple(values(particle.features, _shaping(shape)).values())
        material = self._materials.particle_key(particle.material, particle.features)
        pose: Any = values(particle.features, PARTICLE_FEATURES)  # three vectors
        if shape.true_size:
            pose[DIMENSIONS] = _UNSCALED
        return (geometry, material), tuple(pose.values())

    def _update(self, particle: Particle, mesh_key: MeshKey, pose: Pose) -> None:
        made = self._objects.get(particle.id)
        if made is None:
            self._objects[particle.id] = self._new_object(particle, mesh_key, pose)
            return
        mesh = self._mesh(mesh_key)
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
        beside = self._families.beside(particle_id, present)
        mesh = self._families.mesh(particle_id, beside)
        if mesh is None:
            return
        own = self._objects[particle_id]
        material = self._materials.material(self._synced[particle_id][0][1])
        if not mesh.materials:
            mesh.materials.append(material)
        elif mesh.materials[0] != material:
            mesh.materials[0] = material
        if beside == self._families.beside(particle_id):
            whole.append(own)
        else:
            own = own.copy()
            self._collection.objects.link(own)
            pieces.append(own)
        own.data, own.rotation_euler = mesh, (0.0, 0.0, 0.0)

    def _new_object(self, particle: Particle, mesh_key: MeshKey, pose: Pose) -> bpy.types.Object:
        name = f"{particle.blueprint}.{particle.index:05d}"
        made = bpy.data.objects.new(name, self._mesh(mesh_key))
        made[PARTICLE_ID] = particle.id
        _place(made, pose)
        self._collection.objects.link(made)
        return made

    def _mesh(self, key: MeshKey) -> bpy.types.Mesh:
        if key not in self._meshes:
            shape, material = key
            if shape in self._shapes:
                mesh = self._shapes[shape].copy()  # Blender keeps what is equal in both once
                mesh.materials.clear()
            else:
                mesh = self._shapes[shape] = self._built(shape)
            mesh.materials.append(self._materials.material(material))
            self._meshes[key] = mesh
        return self._meshes[key]

    def _built(self, shape: PrototypeKey) -> bpy.types.Mesh:
        name, shaping = shape
        geometry = self._registry.prototype(GeometryPrototype, name)
        features = _named(_shaping(geometry), shaping)
        if type(geometry).build is ProceduralGeometry.build:
            assert isinstance(geometry, ProceduralGeometry)
            return self._surfaces.mesh(type(geometry).__name__, geometry.surface(features))
        mesh = geometry.build(features)
        _check_built(geometry, mesh, bpy.types.Mesh)
        return mesh


def _shaping(geometry: GeometryPrototype) -> tuple[FeatureSpec, ...]:
    """Return the features that a geometry's mesh depends on."""
    applied = {spec.name for spec in PARTICLE_FEATURES}  # to the object
    own = [spec for spec in geometry.features if spec.name not in applied and not spec.alias_of]
    if geometry.true_size:
        own += [spec for spec in PARTICLE_FEATURES if spec.name == DIMENSIONS]
    return tuple(own)


def _place(made: bpy.types.Object, pose: Pose) -> None:
    made.scale, made.location, made.rotation_euler = pose  # as `PARTICLE_FEATURES` go


def _named(specs: Iterable[FeatureSpec], values: Iterable[FeatureValue]) -> dict[str, FeatureValue]:
    return {spec.name: value for spec, value in zip(specs, values, strict=True)}


def _check_built(prototype: Prototype, built: object, kind: type) -> None:
    if not isinstance(built, kind):
        raise TypeError(
            f"{described(type(prototype))}: build must give a bpy.types.{kind.__name__}, "
            f"got {built!r:.60}"
        )


def _has_volume(material: bpy.types.Material) -> bool:
    outputs = (node for node in material.node_tree.nodes if node.type == "OUTPUT_MATERIAL")
    return any(node.inputs["Volume"].is_linked for node in outputs)
