"""What a step of the synth chain is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from scene.language.fields import Configurable
from scene.recipe.names import Members, RecipeNames

if TYPE_CHECKING:
    from scene.execution.state import RuntimeState
    from scene.recipe.schema import Recipe


class Step(Configurable):
    """One element of the synth chain; its fields are its parameters in YAML."""

    @property
    def label(self) -> str:
        """Name under which the step's time is recorded (``time.<label>``)."""
        return type(self).__name__

    def needs(self, names: RecipeNames) -> Iterable[Members]:
        """Return which objects the step works on, and so has to come after; by default none."""
        del names
        return ()

    @abstractmethod
    def execute(self, state: RuntimeState) -> None:
        """Do the step's work on the run's state."""


class FeatureGenerationStep(Step):
    """A step that makes objects or changes their features."""

    def makes(self, names: RecipeNames, numbers: Mapping[str, int]) -> Mapping[Members, int] | None:
        """Return how many objects of which kind the step makes; None if only running it tells.

        Parameters
        ----------
        numbers
            Particles that each blueprint makes.
        """
        del names, numbers
        return None

    def changes(self, recipe: Recipe) -> Iterable[str]:
        """Return the names of the features that the step changes."""
        del recipe
        return ()


class RenderingStep(Step):
    """A step that writes files."""

    def files(self, names: RecipeNames) -> Iterable[str]:
        """Return the files that the step writes, relative to the run's folder.

        A pattern with ``*`` where a particle's id goes.
        """
        del names
        return ()
