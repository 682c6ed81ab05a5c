"""InvokeBlueprints: from blueprints to particles and the measurement technique."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import final

from scene.execution.state import RuntimeState
from scene.language.fields import Text
from scene.recipe.names import Members, RecipeNames
from scene.specimen.specimen import LARGEST_PARTICLE_ID, MeasurementTechnique, Particle
from scene.steps.base import FeatureGenerationStep


@final
class InvokeBlueprints(FeatureGenerationStep):
    """Make the objects of a set of blueprints, with their features' default values.

    The measurement technique is made once, a particle blueprint `number` times.
    """

    affected_set_name: Text

    def check(self, names: RecipeNames) -> Iterator[tuple[str, str]]:
        """Check that the set holds blueprints."""
        blueprints = (Members.PARTICLE_BLUEPRINTS, Members.TECHNIQUE_BLUEPRINTS, Members.NOTHING)
        if problem := names.set_problem(self.affected_set_name, *blueprints):
            yield "affected_set_name", problem

    def makes(self, names: RecipeNames, numbers: Mapping[str, int]) -> Mapping[Members, int]:
        """Return what the set's blueprints give."""
        affected = names.sets.get(self.affected_set_name)
        if affected is None:
            return {}
        if affected.members is Members.TECHNIQUE_BLUEPRINTS:
            return {Members.TECHNIQUES: 1}
        if affected.members is Members.PARTICLE_BLUEPRINTS:
            total = sum(number for name, number in numbers.items() if affected.includes(name))
            return {Members.PARTICLES: total} if total else {}
        return {}

    def execute(self, state: RuntimeState) -> None:
        """Append the new objects to the specimen."""
        affected = state.recipe.all_sets[self.affected_set_name]
        if affected.members is Members.TECHNIQUE_BLUEPRINTS:
            self._invoke_technique(state)
        elif affected.members is Members.PARTICLE_BLUEPRINTS:
            for name in state.recipe.blueprints.particles:
                if affected.includes(name):
                    self._invoke_particles(state, name)

    def _invoke_technique(self, state: RuntimeState) -> None:
        if state.specimen.techniques:
            raise ValueError("the measurement technique has been invoked already")
        ((name, blueprint),) = state.recipe.blueprints.measurement_techniques.items()
        technique = MeasurementTechnique(
            blueprint=name,
            prototype=blueprint.measurement_technique_prototype_name,
            background_material=blueprint.background_material_prototype_name,
            features={spec.name: spec.default for spec in state.recipe.technique_features()},
        )
        state.specimen.techniques.append(technique)

    def _invoke_particles(self, state: RuntimeState, name: str) -> None:
        blueprint = state.recipe.blueprints.particles[name]
        defaults = {spec.name: spec.default for spec in state.recipe.particle_features(name)}
        particles = state.specimen.particles
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
