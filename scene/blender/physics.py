"""Relaxation of particles by Bullet, through Blender's rigid body world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy  # noqa: TID253
import numpy as np

from scene.blender.render import temporarily
from scene.specimen.relaxation import RelaxationSettings

FRAME_RATE = 24
"""Frames in a second of simulated time, for a `time_scale` of 1."""

type RestingPose = dict[str, tuple[float, float, float]]

_VOLUME_FRICTION = 0.5
_VOLUME_RESTITUTION = 0.0


def relaxed(
    scene: bpy.types.Scene,
    bodies: Sequence[bpy.types.Object],
    container: bpy.types.Object | None,
    settings: RelaxationSettings,
) -> list[RestingPose]:
    """Simulate `bodies` inside `container` and return their final poses, as features.

    The scene is left as it was: no rigid body, no cache, the same frame. The result depends on
    the bodies' order, shapes and poses and on the settings, on nothing else.
    """
    merged = merged_frames(settings)
    last = settings.num_frames // merged + 1
    changes = (
        (scene, "frame_current", 1),
        (scene.render, "fps", FRAME_RATE),
        (scene.render, "fps_base", 1.0),
        (scene, "use_gravity", settings.use_gravity),
        (scene, "gravity", settings.gravity),
    )
    with temporarily(changes), rigid_body_world(scene, bodies, container, settings) as world:
        world.substeps_per_frame = merged * settings.substeps_per_frame
        world.time_scale = merged * settings.time_scale
        world.point_cache.frame_start = 1
        world.point_cache.frame_end = last
        # Bullet advances by one frame at a time, and only in order.
        for frame in range(1, last + 1):
            scene.frame_set(frame)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        return [_pose(body.evaluated_get(depsgraph)) for body in bodies]


def merged_frames(settings: RelaxationSettings) -> int:
    """Return how many of the recipe's frames Blender steps as one.

    Every frame costs an update of all objects, while Bullet can make its steps in a single frame:
    k times the substeps over k times the time. The poses are the same to the bit where k divides
    the frames and the length of a step, which Blender computes in single precision, is the same.
    """
    limits = bpy.types.RigidBodyWorld.bl_rna.properties
    most = min(
        limits["substeps_per_frame"].hard_max // settings.substeps_per_frame,
        int(limits["time_scale"].hard_max / settings.time_scale),
        settings.num_frames,
    )
    exact = _step_seconds(settings, 1)
    return next(
        k
        for k in range(max(1, most), 0, -1)
        if settings.num_frames % k == 0 and _step_seconds(settings, k) == exact
    )


def _step_seconds(settings: RelaxationSettings, merged: int) -> np.float32:
    frame = np.float32(1.0) / np.float32(FRAME_RATE) * np.float32(merged * settings.time_scale)
    return np.float32(frame) / np.float32(merged * settings.substeps_per_frame)


@contextmanager
def rigid_body_world(
    scene: bpy.types.Scene,
    bodies: Sequence[bpy.types.Object],
    container: bpy.types.Object | None,
    settings: RelaxationSettings,
) -> Iterator[bpy.types.RigidBodyWorld]:
    """Make the bodies rigid while the block runs; how long frames and steps are is left to set."""
    # Only an operator makes a world; it is called once, not for each object.
    bpy.ops.rigidbody.world_add()
    world = scene.rigidbody_world
    members = bpy.data.collections.new("RigidBodies")
    try:
        world.collection = members
        world.solver_iterations = settings.solver_iterations
        for body in bodies:
            members.objects.link(body)  # makes it a rigid body, too
            _set_up_particle(body.rigid_body, settings)
        if container is not None:
            members.objects.link(container)
            _set_up_container(container.rigid_body)
        yield world
    finally:
        _end_rigid_bodies(list(members.objects))
        bpy.ops.rigidbody.world_remove()
        bpy.data.collections.remove(members)


def _end_rigid_bodies(objects: list[bpy.types.Object]) -> None:
    """Take the rigid bodies off, which leaving the collection does not; one call for all."""
    if objects:
        context = bpy.context.temp_override(object=objects[0], selected_editable_objects=objects)
        with context:
            bpy.ops.rigidbody.objects_remove()


def _set_up_particle(body: bpy.types.RigidBodyObject, settings: RelaxationSettings) -> None:
    body.type = "ACTIVE"
    body.collision_shape = settings.collision_shape
    body.mass = settings.mass
    body.linear_damping, body.angular_damping = settings.dampings
    body.friction = settings.friction
    body.restitution = settings.restitution
    body.use_margin = True
    body.collision_margin = settings.collision_margin


def _set_up_container(body: bpy.types.RigidBodyObject) -> None:
    body.type = "PASSIVE"
    body.collision_shape = "MESH"
    body.friction = _VOLUME_FRICTION
    body.restitution = _VOLUME_RESTITUTION


def _pose(body: bpy.types.Object) -> RestingPose:
    location, rotation, _ = body.matrix_world.decompose()
    x, y, z = location
    turn = rotation.to_euler("XYZ")
    return {"location": (x, y, z), "rotation": (turn.x, turn.y, turn.z)}
