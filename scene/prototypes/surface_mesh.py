"""Meshes in Blender from surfaces."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from scene.shapes.mesh import TriangleMesh

if TYPE_CHECKING:
    import bpy

_SHARP_RADIANS = math.pi / 6
_NORMALS = "custom_normal"
"""Name by which Blender knows normals that are given."""


def surface_mesh(name: str, surface: TriangleMesh) -> bpy.types.Mesh:
    """Return a new mesh of a surface, whose arrays are handed over as they are.

    It is shaded by the surface's normals; without any, smooth but for edges sharper than 30°.
    """
    import bpy

    mesh = bpy.data.meshes.new(name)
    corners = surface.triangles.astype(np.int32)
    mesh.vertices.add(len(surface.vertices))
    mesh.loops.add(corners.size)
    mesh.loops.foreach_set("vertex_index", corners.ravel())
    mesh.polygons.add(len(corners))
    mesh.polygons.foreach_set("loop_start", np.arange(0, corners.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    if surface.normals is not None:
        mesh.attributes.new(_NORMALS, "FLOAT_VECTOR", "POINT")
    _place(mesh, surface)
    if surface.normals is None:
        mesh.set_sharp_from_angle(angle=_SHARP_RADIANS)
    return mesh


@final
class SurfaceMeshes:
    """Meshes of many surfaces, of which some have the same triangles.

    Blender keeps what such meshes have in common once, which saves a third of their memory and
    most of the time that it takes to build them. Of no use once Blender's scene was reset.
    """

    def __init__(self) -> None:
        self._first: dict[int, tuple[NDArray[np.int64], bpy.types.Mesh]] = {}

    def mesh(self, name: str, surface: TriangleMesh) -> bpy.types.Mesh:
        """Return what `surface_mesh` does."""
        key = id(surface.triangles)
        if surface.normals is None:
            return surface_mesh(name, surface)
        if key not in self._first:
            # The array is kept, so that no other one gets its place in memory.
            self._first[key] = surface.triangles, surface_mesh(name, surface)
            return self._first[key][1]
        mesh = self._first[key][1].copy()
        mesh.name = name
        mesh.materials.clear()
        _place(mesh, surface)
        return mesh


def _place(mesh: bpy.types.Mesh, surface: TriangleMesh) -> None:
    mesh.vertices.foreach_set("co", surface.vertices.astype(np.float32).ravel())
    if surface.normals is not None:
        normals = mesh.attributes[_NORMALS].data
        normals.foreach_set("vector", surface.normals.astype(np.float32).ravel())
    mesh.update()
