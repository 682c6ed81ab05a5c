"""What a step of the synth chain is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, override

from scene.language.element import CheckContext, Configurable, Members
from scene.language.fields import Text
from scene.steps.context import StepContext


class Step(Configurable):
    """One element of the synth chain; its fields are its parameters in YAML."""

    @property
    def label(self) -> str:
        """Name under which the step's time is recorded (``time.<label>``)."""
        return type(self).__name__

    def needs(self, context: CheckContext) -> Iterable[Members]:
        """Return which objects the step needs to have been made before; by default none."""
        del context
        return ()

    @abstractmethod
    def execute(self, context: StepContext) -> None:
        """Do the step's work."""


class FeatureGenerationStep(Step):
    """A step that makes objects or changes their features."""

    _called = "feature generation step"

    worth_keeping: ClassVar[bool] = False
    """Whether it takes so long that runs share what it makes of particles; see `concerns`."""

    joins_particles: ClassVar[bool] = False
    """Whether it makes agglomerates, so that the table of particles describes them."""

    def makes(self, context: CheckContext) -> Mapping[Members, int] | None:
        """Return how many objects of which kind the step makes; None if that is not known yet."""
        del context
        return None

    def changes(self, context: CheckContext) -> Iterable[str]:
        """Return the names of the features that the step changes; by default none."""
        del context
        return ()

    def concerns(self, context: CheckContext) -> Members | None:
        """Return what the step's work is about; by default None, which may be anything.

        Runs share a specimen, and so its relaxation, if every step up to the last one that is
        `worth_keeping` says what it concerns:

        - ``Members.PARTICLES``: the step changes particles and nothing else. What becomes of them
          follows from the particles, the step's parameters, what its parameters name among the
          recipe's sets and feature variabilities, the measurement volume, and draws from
          ``context.streams``. Such a step is skipped where its specimen is there already.
        - ``Members.TECHNIQUES``: it changes the measurement technique and nothing else, and pays no
          heed to particles. It is executed in every run.
        - ``Members.NOTHING``: it has no effect.
        """
        del context
        return None


class ParticleStep(FeatureGenerationStep):
    """A step that changes particles of a set, and nothing else."""

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
        return list(self.concerns(context))

    @override
    def concerns(self, context: CheckContext) -> Members:
        return context.members(self.affected_set_name) & Members.PARTICLES


class RenderingStep(Step):
    """A step that writes files."""

    _called = "rendering step"

    def files(self, context: CheckContext) -> Iterable[str]:
        """Return the files that the step writes, relative to the run's folder.

        A pattern with ``*`` where a particle's id goes.
        """
        del context
        return ()
