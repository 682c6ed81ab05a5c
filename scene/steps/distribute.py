"""DistributeInMeasurementVolume: agglomerates, and particles on their own, somewhere else each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import final, override

import numpy as np

from scene.language.element import CheckContext, Members
from scene.language.fields import Text
from scene.specimen.distributions import UniformlyRandomLocationInMeasurementVolume
from scene.steps.base import FeatureGenerationStep
from scene.steps.context import StepContext


@final
class DistributeInMeasurementVolume(FeatureGenerationStep):
    """Put each particle of a set somewhere in the measurement volume, and all that hangs on it.

    Particles that have a parent move with it, and only with it. Nothing keeps agglomerates from
    overlapping, or parts of them from lying outside.
    """

    affected_set_name: Text

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that the set holds particles."""
        allowed = (Members.PARTICLES, Members.NOTHING)
        if problem := context.set_problem(self.affected_set_name, *allowed):
            yield "affected_set_name", problem

    @override
    def makes(self, context: CheckContext) -> Mapping[Members, int]:
        return {}

    @override
    def needs(self, context: CheckContext) -> Iterable[Members]:
        return list(context.members(self.affected_set_name) & Members.PARTICLES)

    @override
    def concerns(self, context: CheckContext) -> Members:
        return context.members(self.affected_set_name) & Members.PARTICLES

    @override
    def changes(self, context: CheckContext) -> Iterable[str]:
        return ("location",)

    def execute(self, context: StepContext) -> None:
        """Move the particles; each root has a stream of its own."""
        anywhere = UniformlyRandomLocationInMeasurementVolume()
        descendants = context.specimen.descendants()
        for root in context.particles(self.affected_set_name):
            if root.parent is not None:
                continue
            rng = context.streams.generator(type(self).__name__, root.blueprint, root.index)
            way = np.subtract(anywhere.sample(rng, context.volume), root.features["location"])
            for particle in (root, *descendants.get(root.id, ())):
                x, y, z = (way + particle.features["location"]).tolist()
                particle.features["location"] = x, y, z
