"""RelaxCollisions: let particles fall, roll and push each other apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal, final

from pydantic import Field, model_validator

from scene.errors import SimulationError
from scene.execution.state import RuntimeState
from scene.language.fields import Bool, Int, Real, Text
from scene.recipe.names import Members, RecipeNames
from scene.recipe.relaxation import RelaxationSettings
from scene.steps.base import FeatureGenerationStep

if TYPE_CHECKING:
    from scene.recipe.schema import Recipe

type Share = Annotated[Real, Field(ge=0, le=1)]
# What Bullet, which counts in single precision, and Blender's own bounds leave.
type Mass = Annotated[Real, Field(ge=1e-3, le=1e6)]
type Contact = Annotated[Real, Field(ge=0, le=1e6)]
type Acceleration = Annotated[Real, Field(ge=-1e9, le=1e9)]

_DEFAULTS = RelaxationSettings()


@final
class RelaxCollisions(FeatureGenerationStep):
    """Rigid body simulation of a set of particles inside the measurement volume.

    Only `location` and `rotation` of the particles change. The parameters are those of
    :class:`~scene.recipe.relaxation.RelaxationSettings`; `damping` sets linear and angular
    damping at once.
    """

    affected_set_name: Text = "AllParticles"
    collision_shape: Literal[
        "SPHERE", "BOX", "CAPSULE", "CYLINDER", "CONE", "CONVEX_HULL", "MESH"
    ] = "SPHERE"
    num_frames: Annotated[Int, Field(ge=1, le=100_000)] = _DEFAULTS.num_frames
    use_gravity: Bool = _DEFAULTS.use_gravity
    gravity: tuple[Acceleration, Acceleration, Acceleration] = _DEFAULTS.gravity
    mass: Mass = _DEFAULTS.mass
    damping: Share | None = None
    linear_damping: Share | None = None
    angular_damping: Share | None = None
    friction: Contact = _DEFAULTS.friction
    restitution: Contact = _DEFAULTS.restitution
    collision_margin: Annotated[Real, Field(ge=0, le=1)] = _DEFAULTS.collision_margin
    substeps_per_frame: Annotated[Int, Field(ge=1, le=1000)] = _DEFAULTS.substeps_per_frame
    solver_iterations: Annotated[Int, Field(ge=1, le=1000)] = _DEFAULTS.solver_iterations
    time_scale: Annotated[Real, Field(ge=1e-6, le=100)] = _DEFAULTS.time_scale

    @model_validator(mode="after")
    def _one_damping(self) -> RelaxCollisions:
        if self.damping is not None and not (
            self.linear_damping is None and self.angular_damping is None
        ):
            raise ValueError("give either damping, or linear_damping and angular_damping, not both")
        return self

    def check(self, names: RecipeNames) -> Iterator[tuple[str, str]]:
        """Check that the set holds particles."""
        allowed = (Members.PARTICLES, Members.NOTHING)
        if problem := names.set_problem(self.affected_set_name, *allowed):
            yield "affected_set_name", problem

    def makes(self, names: RecipeNames, numbers: Mapping[str, int]) -> Mapping[Members, int]:
        """Return nothing."""
        del names, numbers
        return {}

    def needs(self, names: RecipeNames) -> Iterable[Members]:
        """Return particles, and the measurement technique, whose volume holds them."""
        affected = names.sets.get(self.affected_set_name)
        if affected is None or affected.members is Members.NOTHING:
            return ()
        return Members.PARTICLES, Members.TECHNIQUES

    def changes(self, recipe: Recipe) -> Iterable[str]:
        """Return the features that hold a particle's pose."""
        del recipe
        return "location", "rotation"

    def execute(self, state: RuntimeState) -> None:
        """Run the simulation.

        Raises
        ------
        ValueError
            If a particle is too large for the measurement volume.
        SimulationError
            If nothing sensible came of it.
        """
        ids = state.particle_ids(self.affected_set_name)
        if not ids:
            return
        volume = state.recipe.volume
        moving = [particle for particle in state.specimen.particles if particle.id in ids]
        inside = [particle for particle in moving if volume.holds(particle.features["location"])]
        state.stage.relax(state.specimen, ids, self.settings)
        # Of more than the volume holds, most are pushed through its walls in good order.
        if inside and not any(volume.holds(particle.features["location"]) for particle in inside):
            raise SimulationError(
                f"all {len(inside)} particles left the measurement volume: they move too far "
                "in one step of the simulation; lower gravity or time_scale, or raise "
                "substeps_per_frame"
            )

    @property
    def settings(self) -> RelaxationSettings:
        """What Blender needs to know, defaults filled in."""
        given = self.model_dump(exclude={"affected_set_name", "damping"}, exclude_none=True)
        if self.damping is not None:
            given |= {"linear_damping": self.damping, "angular_damping": self.damping}
        return RelaxationSettings(**given)
