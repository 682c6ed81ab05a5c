"""Surfaces of particles as triangles."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import bpy  # noqa: TID253
import numpy as np

from scene.blender.particles import ParticleObjects
from scene.blender.points import PARTICLE_ID
from scene.blender.render import Change, temporarily
from scene.shapes.mesh import TriangleMesh

_RENDERED = (("levels", "render_levels"), ("steps", "render_steps"))
"""What modifiers have twice, for a screen and for a render."""


def as_rendered(objects: Iterable[bpy.types.Object]) -> Iterator[Change]:
    """Yield what makes Blender show on a screen, and so in a dependency graph, what it renders."""
    for made in objects:
        if made.hide_viewport:
            yield made, "hide_viewport", False
        for modifier in made.modifiers:
            if modifier.show_viewport != modifier.show_render:
                yield modifier, "show_viewport", modifier.show_render
            for shown, rendered in _RENDERED:
                if hasattr(modifier, rendered):
                    yield modifier, shown, getattr(modifier, rendered)


def world_surfaces(particles: ParticleObjects, ids: Collection[int]) -> dict[int, TriangleMesh]:
    """Return the surfaces of particles in world space as they are rendered, by id, ascending."""
    with particles.bodies(sorted(ids)) as bodies, temporarily(as_rendered(bodies)):
        bpy.context.view_layer.update()
        depsgraph = bpy.context.evaluated_depsgraph_get()
        shared: dict[bpy.types.Mesh, TriangleMesh] = {}
        found = {}
        for body in bodies:
            evaluated = body.evaluated_get(depsgraph)
            mesh = evaluated.data
            if mesh not in shared:
                shared[mesh] = mesh_surface(mesh)
            own, matrix = shared[mesh], np.array(evaluated.matrix_world, dtype=np.float64)
            placed = np.einsum("vi,ji->vj", own.vertices, matrix[:3, :3]) + matrix[:3, 3]
            found[int(body[PARTICLE_ID])] = TriangleMesh(placed, own.triangles)
    return found


def mesh_surface(mesh: bpy.types.Mesh) -> TriangleMesh:
    """Return a mesh's vertices in its own space, and its faces as triangles."""
    positions = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", positions)
    mesh.calc_loop_triangles()
    corners = np.empty(3 * len(mesh.loop_triangles), dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    return TriangleMesh(
        positions.reshape(-1, 3).astype(np.float64), corners.reshape(-1, 3).astype(np.int64)
    )
