"""DistributeInMeasurementVolume: agglomerates, and particles on their own, somewhere else each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final, override

import numpy as np
from numpy.typing import NDArray

from scene.language.element import CheckContext
from scene.language.fields import Bool
from scene.specimen.distributions import UniformlyRandomLocationInMeasurementVolume
from scene.specimen.specimen import DIMENSIONS, MeasurementVolume, Particle
from scene.steps.base import ParticleStep
from scene.steps.context import StepContext


@final
class DistributeInMeasurementVolume(ParticleStep):
    """Put each particle of a set somewhere in the measurement volume, and all that hangs on it.

    Particles that have a parent move with it, and only with it. Nothing keeps agglomerates from
    overlapping.

    Parameters
    ----------
    affected_set_name
        The set.
    whole
        Whether nothing of an agglomerate sticks out of the box round the volume: its places are
        those where the spheres around its particles fit in; one that is too large is in the middle.
    """

    whole: Bool = False

    @override
    def changes(self, context: CheckContext) -> Iterable[str]:
        return ("location",)

    def execute(self, context: StepContext) -> None:
        """Move the particles; each root has a stream of its own."""
        anywhere = UniformlyRandomLocationInMeasurementVolume()
        volume = context.volume
        descendants = context.specimen.descendants()
        for root in context.particles(self.affected_set_name):
            if root.parent is not None:
                continue
            rng = context.streams.generator(type(self).__name__, root.blueprint, root.index)
            members = (root, *descendants.get(root.id, ()))
            way = np.subtract(anywhere.sample(rng, volume), root.features["location"])
            if self.whole:
                way = _moved_in(way, members, volume)
            for particle in members:
                x, y, z = (way + particle.features["location"]).tolist()
                particle.features["location"] = x, y, z


def _moved_in(
    way: NDArray[np.float64], members: Sequence[Particle], volume: MeasurementVolume
) -> NDArray[np.float64]:
    """Return where to move an agglomerate instead, so that it is inside the volume's box.

    Places in the whole box are mapped to those that are allowed, so that these are equally likely.
    """
    centres = np.array([particle.features["location"] for particle in members], dtype=float)
    sizes = np.array([particle.features[DIMENSIONS] for particle in members], dtype=float)
    radii = sizes.max(axis=1, keepdims=True) / 2
    root = centres[0]
    lower = volume.lower + (root - (centres - radii).min(axis=0))
    upper = volume.upper - ((centres + radii).max(axis=0) - root)
    fraction = (way + root - volume.lower) / np.array(volume.sides)
    lower, upper = np.where(lower <= upper, (lower, upper), (lower + upper) / 2)
    moved: NDArray[np.float64] = lower + fraction * (upper - lower) - root
    return moved
