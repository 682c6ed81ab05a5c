"""Meshes in Blender from surfaces."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scene.shapes.mesh import TriangleMesh

if TYPE_CHECKING:
    import bpy

_SHARP_RADIANS = math.pi / 6


def surface_mesh(name: str, surface: TriangleMesh) -> bpy.types.Mesh:
    """Return a new mesh of a surface, whose arrays are handed over as they are.

    It is shaded by the surface's normals; without any, smooth but for edges sharper than 30°.
    """
    import bpy

    mesh = bpy.data.meshes.new(name)
    corners = surface.triangles.astype(np.int32)
    mesh.vertices.add(len(surface.vertices))
    mesh.vertices.foreach_set("co", surface.vertices.astype(np.float32).ravel())
    mesh.loops.add(corners.size)
    mesh.loops.foreach_set("vertex_index", corners.ravel())
    mesh.polygons.add(len(corners))
    mesh.polygons.foreach_set("loop_start", np.arange(0, corners.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    if surface.normals is None:
        mesh.set_sharp_from_angle(angle=_SHARP_RADIANS)
    else:
        normals = mesh.attributes.new("custom_normal", "FLOAT_VECTOR", "POINT")
        normals.data.foreach_set("vector", surface.normals.astype(np.float32).ravel())
    return mesh
