"""Geometry buffers: what every pixel shows, from one cheap render."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.particles import PARTICLE_ID
from scene.blender.render import Change, render_passes, temporarily
from scene.rendering.base import GeometryBuffers

_SMALLEST_COSINE = 1e-3


def render_buffers(scene: bpy.types.Scene, interest: frozenset[int]) -> GeometryBuffers:
    """Render the objects that are visible now, which must all be particles.

    Parameters
    ----------
    scene
        The scene, with everything else hidden.
    interest
        Particles to keep; others hide what is behind them and count as nothing.
    """
    with prepared_for_buffers(scene):
        passes = render_passes(scene, combined_channels=1)
    ids = np.rint(passes["Combined"][..., 0]).astype(np.uint16)
    kept = np.isin(ids, np.fromiter(sorted(interest), dtype=np.uint16, count=len(interest)))
    return GeometryBuffers(
        depth=np.where(kept, passes["Depth"][..., 0], np.float32(np.inf)),
        normal=_facing_normals(passes["Normal"], kept, camera_axes(scene)),
        instance=np.where(kept, ids, np.uint16(0)),
    )


@contextmanager
def prepared_for_buffers(scene: bpy.types.Scene) -> Iterator[None]:
    """Make a render of the scene give depth, normals and ids while the block runs."""
    override = _id_material()
    layer = scene.view_layers[0]
    changes = (
        *cheap_render(scene),
        (layer, "material_override", override),
        (layer, "use_pass_z", True),
        (layer, "use_pass_normal", True),
    )
    try:
        with temporarily(changes):
            yield
    finally:
        bpy.data.materials.remove(override)


def cheap_render(scene: bpy.types.Scene) -> Iterator[Change]:
    """Yield the settings of a render that sends one ray through the centre of each pixel."""
    cycles = scene.cycles
    yield scene.camera.data.dof, "use_dof", False
    yield scene.render, "film_transparent", True
    yield cycles, "samples", 1
    yield cycles, "use_adaptive_sampling", False
    yield cycles, "use_pixel_jitter", False  # whatever the pixel filter
    yield cycles, "max_bounces", 0
    yield cycles, "sample_clamp_direct", 0.0
    yield cycles, "sample_clamp_indirect", 0.0


def camera_axes(scene: bpy.types.Scene) -> NDArray[np.float32]:
    """Return the camera's axes in world space, one a row: right, up, towards the camera."""
    rotation = scene.camera.matrix_world.to_3x3().normalized()
    return np.array(rotation, dtype=np.float32).T


def _facing_normals(
    world: NDArray[np.float32], kept: NDArray[np.bool_], axes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Turn world-space normals into unit camera-space normals that face the camera.

    Interpolated normals point slightly away at silhouettes; they are bent back to the edge.
    """
    normal = world @ axes.T
    np.maximum(normal[..., 2], _SMALLEST_COSINE, out=normal[..., 2])
    # A third of the time of numpy.linalg.norm over the last axis.
    length = np.sqrt(np.einsum("ijk,ijk->ij", normal, normal))
    normal *= (kept / length)[..., np.newaxis]
    return normal


def _id_material() -> bpy.types.Material:
    """Make a material that shines with the object's particle id.

    Blender's object index ends at 32767; a property read by the shader is exact up to 2**24.
    """
    material = bpy.data.materials.new("ParticleId")
    # Nothing is lit here; as lamps, the particles would cost a light tree.
    material.cycles.emission_sampling = "NONE"
    tree = material.node_tree
    tree.nodes.clear()
    particle_id = tree.nodes.new("ShaderNodeAttribute")
    particle_id.attribute_type = "OBJECT"
    particle_id.attribute_name = PARTICLE_ID
    emission = tree.nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(particle_id.outputs["Fac"], emission.inputs["Strength"])
    tree.links.new(emission.outputs["Emission"], output.inputs["Surface"])
    return material
