"""Geometry buffers: what every pixel shows, from one cheap render."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.camera import camera_axes
from scene.blender.ground_truth import GroundTruth
from scene.blender.points import PARTICLE_ID
from scene.blender.render import render_passes
from scene.errors import RenderError
from scene.microscopy.geometry import GeometryBuffers
from scene.prototypes.shader import Shader

_SMALLEST_COSINE = 1e-3
_LARGEST_ID_ERROR = 1e-3
_NUMBER_OF_IDS = 2**16
_DEPTH_OF_NOTHING = 1e10
"""What Cycles writes where a ray meets nothing."""


def render_buffers(
    truth: GroundTruth,
    shown: Collection[bpy.types.Object],
    interest: Collection[int],
    overlapping: Collection[int],
) -> GeometryBuffers:
    """Render particles.

    Parameters
    ----------
    truth
        How ground truth is rendered.
    shown
        The objects that the particles are.
    interest
        Ids of the particles to keep.
    overlapping
        Ids of those that hide what is behind them and count as nothing.

    Raises
    ------
    RenderError
        If a pixel shows something other than a particle's id: ground truth is exact, or it is
        not written.
    """
    with buffers_scene(truth, shown) as scene:
        passes = render_passes(scene, truth.size, combined_channels=0)
    kept_ids, present_ids = np.zeros((2, _NUMBER_OF_IDS), dtype=bool)
    kept_ids[list(interest)] = True
    present_ids[[0, *overlapping]] = True
    depth = passes["Depth"][..., 0]
    ids = _exact_ids(passes[PARTICLE_ID][..., 0], depth, kept_ids | present_ids)
    kept = kept_ids[ids]
    return GeometryBuffers(
        depth=np.where(kept, depth, np.float32(np.inf)),
        normal=_facing_normals(passes["Normal"], kept, camera_axes(truth.camera())),
        instance=np.where(kept, ids, np.uint16(0)),
    )


@contextmanager
def buffers_scene(
    truth: GroundTruth, shown: Collection[bpy.types.Object]
) -> Iterator[bpy.types.Scene]:
    """Make a scene whose render gives depth, normals and ids, until the block ends."""
    with truth.scene(shown, _id_material()) as scene:
        layer = scene.view_layers[0]
        layer.use_pass_z = True
        layer.use_pass_normal = True
        layer.aovs.add().name = PARTICLE_ID
        layer.aovs[0].type = "VALUE"
        yield scene


def _exact_ids(
    values: NDArray[np.float32], depth: NDArray[np.float32], known: NDArray[np.bool_]
) -> NDArray[np.uint16]:
    """Return what every pixel shows as an id, which it has to be: 0 where nothing is."""
    rounded = np.rint(values)
    # Comparisons with what is not a number are false, so such a pixel is wrong here, too.
    whole = np.abs(values - rounded) <= _LARGEST_ID_ERROR
    whole &= (rounded >= 0) & (rounded < _NUMBER_OF_IDS)
    ids = np.where(whole, rounded, 0).astype(np.uint16)
    wrong = ~(whole & known[ids]) | ((ids == 0) != (depth >= _DEPTH_OF_NOTHING))
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise RenderError(
            f"{np.count_nonzero(wrong)} pixels of the geometry buffers show no particle's id, such "
            f"as {values[row, column]:g} at row {row}, column {column}; something in Blender's "
            "scene mixes particles or changed their ids"
        )
    return ids


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
    """Make a material that writes the particle's id to a pass, of an object or of a cloud's point.

    As light it would be lost where a ray touches an edge at a right angle to the surface's normal.
    Blender's object index ends at 32767; what the shader reads here is exact up to 2**24.
    """
    shader = Shader("ParticleId")

    def read(kind: str) -> bpy.types.NodeSocket:
        node = shader.node("Attribute", attribute_type=kind, attribute_name=PARTICLE_ID)
        return node.outputs["Fac"]

    own = read("OBJECT")  # 0 where there is none
    none = shader.node("Math", {0: own, 1: 0.5}, operation="LESS_THAN").outputs["Value"]
    both = {0: none, 1: read("GEOMETRY"), 2: own}
    either = shader.node("Math", both, operation="MULTIPLY_ADD").outputs["Value"]
    shader.node("OutputAOV", {"Value": either}, aov_name=PARTICLE_ID)
    return shader.finish(shader.node("Emission").outputs["Emission"])
