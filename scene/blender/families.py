"""Particles that grow together with others, and the meshes of what belongs to each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import final

import bpy  # noqa: TID253
import numpy as np

from scene.language.plugin_code import given
from scene.prototypes.base import (
    PARTICLE_FEATURES,
    FusedGeometry,
    GeometryPrototype,
    Neighbour,
)
from scene.prototypes.surface_mesh import surface_mesh
from scene.recipe.registry import Registry
from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.specimen.features import FeatureValue
from scene.specimen.settling import close_pairs
from scene.specimen.specimen import DIMENSIONS, Particle
from scene.specimen.values import values

type Present = frozenset[int]


@final
@dataclass(frozen=True, slots=True)
class _Member:
    family: tuple[str, str]
    location: tuple[float, float, float]
    features: Mapping[str, FeatureValue]


@final
class Families:
    """The particles whose geometry is a `FusedGeometry`.

    Parameters
    ----------
    registry
        Where prototypes are found.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._members: dict[int, _Member] = {}
        self._neighbours: dict[int, frozenset[int]] | None = None
        self._meshes: dict[tuple[int, Present], bpy.types.Mesh | None] = {}
        self._stale: list[bpy.types.Mesh] = []

    def __contains__(self, particle_id: object) -> bool:
        return particle_id in self._members

    def sync(self, particles: Iterable[Particle]) -> bool:
        """Take over the particles; return whether shapes or places of any that fuse changed.

        Raises
        ------
        ValueError
            If particles of a family differ in what they share; the text is one sentence.
        """
        members = {}
        for particle in particles:
            shape = self._registry.prototype(GeometryPrototype, particle.geometry)
            if isinstance(shape, FusedGeometry):
                members[particle.id] = _member(particle, shape)
        if members == self._members:
            return False
        self._check(members)
        self._members, self._neighbours = members, None
        self._stale += [mesh for mesh in self._meshes.values() if mesh is not None]
        self._meshes.clear()
        return True

    def beside(self, particle_id: int, present: Collection[int] | None = None) -> Present:
        """Return which of the present particles are a particle's neighbours; None for all."""
        if self._neighbours is None:
            self._neighbours = self._found()
        all_of_them = self._neighbours[particle_id]
        return all_of_them if present is None else all_of_them.intersection(present)

    def bodies(self, ids: Collection[int]) -> list[Present]:
        """Return which of the particles have grown together; those on their own are left out."""
        found: list[Present] = []
        left = {key for key in ids if key in self._members}
        while left:
            body, new = set[int](), {left.pop()}
            while new:
                body |= new
                new = {key for one in new for key in self.beside(one, left)}
                left -= new
            if len(body) > 1:
                found.append(frozenset(body))
        return found

    def is_whole(self, body: Collection[int], present: Collection[int]) -> bool:
        """Return whether a body's particles have grown together with no others that are present."""
        return all(self.beside(key, present).issubset(body) for key in body)

    def part(self, particle_id: int, beside: Present) -> FusedPart | None:
        """Return a particle's part of the body that it forms with those beside it."""
        own = self._members[particle_id]
        shape = self._shape(own)
        neighbours = [
            Neighbour(
                _offset(own, self._members[key]), self._members[key].features, key < particle_id
            )
            for key in sorted(beside)
        ]
        made = shape.part(own.features, neighbours)
        return None if made is None else given(made, FusedPart, type(shape), "part")

    def mesh(self, particle_id: int, beside: Present) -> bpy.types.Mesh | None:
        """Return the same as a mesh, without a material if it is new."""
        key = particle_id, beside
        if key not in self._meshes:
            part = self.part(particle_id, beside)
            self._meshes[key] = None if part is None else surface_mesh("Part", part.mesh)
        return self._meshes[key]

    def discard_unused(self) -> None:
        """Remove the meshes that no object has, but for those of the whole specimen."""
        for key in list(self._meshes):
            mesh = self._meshes[key]
            if (mesh is None or mesh.users == 0) and key[1] != self.beside(key[0]):
                del self._meshes[key]
                self._stale += [] if mesh is None else [mesh]
        # Blender would remove the objects that have a mesh along with it.
        unused = [mesh for mesh in self._stale if mesh.users == 0]
        self._stale = [mesh for mesh in self._stale if mesh.users > 0]
        bpy.data.batch_remove(unused)

    def outer_surface(self, particle_id: int, beside: Present) -> TriangleMesh:
        """Return what of the body's surface is a particle's, in world space."""
        part = self.part(particle_id, beside)
        if part is None:
            return TriangleMesh(np.empty((0, 3)), np.empty((0, 3), dtype=np.int64))
        outer = part.outer
        return replace(outer, vertices=outer.vertices + self._members[particle_id].location)

    def _shape(self, member: _Member) -> FusedGeometry:
        shape = self._registry.prototype(GeometryPrototype, member.family[1])
        assert isinstance(shape, FusedGeometry)
        return shape

    def _found(self) -> dict[int, frozenset[int]]:
        families: dict[tuple[str, str], list[int]] = defaultdict(list)
        for key, member in self._members.items():
            families[member.family].append(key)
        neighbours: dict[int, set[int]] = {key: set() for key in self._members}
        for ids in families.values():
            members = [self._members[key] for key in ids]
            reaches = [self._shape(member).reach(member.features) for member in members]
            centres = np.array([member.location for member in members])
            for one, two in close_pairs(centres.T, np.array(reaches), 0.0).T.tolist():
                neighbours[ids[one]].add(ids[two])
                neighbours[ids[two]].add(ids[one])
        return {key: frozenset(others) for key, others in neighbours.items()}

    def _check(self, members: Mapping[int, _Member]) -> None:
        first: dict[tuple[str, str], _Member] = {}
        for member in members.values():
            other = first.setdefault(member.family, member)
            for spec in self._shape(member).features:
                one, two = (own.features.get(spec.name) for own in (other, member))
                if spec.shared and one != two:
                    raise ValueError(
                        f"particles of the blueprint {member.family[0]!r} fuse, so all have the "
                        f"same {spec.name}, got {one!r} and {two!r}"
                    )


def _member(particle: Particle, shape: FusedGeometry) -> _Member:
    placed = [spec for spec in PARTICLE_FEATURES if spec.name in {DIMENSIONS, "location"}]
    features = {**values(particle.features, placed), **values(particle.features, shape.features)}
    location = features.pop("location")
    assert isinstance(location, tuple)
    x, y, z = location
    own = {name: value for name, value in features.items() if not name.startswith("location_")}
    return _Member((particle.blueprint, particle.geometry), (x, y, z), own)


def _offset(own: _Member, other: _Member) -> tuple[float, float, float]:
    x, y, z = (b - a for a, b in zip(own.location, other.location, strict=True))
    return x, y, z
