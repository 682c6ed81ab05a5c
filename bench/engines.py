"""Other ways to let beads fall: `SettleSpheres`, and physics engines that may not be installed."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scene.specimen.settling import settled
from scene.specimen.specimen import MeasurementVolume

SECONDS_A_STEP = 1 / 240
STEPS = 2500
DAMPING = 0.9999999

type Points = NDArray[np.float64]


def settle(start: Points, sizes: Points, volume: MeasurementVolume, gravity: float) -> Points:
    """Do as `SettleSpheres` does."""
    del gravity
    return settled(start, sizes, volume, 0.002)


def rapier(
    start: Points, sizes: Points, volume: MeasurementVolume, gravity: float, *, coarser: int = 1
) -> Points:
    """Simulate with Rapier, in steps of the same length or `coarser` ones."""
    engine = importlib.import_module("rapier3d")
    world = engine.PhysicsWorld(gravity=(0.0, 0.0, gravity))
    world.set_num_threads(1)
    world.integration_parameters.dt = coarser * SECONDS_A_STEP
    for place, half in walls(volume):
        cuboid = engine.Collider.cuboid(*half).friction(0.5).restitution(0.0)
        world.add_body(engine.RigidBody.fixed().translation(place), [cuboid])
    # It takes the velocity v to v / (1 + t d), Bullet to v (1 - D)^t.
    damping = -np.log1p(-DAMPING)
    bodies = []
    for place, size in zip(start.tolist(), sizes.tolist(), strict=True):
        body = engine.RigidBody.dynamic().translation(tuple(place))
        body = body.linear_damping(damping).angular_damping(damping)
        ball = engine.Collider.ball(size).friction(1.0)
        bodies.append(world.add_body(body, [ball]))
    for _ in range(STEPS // coarser):
        world.step()
    return np.array([world.rigid_bodies[body].translation.to_tuple() for body in bodies])


def bullet(start: Points, sizes: Points, volume: MeasurementVolume, gravity: float) -> Points:
    """Simulate with the Bullet that comes with Panda3D, in the same steps."""
    core = importlib.import_module("panda3d.core")
    engine = importlib.import_module("panda3d.bullet")
    world, root = engine.BulletWorld(), core.NodePath("beads")
    world.setGravity(core.Vec3(0, 0, gravity))

    def add(shape: Any, place: tuple[float, ...], mass: float, friction: float) -> Any:
        body = engine.BulletRigidBodyNode("body")
        body.addShape(shape)
        body.setMass(mass)
        body.setFriction(friction)
        body.setRestitution(mass)
        body.setLinearDamping(DAMPING)
        body.setAngularDamping(DAMPING)
        path = root.attachNewNode(body)
        path.setPos(*place)
        world.attach(body)
        return path

    for place, half in walls(volume):
        add(engine.BulletBoxShape(core.Vec3(*half)), place, 0.0, 0.5)
    paths = [
        add(engine.BulletSphereShape(size), tuple(place), 1.0, 1.0)
        for place, size in zip(start.tolist(), sizes.tolist(), strict=True)
    ]
    world.doPhysics(STEPS * SECONDS_A_STEP * 1.000001, STEPS, SECONDS_A_STEP)
    return np.array([tuple(path.getPos()) for path in paths])


def walls(volume: MeasurementVolume) -> Iterator[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Yield (middle, half sides) of six thick walls around the volume."""
    lower, upper = np.array(volume.lower), np.array(volume.upper)
    middle, half = (lower + upper) / 2, (upper - lower) / 2
    for axis in range(3):
        for side in (-1, 1):
            place, size = middle.copy(), half + 10
            place[axis] += side * (half[axis] + 5)
            size[axis] = 5
            yield tuple(place.tolist()), tuple(size.tolist())
