"""Particles that grow together with others, and the meshes of what belongs to each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import final

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.language.plugin_code import given
from scene.prototypes.fusion import Member, fused_members, neighbours
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.surface_mesh import surface_mesh
from scene.recipe.registry import Registry
from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.specimen.specimen import Particle

type Present = frozenset[int]


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
        self._members: Mapping[int, Member] = {}
        self._neighbours: dict[int, frozenset[int]] | None = None
        self._meshes: dict[tuple[int, Present], bpy.types.Mesh | None] = {}
        self._stale: list[bpy.types.Mesh] = []
        self._boxes: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def __contains__(self, particle_id: object) -> bool:
        return particle_id in self._members

    def sync(self, particles: Iterable[Particle]) -> bool:
        """Take over the particles; return whether shapes or places of any that fuse changed.

        Raises
        ------
        ValueError
            If particles of a family differ in what they share; the text is one sentence.
        """
        members = fused_members(
            particles, lambda name: self._registry.prototype(GeometryPrototype, name)
        )
        if members == self._members:
            return False
        self._members, self._neighbours = members, None
        self._stale += [mesh for mesh in self._meshes.values() if mesh is not None]
        self._meshes.clear()
        self._boxes.clear()
        return True

    def beside(self, particle_id: int, present: Collection[int] | None = None) -> Present:
        """Return which of the present particles are a particle's neighbours; None for all."""
        if self._neighbours is None:
            self._neighbours = neighbours(self._members)
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
        others = [own.beside(self._members[key]) for key in sorted(beside)]
        made = own.shape.part(own.features, others)
        return None if made is None else given(made, FusedPart, type(own.shape), "part")

    def mesh(self, particle_id: int, beside: Present) -> bpy.types.Mesh | None:
        """Return the same as a mesh, without a material if it is new."""
        key = particle_id, beside
        if key not in self._meshes:
            part = self.part(particle_id, beside)
            mesh = None if part is None else surface_mesh("Part", part.mesh)
            if mesh is not None:
                self._share_texture(mesh, self._members[particle_id])
            self._meshes[key] = mesh
        return self._meshes[key]

    def _share_texture(self, mesh: bpy.types.Mesh, own: Member) -> None:
        """Let generated coordinates go on across seams: they count from the whole family's box."""
        if own.family not in self._boxes:
            family = [member for member in self._members.values() if member.family == own.family]
            centres = np.array([member.location for member in family])
            reaches = np.array([member.shape.reach(member.features) for member in family])[:, None]
            box = (centres - reaches).min(axis=0), (centres + reaches).max(axis=0)
            self._boxes[own.family] = box
        low, high = self._boxes[own.family]
        mesh.use_auto_texspace = False
        mesh.texspace_location = (low + high) / 2 - own.location
        mesh.texspace_size = (high - low) / 2

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

    def outer_surfaces(
        self, ids: Collection[int], beside: Collection[int]
    ) -> dict[int, TriangleMesh]:
        """Return what of the bodies' surface is each particle's, in world space.

        Of those among `ids` that do grow together with others.

        Parameters
        ----------
        beside
            Ids of others that are present.
        """
        present = {*ids, *beside}
        return {
            key: self._outer_surface(key, self.beside(key, present))
            for key in sorted(ids)
            if key in self
        }

    def _outer_surface(self, particle_id: int, beside: Present) -> TriangleMesh:
        part = self.part(particle_id, beside)
        if part is None:
            return TriangleMesh(np.empty((0, 3)), np.empty((0, 3), dtype=np.int64))
        outer = part.outer
        return replace(outer, vertices=outer.vertices + self._members[particle_id].location)
