"""RelaxCollisions: let particles fall, roll and push each other apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import final, override

from scene.errors import SimulationError
from scene.language.element import CheckContext, Members
from scene.language.fields import Text
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.specimen import POSE
from scene.steps.base import FeatureGenerationStep
from scene.steps.context import StepContext


@final
class RelaxCollisions(RelaxationSettings, FeatureGenerationStep):
    """Rigid body simulation of a set of particles inside the measurement volume.

    Only `location` and `rotation` of the particles change.
    """

    affected_set_name: Text = "AllParticles"

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that the set holds particles."""
        allowed = (Members.PARTICLES, Members.NOTHING)
        if problem := context.set_problem(self.affected_set_name, *allowed):
            yield "affected_set_name", problem

    @override
    def makes(self, context: CheckContext) -> Mapping[Members, int]:
        return {}

    def needs(self, context: CheckContext) -> Iterable[Members]:
        """Return particles, and the measurement technique, whose volume holds them."""
        if context.members(self.affected_set_name) is Members.NOTHING:
            return ()
        return Members.PARTICLES, Members.TECHNIQUES

    @override
    def concerns(self, context: CheckContext) -> Members:
        return context.members(self.affected_set_name)

    @override
    def changes(self, context: CheckContext) -> Iterable[str]:
        return POSE

    def execute(self, context: StepContext) -> None:
        """Run the simulation.

        Raises
        ------
        SimulationError
            If a pose is not finite, or no particle is left in the measurement volume.
        """
        moving = context.particles(self.affected_set_name)
        if not moving:
            return
        volume = context.volume
        inside = [particle for particle in moving if volume.holds(particle.features["location"])]
        context.relax(frozenset(particle.id for particle in moving), self)
        # Of more than the volume holds, most are pushed through its walls in good order.
        if inside and not any(volume.holds(particle.features["location"]) for particle in inside):
            raise SimulationError(
                f"all {len(inside)} particles left the measurement volume: they move too far "
                "in one step of the simulation; lower gravity or time_scale, or raise "
                "substeps_per_frame"
            )
