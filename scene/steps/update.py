"""TriggerFeatureUpdate: draw a feature's values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import final, override

from scene.language.element import CheckContext, Members
from scene.language.fields import Text
from scene.language.plugin_code import described
from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import DIMENSIONS, MeasurementTechnique, Particle
from scene.specimen.streams import Streams
from scene.steps.base import FeatureGenerationStep
from scene.steps.context import StepContext


@final
class TriggerFeatureUpdate(FeatureGenerationStep):
    """Give each object of a set a draw of its own from a feature variability."""

    feature_variability_name: Text
    affected_set_name: Text

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that distribution and set exist and that the feature takes what is drawn."""
        name, set_name = self.feature_variability_name, self.affected_set_name
        objects = (Members.PARTICLES, Members.TECHNIQUES, Members.NOTHING)
        if problem := context.set_problem(set_name, *objects):
            yield "affected_set_name", problem
        if problem := context.distribution_problem(name, set_name):
            yield "feature_variability_name", problem

    @override
    def makes(self, context: CheckContext) -> Mapping[Members, int]:
        return {}

    def needs(self, context: CheckContext) -> Iterable[Members]:
        """Return what the set holds."""
        return {context.members(self.affected_set_name)} - {Members.NOTHING}

    def changes(self, context: CheckContext) -> Iterable[str]:
        """Return the feature that is drawn."""
        feature = context.drawn_feature(self.feature_variability_name)
        return () if feature is None else (feature,)

    @override
    def concerns(self, context: CheckContext) -> Members:
        return context.members(self.affected_set_name)

    def execute(self, context: StepContext) -> None:
        """Draw and set the values."""
        drawn = context.distributions[self.feature_variability_name].feature_name
        members = context.sets[self.affected_set_name].members
        if members is Members.PARTICLES:
            volume = context.volume
            for particle in context.particles(self.affected_set_name):
                spec = context.particle_features[particle.blueprint][drawn]
                self._update(context, context.streams, particle, spec, particle.index)
                if drawn == DIMENSIONS and (problem := volume.misfit(particle.features[drawn])):
                    raise ValueError(f"{particle.label}: {problem}")
        elif members is Members.TECHNIQUES:
            for technique in context.specimen.techniques:
                spec = context.technique_features[drawn]
                self._update(context, context.look_streams, technique, spec, 0)

    def _update(
        self,
        context: StepContext,
        streams: Streams,
        owner: Particle | MeasurementTechnique,
        spec: FeatureSpec,
        index: int,
    ) -> None:
        distribution = context.distributions[self.feature_variability_name].variability
        rng = streams.generator(self.feature_variability_name, owner.blueprint, index)
        value = distribution.sample(rng, context.volume)
        try:
            owner.features[spec.name] = spec.checked(value)
        except ValueError as error:
            raise ValueError(f"{described(type(distribution))}: {error}") from error
