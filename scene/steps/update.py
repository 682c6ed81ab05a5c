"""TriggerFeatureUpdate: draw a feature's values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import final, override

from scene.language.element import CheckContext, Members
from scene.language.fields import Text
from scene.language.plugin_code import described
from scene.specimen.distributions import FeatureDistribution
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import (
    DIMENSIONS,
    MeasurementTechnique,
    MeasurementVolume,
    Particle,
)
from scene.specimen.streams import Streams
from scene.specimen.values import Specs, changed_by, write
from scene.steps.base import FeatureGenerationStep
from scene.steps.context import StepContext

_BLUEPRINTS = (Members.PARTICLE_BLUEPRINTS, Members.TECHNIQUE_BLUEPRINTS)


@final
class TriggerFeatureUpdate(FeatureGenerationStep):
    """Give each object of a set a draw of its own from a feature variability.

    Those that lack the feature are left as they are. Of a feature that all particles of a blueprint
    share, there is one draw for each blueprint.
    """

    feature_variability_name: Text
    affected_set_name: Text

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that distribution and set exist and that the feature takes what is drawn."""
        name, set_name = self.feature_variability_name, self.affected_set_name
        objects = (Members.PARTICLES, Members.TECHNIQUES, Members.NOTHING)
        if problem := context.set_problem(set_name, *objects):
            yield "affected_set_name", problem
        elif reached := [
            name for kind in _BLUEPRINTS for name in context.blueprints_in(set_name, kind)
        ]:
            yield "affected_set_name", _prototypes(set_name, reached)
        if problem := context.distribution_problem(name, set_name):
            yield "feature_variability_name", problem

    @override
    def makes(self, context: CheckContext) -> Mapping[Members, int]:
        return {}

    def needs(self, context: CheckContext) -> Iterable[Members]:
        """Return what the set holds, if that is of one kind."""
        members = list(context.members(self.affected_set_name))
        return members if len(members) == 1 else ()

    def changes(self, context: CheckContext) -> Iterable[str]:
        """Return the feature that is drawn."""
        feature = context.drawn_feature(self.feature_variability_name)
        return () if feature is None else (feature,)

    @override
    def concerns(self, context: CheckContext) -> Members:
        feature = context.drawn_feature(self.feature_variability_name)
        if feature is None:
            return context.members(self.affected_set_name)
        return context.members_with(self.affected_set_name, feature)

    def execute(self, context: StepContext) -> None:
        """Draw and set the values, of those members that have the feature."""
        entry = context.distributions[self.feature_variability_name]
        draw = _Draw(self.feature_variability_name, entry, context.volume)
        name, feature = self.affected_set_name, entry.feature_name
        particles, techniques = context.particles(name), context.techniques(name)
        for kind in _BLUEPRINTS:
            if reached := context.blueprints_in(name, kind):
                raise ValueError(_prototypes(name, reached))
        owners = [p for p in particles if feature in context.particle_features[p.blueprint]]
        _update_particles(context, draw, owners)
        specs = context.technique_features
        if feature in specs:
            for technique in techniques:
                draw.update(technique, specs, context.look_streams, 0)


@final
@dataclass(frozen=True, slots=True)
class _Draw:
    """What a step draws from, and where its places may be."""

    name: str
    entry: FeatureDistribution
    volume: MeasurementVolume

    def update(
        self, owner: Particle | MeasurementTechnique, specs: Specs, streams: Streams, index: int
    ) -> None:
        """Give an object a value from a stream of its own, which no other object's draw needs."""
        variability = self.entry.variability
        rng = streams.generator(self.name, owner.blueprint, index)
        value = variability.sample(rng, self.volume)
        try:
            write(owner.features, specs, self.entry.feature_name, value)
        except ValueError as error:
            raise ValueError(f"{described(type(variability))}: {error}") from error


def _update_particles(context: StepContext, draw: _Draw, particles: Iterable[Particle]) -> None:
    """Give particles that have the feature their values; those that share one share a draw."""
    feature = draw.entry.feature_name
    shared: dict[str, FeatureValue] = {}
    for particle in particles:
        if particle.blueprint in shared:
            continue
        specs = context.particle_features[particle.blueprint]
        draw.update(particle, specs, context.streams, particle.index)
        if specs[feature].shared:
            shared[particle.blueprint] = particle.features[feature]
        if DIMENSIONS in changed_by([feature], specs):
            problem = draw.volume.misfit(particle.features[DIMENSIONS])
            if problem is not None:
                raise ValueError(f"{particle.label}: {problem}")
    for particle in context.specimen.particles:
        if particle.blueprint in shared:
            particle.features[feature] = shared[particle.blueprint]


def _prototypes(set_name: str, blueprints: Iterable[str]) -> str:
    names = " and ".join(blueprints)
    return (
        f"the set {set_name!r} also holds what objects are made from ({names}), whose features "
        "can't be changed; add 'and $IsParticle' or 'and $IsMeasurementTechnique' to its criterion"
    )
