"""The walls inside particles that have grown together, for renders that light passes through."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import bpy  # noqa: TID253

from scene.blender.particles import ParticleObjects
from scene.blender.points import PARTICLE_ID
from scene.blender.render import temporarily
from scene.prototypes.surface_mesh import surface_mesh
from scene.shapes.mesh import joint


@contextmanager
def without_walls(
    particles: ParticleObjects,
    objects: Sequence[bpy.types.Object],
    ids: Collection[int],
    beside: Collection[int],
) -> Iterator[list[bpy.types.Object]]:
    """Yield the same particles, with one object for each body of a material that light enters.

    Until the block ends. Light that comes to a wall that two pieces share would meet it twice.
    Such a body is of the material of its first particle that has a part of the surface. One that
    goes on in particles that are not shown keeps its walls.

    Parameters
    ----------
    particles
        The specimen's.
    objects
        What `selected` yields.
    ids
        Of the particles that they are.
    beside
        Ids of all that are present.
    """
    families = particles.families
    pieces = {int(made[PARTICLE_ID]): made for made in objects if PARTICLE_ID in made}
    joined = []
    parted: list[bpy.types.Object] = []
    for body in map(sorted, families.bodies(ids)):
        shown = [pieces[key] for key in body if key in pieces]  # others are buried in these
        material = shown[0].data.materials[0]
        if not (_has_volume(material) and families.is_whole(body, beside)):
            continue
        mesh = surface_mesh(
            "Body", joint(list(particles.families.outer_surfaces(body, body).values()))
        )
        mesh.materials.append(material)
        joined.append(bpy.data.objects.new("Body", mesh))
        particles.collection.objects.link(joined[-1])
        parted += shown
    try:
        with temporarily((made, "hide_render", True) for made in parted):
            yield [*(made for made in objects if made not in parted), *joined]
    finally:
        meshes = [made.data for made in joined]
        bpy.data.batch_remove([*joined, *meshes])


def _has_volume(material: bpy.types.Material) -> bool:
    outputs = (node for node in material.node_tree.nodes if node.type == "OUTPUT_MATERIAL")
    return any(node.inputs["Volume"].is_linked for node in outputs)
