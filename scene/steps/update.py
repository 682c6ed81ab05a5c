"""TriggerFeatureUpdate: draw a feature's values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, final

from scene.errors import unknown
from scene.execution.state import RuntimeState
from scene.language.fields import Text
from scene.recipe.fitting import DIMENSIONS, too_large
from scene.recipe.names import Members, RecipeNames
from scene.recipe.plugins import described, failed
from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import MeasurementTechnique, Particle
from scene.steps.base import FeatureGenerationStep

if TYPE_CHECKING:
    from scene.recipe.schema import Recipe


@final
class TriggerFeatureUpdate(FeatureGenerationStep):
    """Give each object of a set a draw of its own from a feature variability."""

    feature_variability_name: Text
    affected_set_name: Text

    def check(self, names: RecipeNames) -> Iterator[tuple[str, str]]:
        """Check that variability and set exist and that the feature takes what is drawn."""
        objects = (Members.PARTICLES, Members.TECHNIQUES, Members.NOTHING)
        problem = names.set_problem(self.affected_set_name, *objects)
        if problem:
            yield "affected_set_name", problem
        if self.feature_variability_name not in names.variabilities:
            message = unknown(
                "feature variability", self.feature_variability_name, names.variabilities
            )
            yield "feature_variability_name", message
            return
        variability = names.variabilities[self.feature_variability_name]
        if variability is None or problem:
            return
        feature_name = variability.feature_name
        if problem := names.feature_problem(self.affected_set_name, feature_name):
            yield "feature_variability_name", problem
            return
        for features in names.members(self.affected_set_name).values():
            if features is None:
                continue
            try:
                problem = variability.variability.unfit(features[feature_name])
            except Exception as error:  # noqa: BLE001 (a plugin's own code)
                problem = failed(type(variability.variability), "unfit or extremes", error)
            if problem:
                yield "feature_variability_name", problem
                return

    def makes(self, names: RecipeNames, numbers: Mapping[str, int]) -> Mapping[Members, int]:
        """Return nothing."""
        del names, numbers
        return {}

    def needs(self, names: RecipeNames) -> Iterable[Members]:
        """Return what the set holds."""
        affected = names.sets.get(self.affected_set_name)
        return () if affected is None else {affected.members} - {Members.NOTHING}

    def changes(self, recipe: Recipe) -> Iterable[str]:
        """Return the variability's feature."""
        entry = recipe.process_conditions.feature_variabilities[self.feature_variability_name]
        return (entry.feature_name,)

    def execute(self, state: RuntimeState) -> None:
        """Draw and set the values."""
        members = state.recipe.all_sets[self.affected_set_name].members
        if members is Members.PARTICLES:
            specs: dict[str, FeatureSpec] = {}
            volume, (drawn,) = state.recipe.volume, self.changes(state.recipe)
            for particle in state.particles(self.affected_set_name):
                if particle.blueprint not in specs:
                    features = state.recipe.particle_features(particle.blueprint)
                    specs[particle.blueprint] = self._spec(state, features)
                self._update(state, particle, specs[particle.blueprint], particle.index)
                size = particle.features[DIMENSIONS]
                if drawn == DIMENSIONS and (problem := too_large(size, volume)):
                    raise ValueError(f"{particle.label}: {problem}")
        elif members is Members.TECHNIQUES:
            spec = self._spec(state, state.recipe.technique_features())
            for technique in state.specimen.techniques:
                self._update(state, technique, spec, 0)

    def _spec(self, state: RuntimeState, specs: tuple[FeatureSpec, ...]) -> FeatureSpec:
        (name,) = self.changes(state.recipe)
        return {spec.name: spec for spec in specs}[name]

    def _update(
        self,
        state: RuntimeState,
        owner: Particle | MeasurementTechnique,
        spec: FeatureSpec,
        index: int,
    ) -> None:
        conditions = state.recipe.process_conditions
        variability = conditions.feature_variabilities[self.feature_variability_name].variability
        rng = state.streams.generator(self.feature_variability_name, owner.blueprint, index)
        value = variability.sample(rng, state.recipe.volume)
        try:
            owner.features[spec.name] = spec.checked(value)
        except ValueError as error:
            raise ValueError(f"{described(type(variability))}: {error}") from error
