"""InvokeBlueprints: from blueprints to particles and the measurement technique."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import final, override

from scene.language.element import CheckContext, Members
from scene.language.fields import Text
from scene.specimen.specimen import LARGEST_PARTICLE_ID, MeasurementTechnique, Particle
from scene.specimen.values import initial
from scene.steps.base import FeatureGenerationStep
from scene.steps.context import StepContext

_MADE = {
    Members.PARTICLE_BLUEPRINTS: Members.PARTICLES,
    Members.TECHNIQUE_BLUEPRINTS: Members.TECHNIQUES,
}
"""What is made from which blueprints."""


@final
class InvokeBlueprints(FeatureGenerationStep):
    """Make the objects of a set of blueprints, with their features' default values.

    The measurement technique is made once, a particle blueprint `number` times.
    """

    affected_set_name: Text

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that the set holds blueprints."""
        allowed = (*_MADE, Members.NOTHING)
        if problem := context.set_problem(self.affected_set_name, *allowed):
            yield "affected_set_name", problem

    def makes(self, context: CheckContext) -> Mapping[Members, int]:
        """Return what is made from the set's blueprints."""
        name, made = self.affected_set_name, {}
        alone = context.members(name) is Members.TECHNIQUE_BLUEPRINTS
        if alone or context.blueprints_in(name, Members.TECHNIQUE_BLUEPRINTS):
            made[Members.TECHNIQUES] = 1
        if particles := context.particles_made(name):
            made[Members.PARTICLES] = particles
        return made

    @override
    def concerns(self, context: CheckContext) -> Members:
        members, about = context.members(self.affected_set_name), Members.NOTHING
        for blueprints, objects in _MADE.items():
            if blueprints in members:
                about |= objects
        return about

    def execute(self, context: StepContext) -> None:
        """Append the new objects to the specimen."""
        for name in context.blueprints_in(self.affected_set_name, Members.PARTICLE_BLUEPRINTS):
            self._invoke_particles(context, name)
        if context.blueprints_in(self.affected_set_name, Members.TECHNIQUE_BLUEPRINTS):
            self._invoke_technique(context)

    def _invoke_technique(self, context: StepContext) -> None:
        if context.specimen.techniques:
            raise ValueError("the measurement technique has been invoked already")
        ((name, blueprint),) = context.blueprints.measurement_techniques.items()
        technique = MeasurementTechnique(
            blueprint=name,
            prototype=blueprint.measurement_technique_prototype_name,
            background_material=blueprint.background_material_prototype_name,
            features=initial(context.technique_features.values()),
            volume_material=blueprint.measurement_volume_material_prototype_name,
        )
        context.specimen.techniques.append(technique)

    def _invoke_particles(self, context: StepContext, name: str) -> None:
        blueprint = context.blueprints.particles[name]
        defaults = initial(context.particle_features[name].values())
        particles = context.specimen.particles
        number = context.numbers[name]
        first_id = len(particles) + 1
        if len(particles) + number > LARGEST_PARTICLE_ID:
            raise ValueError(
                f"at most {LARGEST_PARTICLE_ID} particles in all, got {len(particles)} and "
                f"{number} more of {name}"
            )
        made = sum(particle.blueprint == name for particle in particles)
        particles.extend(
            Particle(
                id=first_id + offset,
                blueprint=name,
                index=made + offset,
                geometry=blueprint.geometry_prototype_name,
                material=blueprint.material_prototype_name,
                features=dict(defaults),
            )
            for offset in range(number)
        )
