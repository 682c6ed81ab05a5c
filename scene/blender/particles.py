"""Particles as Blender objects, kept in step with their features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

import bpy  # noqa: TID253

from scene.language.plugin_code import described
from scene.prototypes.base import (
    PARTICLE_FEATURES,
    Fidelity,
    GeometryPrototype,
    MaterialPrototype,
    Prototype,
)
from scene.recipe.registry import Registry
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import Particle

type PrototypeKey = tuple[str, tuple[FeatureValue, ...]]
type MeshKey = tuple[PrototypeKey, PrototypeKey]
type Pose = tuple[FeatureValue, ...]

PARTICLE_ID = "particle_id"
"""Custom property of every particle's object."""


@final
class MaterialLibrary:
    """Materials shared by all that have the same prototype and feature values."""

    def __init__(self, registry: Registry, fidelity: Fidelity) -> None:
        self._registry = registry
        self._fidelity = fidelity
        self._materials: dict[PrototypeKey, bpy.types.Material] = {}

    def key(self, name: str, features: Mapping[str, FeatureValue]) -> PrototypeKey:
        """Return what a material of prototype `name` depends on."""
        specs = self._registry.prototype(MaterialPrototype, name).features
        return name, tuple(with_defaults(specs, features).values())

    def material(self, name: str, features: Mapping[str, FeatureValue]) -> bpy.types.Material:
        """Return the material of prototype `name`, built at its first use."""
        key = self.key(name, features)
        if key not in self._materials:
            prototype = self._registry.prototype(MaterialPrototype, name)
            values = with_defaults(prototype.features, features)
            material = prototype.build(values, self._fidelity)
            _check_built(prototype, material, bpy.types.Material)
            self._materials[key] = material
        return self._materials[key]

    def discard_unused(self) -> None:
        """Remove the materials that nothing wears any more."""
        for key in [key for key, material in self._materials.items() if material.users == 0]:
            bpy.data.materials.remove(self._materials.pop(key))


@final
class ParticleObjects:
    """One object for each particle; meshes are shared, so that Cycles instances them.

    A mesh carries its material: an object-level material would make Cycles copy the mesh.
    """

    def __init__(
        self, registry: Registry, materials: MaterialLibrary, collection: bpy.types.Collection
    ) -> None:
        self._registry = registry
        self._materials = materials
        self._collection = collection
        self._meshes: dict[MeshKey, bpy.types.Mesh] = {}
        self._objects: dict[int, bpy.types.Object] = {}
        self._synced: dict[int, tuple[MeshKey, Pose]] = {}

    def __getitem__(self, particle_id: int) -> bpy.types.Object:
        return self._objects[particle_id]

    def items(self) -> Iterable[tuple[int, bpy.types.Object]]:
        """Return pairs of particle id and object, in the order in which they were made."""
        return self._objects.items()

    def sync(self, particles: Iterable[Particle]) -> bool:
        """Make, change and remove objects until they match; return whether anything changed."""
        changed = False
        wanted: set[int] = set()
        for particle in particles:
            wanted.add(particle.id)
            pose = with_defaults(PARTICLE_FEATURES, particle.features)
            state = self._mesh_key(particle), tuple(pose.values())
            if self._synced.get(particle.id) != state:
                self._update(particle, *state)
                self._synced[particle.id] = state
                changed = True
        for particle_id in [key for key in self._objects if key not in wanted]:
            bpy.data.objects.remove(self._objects.pop(particle_id))
            del self._synced[particle_id]
            changed = True
        return changed

    def _update(self, particle: Particle, mesh_key: MeshKey, pose: Pose) -> None:
        mesh = self._mesh(particle, mesh_key)
        made = self._objects.get(particle.id)
        if made is None:
            made = bpy.data.objects.new(f"{particle.blueprint}.{particle.index:05d}", mesh)
            made[PARTICLE_ID] = particle.id
            self._collection.objects.link(made)
            self._objects[particle.id] = made
        elif made.data != mesh:
            made.data = mesh
        made.scale, made.location, made.rotation_euler = pose  # as `PARTICLE_FEATURES` go

    def _mesh_key(self, particle: Particle) -> MeshKey:
        geometry = self._registry.prototype(GeometryPrototype, particle.geometry)
        values = with_defaults(geometry.features, particle.features)
        material = self._materials.key(particle.material, particle.features)
        return (particle.geometry, tuple(values.values())), material

    def _mesh(self, particle: Particle, key: MeshKey) -> bpy.types.Mesh:
        if key not in self._meshes:
            geometry = self._registry.prototype(GeometryPrototype, particle.geometry)
            mesh = geometry.build(with_defaults(geometry.features, particle.features))
            _check_built(geometry, mesh, bpy.types.Mesh)
            mesh.materials.append(self._materials.material(particle.material, particle.features))
            self._meshes[key] = mesh
        return self._meshes[key]


def with_defaults(
    specs: Iterable[FeatureSpec], features: Mapping[str, FeatureValue]
) -> dict[str, FeatureValue]:
    """Return name to value for the features `specs`, defaults filled in."""
    return {spec.name: features.get(spec.name, spec.default) for spec in specs}


def _check_built(prototype: Prototype, built: object, kind: type) -> None:
    if not isinstance(built, kind):
        raise TypeError(
            f"{described(type(prototype))}: build must give a bpy.types.{kind.__name__}, "
            f"got {built!r:.60}"
        )
