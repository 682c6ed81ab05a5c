"""AgglomerateParticles: particles are thrown at each other until they hang together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, ClassVar, Literal, final, override

import numpy as np
from pydantic import BeforeValidator, Field

from scene.errors import SimulationError
from scene.language.canonical import Place
from scene.language.element import CheckContext
from scene.language.fields import Real
from scene.language.plugin_code import described
from scene.prototypes.balls import ball_diameter
from scene.shapes.agglomeration.collision import Throw
from scene.shapes.agglomeration.growth import GROWTHS
from scene.shapes.agglomeration.hulls import Hulls
from scene.shapes.agglomeration.shape import Shape
from scene.shapes.agglomeration.solids import Body, Solids
from scene.shapes.agglomeration.spheres import Spheres
from scene.shapes.agglomeration.turns import angles_of, matrix_of, then_turned, turned
from scene.specimen.distributions import Distribution
from scene.specimen.distributions.parameters import one_number
from scene.specimen.features import FeatureSpec
from scene.specimen.specimen import POSE, Particle
from scene.steps.base import ParticleStep
from scene.steps.context import StepContext

_NUMBER = FeatureSpec("primary_particle_number", 1.0, "particles in an agglomerate", minimum=0.0)
_STREAM = "AgglomerateParticles"
_EMPTY = "an agglomerate has at least one particle"


def _any_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


@final
class AgglomerateParticles(ParticleStep):
    """Make agglomerates of a set of particles.

    What moves as one is a particle without a parent, with all that hangs on it; particles of the
    set that have a parent move with that. Only poses and parents change. Agglomerates that one step
    makes lie on top of each other; `DistributeInMeasurementVolume` spreads them.

    Parameters
    ----------
    affected_set_name
        The particles.
    mode
        ``particle-cluster``: one after the other collides with what the earlier ones have become.
        ``cluster-cluster``: any two collide, as often as free ones would, until one is left.
    randomness
        0: they fly straight; 1: each step has a direction of its own.
    speed
        Length of a step, in scene units. Contacts are exact whatever it is.
    sintering_ratio
        Which fraction of the distance between the centres of two particles that touch is taken
        away by moving the agglomerates into each other.
    primary_particle_number_variability
        How many particles each agglomerate has, rounded up; None for one agglomerate of all.
    """

    worth_keeping: ClassVar[bool] = True
    joins_particles: ClassVar[bool] = True

    mode: Annotated[Literal["cluster-cluster", "particle-cluster"], BeforeValidator(_any_case)]
    randomness: Annotated[Real, Field(ge=0, le=1)]
    speed: Annotated[Real, Field(gt=0, le=1e5)]
    sintering_ratio: Annotated[Real, Field(ge=0, le=1)] = 0.0
    primary_particle_number_variability: Distribution | None = None

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Check that the set holds particles, and that numbers of them are drawn."""
        yield from super().check(context)
        numbers = self.primary_particle_number_variability
        if numbers is None:
            return
        for key, message in numbers.check(context):
            yield f"primary_particle_number_variability.{key}", message
        if problem := numbers.unfit(_NUMBER):
            yield "primary_particle_number_variability", problem
        elif (ends := numbers.extremes()) and not any(map(one_number, ends)):
            yield "primary_particle_number_variability", f"{_EMPTY}, got 0 at each draw"

    @override
    def changes(self, context: CheckContext) -> Iterable[str]:
        return POSE

    def execute(self, context: StepContext) -> None:
        """Form the agglomerates.

        Raises
        ------
        SimulationError
            If two parts of an agglomerate do not meet.
        ValueError
            If a number is drawn that no agglomerate can have.
        """
        roots = [p for p in context.particles(self.affected_set_name) if p.parent is None]
        descendants = context.specimen.descendants()
        for number, group in enumerate(self._groups(roots, context)):
            rng = context.streams.generator(_STREAM, number)
            if len(group) < 2:
                continue
            bodies = [[root, *descendants.get(root.id, ())] for root in group]
            try:
                self._agglomerate(bodies, context, rng)
            except SimulationError as error:
                ids = f"particles {group[0].id} to {group[-1].id}"
                raise SimulationError(f"agglomerate {number + 1} ({ids}): {error}") from error

    def _agglomerate(
        self, bodies: Sequence[Sequence[Particle]], context: StepContext, rng: np.random.Generator
    ) -> None:
        particles = [particle for body in bodies for particle in body]
        solids = solids_of(particles, context)
        members = np.split(np.arange(len(particles)), np.cumsum([len(own) for own in bodies])[:-1])
        before = solids.centres.copy()
        throw = Throw(self.randomness, self.speed, self.sintering_ratio)
        made = GROWTHS[self.mode](solids, [Body.of(solids, own) for own in members], throw, rng)
        root = particles[made.members[0]].id
        for particle, centre, turn, old in zip(
            particles, solids.centres, solids.turns, before, strict=True
        ):
            location, rotation = (np.array(particle.features[name]) for name in POSE)
            x, y, z = (centre + turned(turn, location - old)).tolist()
            particle.features["location"] = x, y, z
            particle.features["rotation"] = angles_of(
                then_turned(matrix_of(rotation.tolist()), turn)
            )
            particle.parent = None if particle.id == root else root

    def _groups(
        self, roots: Sequence[Particle], context: StepContext
    ) -> Iterator[Sequence[Particle]]:
        numbers = self._numbers(context)
        begin = 0
        while begin < len(roots):
            end = min(begin + next(numbers), len(roots)) if numbers else len(roots)
            yield roots[begin:end]
            begin = end

    def _numbers(self, context: StepContext) -> Iterator[int] | None:
        """Return an iterator of numbers of particles, or None where all go together."""
        found = self.primary_particle_number_variability
        if found is None:
            return None

        def parameter(place: Place, inner: Distribution) -> float:
            return one_number(inner.sample(rng(*place), context.volume))

        def rng(*place: str | int) -> np.random.Generator:
            return context.streams.generator(_STREAM, "numbers", *place)

        return _drawn_numbers(found.drawn(parameter), rng(), context)


def _drawn_numbers(
    numbers: Distribution, rng: np.random.Generator, context: StepContext
) -> Iterator[int]:
    while True:
        value = numbers.sample(rng, context.volume)
        try:
            number = math.ceil(one_number(_NUMBER.checked(value)))
            if number == 0:
                raise ValueError(f"{_EMPTY}, got 0")
        except ValueError as error:
            message = f"primary_particle_number_variability: {described(type(numbers))}: {error}"
            raise ValueError(message) from error
        yield number


def solids_of(particles: Sequence[Particle], context: StepContext) -> Solids:
    """Return particles as what can collide."""
    diameters = [ball_diameter(p, context.geometry(p.geometry)) for p in particles]
    centres = np.array([particle.features["location"] for particle in particles], dtype=float)
    if None not in diameters:
        return Spheres(centres, np.array(diameters, dtype=float) / 2)
    others = {p.id for p, diameter in zip(particles, diameters, strict=True) if diameter is None}
    surfaces = context.surfaces(frozenset(others))
    return Hulls(
        [
            Shape.of(surfaces[particle.id])
            if diameter is None
            else Shape.ball(centre, diameter / 2)
            for particle, centre, diameter in zip(particles, centres, diameters, strict=True)
        ]
    )
