"""Relaxation of particles by Bullet, through Blender's rigid body world."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import bpy  # noqa: TID253
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from scene.blender.bodies import Body
from scene.blender.render import temporarily
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.prototypes.technique import Container
from scene.shapes.motion import Motion
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.specimen import POSE, Particle
from scene.specimen.values import values

FRAME_RATE = 24
"""Frames in a second of simulated time, for a `time_scale` of 1."""
type RestingPose = dict[str, tuple[float, float, float]]


def relaxed(
    scene: bpy.types.Scene,
    bodies: Sequence[Body],
    containers: Sequence[Container],
    settings: RelaxationSettings,
    at_end: Callable[[], None] | None = None,
) -> list[Matrix]:
    """Simulate `bodies` between `containers` and return their objects' final matrices.

    The scene is left as it was: no rigid body, no cache, the same frame. The result depends on
    the bodies' order, shapes and poses and on the settings, on nothing else.

    Parameters
    ----------
    at_end
        Called while bodies and cache, with every one of the recipe's frames, are still there.
    """
    merged = 1 if at_end else merged_frames(settings)
    last = settings.num_frames // merged + 1
    changes = (
        (scene, "frame_current", 1),
        (scene.render, "fps", FRAME_RATE),
        (scene.render, "fps_base", 1.0),
        (scene, "use_gravity", settings.use_gravity),
        (scene, "gravity", settings.gravity),
    )
    with temporarily(changes), rigid_body_world(scene, bodies, containers, settings) as world:
        world.substeps_per_frame = merged * settings.substeps_per_frame
        world.time_scale = merged * settings.time_scale
        world.point_cache.frame_start = 1
        world.point_cache.frame_end = last
        # Bullet advances by one frame at a time, and only in order.
        for frame in range(1, last + 1):
            scene.frame_set(frame)
        if at_end:
            with bpy.context.temp_override(scene=scene, point_cache=world.point_cache):
                bpy.ops.ptcache.bake_from_cache()  # or a reader of the file simulates anew
            at_end()
        depsgraph = bpy.context.evaluated_depsgraph_get()
        return [body.object.evaluated_get(depsgraph).matrix_world.copy() for body in bodies]


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
    bodies: Sequence[Body],
    containers: Sequence[Container],
    settings: RelaxationSettings,
) -> Iterator[bpy.types.RigidBodyWorld]:
    """Make the bodies rigid while the block runs; how long frames and steps are is left to set."""
    # Only an operator makes a world; it is called once, not for each object.
    bpy.ops.rigidbody.world_add()
    world = scene.rigidbody_world
    members = bpy.data.collections.new("RigidBodies")
    # Those that a technique brings from a file are rigid bodies before and after.
    lasting = {held.object for held in containers if held.object.rigid_body is not None}
    try:
        world.collection = members
        world.solver_iterations = settings.solver_iterations
        for body in bodies:
            for own in (*body.parts, body):
                members.objects.link(own.object)  # makes it a rigid body, too
                _set_up_body(own, settings)
        spheres = all(body.shape == "SPHERE" for body in bodies)
        for container in containers:
            members.objects.link(container.object)
            # Spheres lie on the walls whatever their margin, which all else would hover above; but
            # the poses of spheres depend on it in their last bits.
            as_it_is = spheres or container.object in lasting
            margin = None if as_it_is else settings.collision_margin
            _set_up_container(container, margin)
        yield world
    finally:
        for made in lasting:
            members.objects.unlink(made)
        _end_rigid_bodies(list(members.objects))
        bpy.ops.rigidbody.world_remove()
        bpy.data.collections.remove(members)


def _end_rigid_bodies(objects: list[bpy.types.Object]) -> None:
    """Take the rigid bodies off, which leaving the collection does not; one call for all."""
    if objects:
        context = bpy.context.temp_override(object=objects[0], selected_editable_objects=objects)
        with context:
            bpy.ops.rigidbody.objects_remove()


def _set_up_body(body: Body, settings: RelaxationSettings) -> None:
    made = body.object.rigid_body
    made.type = "ACTIVE"
    made.collision_shape = body.shape
    made.mass = settings.mass
    made.linear_damping, made.angular_damping = settings.dampings
    made.friction = settings.friction
    made.restitution = settings.restitution
    made.use_margin = True
    made.collision_margin = body.margin


def _set_up_container(container: Container, margin: float | None) -> None:
    made = container.object.rigid_body
    made.type = "PASSIVE"
    made.collision_shape = container.shape
    made.friction = container.friction
    made.restitution = container.restitution
    if margin is not None:
        made.use_margin = True
        made.collision_margin = margin


def resting_poses(
    particles: Sequence[Particle], start: NDArray[np.float64] | None, end: Matrix
) -> Iterator[tuple[Particle, RestingPose]]:
    """Yield where each particle of a body comes to rest.

    Parameters
    ----------
    particles
        That move as one.
    start
        (3,) where the carrier of a compound was, turned by nothing; None where the body's object
        lies and is turned like the one particle.
    end
        The object's final matrix.
    """
    place, turn, _ = end.decompose()
    if start is None:
        (particle,) = particles
        x, y, z = place
        angles = turn.to_euler("XYZ")
        yield particle, {"location": (x, y, z), "rotation": (angles.x, angles.y, angles.z)}
        return
    after, quaternion = (np.array(own, dtype=np.float64) for own in (place, turn))
    motion = Motion.by_quaternion(start, after, quaternion)
    for particle in particles:
        pose = values(particle.features, PARTICLE_FEATURES)
        location, rotation = (pose[name] for name in POSE)
        assert isinstance(location, tuple) and isinstance(rotation, tuple)  # noqa: PT018
        where, how = motion.carried(location, rotation)
        yield particle, {"location": where, "rotation": how}
