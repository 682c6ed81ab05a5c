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


@final
class InvokeBlueprints(FeatureGenerationStep):
    """Make the objects of a set of blueprints, with their features' default values.

    The measurement technique is made once, a particle blueprint `number` times.
    """

    affected_set_name: Text

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that the set holds blueprints."""
        blueprints = (Members.PARTICLE_BLUEPRINTS, Members.TECHNIQUE_BLUEPRINTS, Members.NOTHING)
        if problem := context.set_problem(self.affected_set_name, *blueprints):
            yield "affected_set_name", problem

    def makes(self, context: CheckContext) -> Mapping[Members, int]:
        """Return what is made from the set's blueprints."""
        members = context.members(self.affected_set_name)
        if members is Members.TECHNIQUE_BLUEPRINTS:
            return {Members.TECHNIQUES: 1}
        if members is Members.PARTICLE_BLUEPRINTS:
            total = context.particles_made(self.affected_set_name)
            return {Members.PARTICLES: total} if total else {}
        return {}

    @override
    def concerns(self, context: CheckContext) -> Members:
        members = context.members(self.affected_set_name)
        made = {
            Members.TECHNIQUE_BLUEPRINTS: Members.TECHNIQUES,
            Members.PARTICLE_BLUEPRINTS: Members.PARTICLES,
        }
        return made.get(members, Members.NOTHING)

    def execute(self, context: StepContext) -> None:
        """Append the new objects to the specimen."""
        affected = context.sets[self.affected_set_name]
        if affected.members is Members.TECHNIQUE_BLUEPRINTS:
            self._invoke_technique(context)
        elif affected.members is Members.PARTICLE_BLUEPRINTS:
            for name in context.blueprints.particles:
                if affected.includes(name):
                    self._invoke_particles(context, name)

    def _invoke_technique(self, context: StepContext) -> None:
        if context.specimen.techniques:
            raise ValueError("the measurement technique has been invoked already")
        ((name, blueprint),) = context.blueprints.measurement_techniques.items()
        technique = MeasurementTechnique(
            blueprint=name,
            prototype=blueprint.measurement_technique_prototype_name,
            background_material=blueprint.background_material_prototype_name,
            features=initial(context.technique_features.values()),
        )
        context.specimen.techniques.append(technique)

    def _invoke_particles(self, context: StepContext, name: str) -> None:
        blueprint = context.blueprints.particles[name]
        defaults = initial(context.particle_features[name].values())
        particles = context.specimen.particles
        first_id = len(particles) + 1
        if len(particles) + blueprint.number > LARGEST_PARTICLE_ID:
            raise ValueError(
                f"at most {LARGEST_PARTICLE_ID} particles in all, got {len(particles)} and "
                f"{blueprint.number} more of {name}"
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
            for offset in range(blueprint.number)
        )
