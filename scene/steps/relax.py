"""Steps that bring particles to rest: by rigid body physics, or quicker if they are spheres."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, ClassVar, final, override

import numpy as np
from pydantic import Field

from scene.errors import DryRunError, SimulationError
from scene.language.element import CheckContext, Members
from scene.language.fields import Bool, Real, Text
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.settling import settled
from scene.specimen.specimen import DIMENSIONS, POSE
from scene.steps.base import ParticleStep
from scene.steps.context import StepContext

DRY_RUN_FILE = Path("dry_run.blend")


class RelaxationStep(ParticleStep):
    """A step that brings a set of particles to rest inside the measurement volume."""

    worth_keeping: ClassVar[bool] = True

    affected_set_name: Text = "AllParticles"

    def needs(self, context: CheckContext) -> Iterable[Members]:
        """Return particles, and the measurement technique, whose volume holds them."""
        if Members.PARTICLES not in context.members(self.affected_set_name):
            return ()
        return Members.PARTICLES, Members.TECHNIQUES

    @override
    def changes(self, context: CheckContext) -> Iterable[str]:
        return POSE


@final
class RelaxCollisions(RelaxationSettings, RelaxationStep):
    """Rigid body simulation of a set of particles inside the measurement volume.

    Particles that hang together move as one body; those of the set that hang on another one move
    with that. Only `location` and `rotation` of the particles change.

    Parameters
    ----------
    dry_run
        Whether to end the run here, and to save the scene with its rigid bodies and their cache.
    """

    dry_run: Bool = False

    def execute(self, context: StepContext) -> None:
        """Run the simulation.

        Raises
        ------
        SimulationError
            If a pose is not finite, or no particle is left in the measurement volume.
        DryRunError
            After a dry run.
        """
        moving = context.particles(self.affected_set_name)
        if not moving:
            return
        volume = context.volume
        inside = [particle for particle in moving if volume.holds(particle.features["location"])]
        ids = frozenset(particle.id for particle in moving)
        if self.dry_run:
            context.dry_run(ids, self, DRY_RUN_FILE)
            raise DryRunError
        context.relax(ids, self)
        # Of more than the volume holds, most are pushed through its walls in good order.
        if inside and not any(volume.holds(particle.features["location"]) for particle in inside):
            raise SimulationError(
                f"all {len(inside)} particles left the measurement volume: they move too far "
                "in one step of the simulation; lower gravity or time_scale, or raise "
                "substeps_per_frame"
            )


@final
class SettleSpheres(RelaxationStep):
    """Let a set of particles sink to the floor of the measurement volume and onto each other.

    Each is taken for the sphere around its largest dimension; only its `location` changes. There is
    neither inertia nor friction; see :func:`scene.specimen.settling.settled`.

    Parameters
    ----------
    largest_overlap
        How deep two spheres may overlap in the end, as a fraction of the smaller one's radius.
    """

    largest_overlap: Annotated[Real, Field(ge=1e-6, le=0.1)] = 0.002

    @override
    def changes(self, context: CheckContext) -> Iterable[str]:
        return ("location",)

    def execute(self, context: StepContext) -> None:
        """Move the particles.

        Raises
        ------
        SimulationError
            If they can't be moved apart.
        """
        moving = context.particles(self.affected_set_name)
        if not moving:
            return
        centres = np.array([particle.features["location"] for particle in moving], dtype=float)
        sizes = np.array([particle.features[DIMENSIONS] for particle in moving], dtype=float)
        resting = settled(centres, sizes.max(axis=1) / 2, context.volume, self.largest_overlap)
        for particle, (x, y, z) in zip(moving, resting.tolist(), strict=True):
            particle.rest({"location": (x, y, z)})
