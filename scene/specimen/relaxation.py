"""Parameters of the rigid-body relaxation. No Blender here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from scene.language.fields import Bool, Int, Real, StrictModel

type Fraction = Annotated[Real, Field(ge=0, le=1)]
# The limits of Blender's own parameters, and of Bullet, which counts in single precision.
type Mass = Annotated[Real, Field(ge=1e-3, le=1e6)]
type Contact = Annotated[Real, Field(ge=0, le=1e6)]
type Acceleration = Annotated[Real, Field(ge=-1e9, le=1e9)]
type MeshSource = Literal["BASE", "DEFORM", "FINAL"]

_DAMPING = 0.9999999


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class RelaxationSettings(StrictModel):
    """How particles move apart and settle.

    Parameters
    ----------
    collision_shape
        The shape that stands for every particle. ``CONVEX_HULL`` and ``MESH`` are its own shape, of
        which the former fills the hollows; all others have the size of its bounding box.
    mesh_source
        Which modifiers of a particle's object its shape follows: none, those that deform, all.
    num_frames
        Simulated frames, 24 in a second of simulated time.
    use_gravity
        Whether `gravity` acts.
    gravity
        Acceleration (x, y, z) in scene units per squared second.
    mass
        Mass of every particle, and of every agglomerate.
    damping
        Linear and angular damping at once.
    linear_damping, angular_damping
        Fraction of the velocity that is lost in a second; 0.9999999 unless given.
    friction, restitution
        Of the particles. What holds them has its own.
    collision_margin
        Distance in scene units at which a contact begins.
    substeps_per_frame
        Simulation steps per frame.
    solver_iterations
        Constraint solver iterations per step.
    time_scale
        Simulated seconds for each second of frames.
    """

    collision_shape: Annotated[
        Literal["SPHERE", "BOX", "CAPSULE", "CYLINDER", "CONE", "CONVEX_HULL", "MESH"],
        BeforeValidator(_upper),
    ] = "MESH"
    mesh_source: Annotated[MeshSource, BeforeValidator(_upper)] = "FINAL"
    num_frames: Annotated[Int, Field(ge=1, le=100_000)] = 100
    use_gravity: Bool = False
    gravity: tuple[Acceleration, Acceleration, Acceleration] = (0.0, 0.0, -9.81)
    mass: Mass = 1.0
    damping: Fraction | None = None
    linear_damping: Fraction | None = None
    angular_damping: Fraction | None = None
    friction: Contact = 1.0
    restitution: Contact = 1.0
    collision_margin: Annotated[Real, Field(ge=0, le=1)] = 1e-6
    substeps_per_frame: Annotated[Int, Field(ge=1, le=1000)] = 10
    solver_iterations: Annotated[Int, Field(ge=1, le=1000)] = 10
    time_scale: Annotated[Real, Field(ge=1e-6, le=100)] = 1.0

    @model_validator(mode="after")
    def _one_damping(self) -> Self:
        if self.damping is not None and not (
            self.linear_damping is None and self.angular_damping is None
        ):
            raise ValueError("give either damping, or linear_damping and angular_damping, not both")
        return self

    @property
    def dampings(self) -> tuple[float, float]:
        """Linear and angular damping."""
        default = _DAMPING if self.damping is None else self.damping
        linear, angular = self.linear_damping, self.angular_damping
        return default if linear is None else linear, default if angular is None else angular
