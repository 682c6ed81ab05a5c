"""Steps of specimen preparation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, final

from pydantic import Field

from blendsweep.plugins import (
    CheckContext,
    FeatureGenerationStep,
    Members,
    Particle,
    Real,
    StepContext,
    Text,
)


@final
class Rinse(FeatureGenerationStep):
    """Wash away every particle of a set that does not lie on the substrate.

    What is left is the first layer. Comes after ``RelaxCollisions``.

    Parameters
    ----------
    affected_set_name
        A set of particles.
    adhesion
        Largest gap between substrate and particle, as a fraction of the particle's height, at which
        it still sticks.
    """

    affected_set_name: Text = "AllParticles"
    adhesion: Annotated[Real, Field(ge=0)] = 0.1

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that the set holds particles."""
        allowed = (Members.PARTICLES, Members.NOTHING)
        if problem := context.set_problem(self.affected_set_name, *allowed):
            yield "affected_set_name", problem

    def makes(self, context: CheckContext) -> Mapping[Members, int]:
        """Return nothing: particles are only removed."""
        del context
        return {}

    def concerns(self, context: CheckContext) -> Members:
        """Return particles, so that runs can share those of a relaxation that comes later."""
        del context
        return Members.PARTICLES

    def execute(self, context: StepContext) -> None:
        """Remove the particles from the specimen."""
        substrate = context.volume.lower[2]
        rinsed = context.particle_ids(self.affected_set_name)
        kept = [
            particle
            for particle in context.specimen.particles
            if particle.id not in rinsed or self._sticks(particle, substrate)
        ]
        # Ids are 1..N, without gaps; random draws go by `index`, which stays.
        for particle_id, particle in enumerate(kept, start=1):
            particle.id = particle_id
        context.specimen.particles[:] = kept

    def _sticks(self, particle: Particle, substrate: float) -> bool:
        location, dimensions = particle.features["location"], particle.features["dimensions"]
        assert isinstance(location, tuple)
        assert isinstance(dimensions, tuple)
        height = dimensions[2]
        return location[2] - height / 2 - substrate <= self.adhesion * height
