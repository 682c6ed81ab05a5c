"""Parameters of the rigid-body relaxation, for recipes and for Blender alike. No Blender here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FRAME_RATE = 24
"""Frames in a second of simulated time, for a `time_scale` of 1."""


class CollisionShape(StrEnum):
    """The shape that stands for a particle in the simulation."""

    SPHERE = "SPHERE"
    BOX = "BOX"
    CAPSULE = "CAPSULE"
    CYLINDER = "CYLINDER"
    CONE = "CONE"
    CONVEX_HULL = "CONVEX_HULL"
    MESH = "MESH"


@dataclass(frozen=True, slots=True)
class RelaxationSettings:
    """How particles move apart and settle.

    Parameters
    ----------
    collision_shape
        The shape that stands for every particle.
    num_frames
        Simulated frames, at `FRAME_RATE` a second of simulated time.
    use_gravity
        Whether `gravity` acts.
    gravity
        Acceleration (x, y, z) in scene units per squared second.
    mass
        Mass of every particle.
    linear_damping, angular_damping
        Share of the velocity lost in a second, 0 to 1.
    friction, restitution
        Of the particles; 0 to 1. The measurement volume has its own.
    collision_margin
        Distance in scene units at which a contact begins.
    substeps_per_frame
        Simulation steps a frame.
    solver_iterations
        Constraint solver iterations a step.
    time_scale
        Simulated seconds for each second of frames.
    """

    collision_shape: CollisionShape = CollisionShape.SPHERE
    num_frames: int = 250
    use_gravity: bool = True
    gravity: tuple[float, float, float] = (0.0, 0.0, -9.81)
    mass: float = 1.0
    linear_damping: float = 0.9999999
    angular_damping: float = 0.9999999
    friction: float = 1.0
    restitution: float = 1.0
    collision_margin: float = 1e-6
    substeps_per_frame: int = 10
    solver_iterations: int = 10
    time_scale: float = 1.0
