"""What a step of the synth chain is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from scene.fields import Configurable
from scene.names import RecipeNames

if TYPE_CHECKING:
    from scene.recipe import Recipe
    from scene.runtime import RuntimeState


class Step(Configurable):
    """One element of the synth chain; its fields are its parameters in YAML."""

    @property
    def label(self) -> str:
        """Name under which the step's time is recorded (``time.<label>``)."""
        return type(self).__name__

    @abstractmethod
    def execute(self, state: RuntimeState) -> None:
        """Do the step's work on the run's state."""


class FeatureGenerationStep(Step):
    """A step that makes objects or changes their features."""

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


def duplicate_files(steps: Iterable[object], names: RecipeNames) -> Iterator[tuple[int, str]]:
    """Yield the (index, message) of every rendering step whose files an earlier step writes."""
    writers: dict[str, int] = {}
    for index, step in enumerate(steps):
        if not isinstance(step, RenderingStep):
            continue
        for file in step.files(names):
            if file in writers:
                message = (
                    f"writes {file}, as step {writers[file]} does; "
                    "give one of them an output_file_name_prefix or a subfolder"
                )
                yield index, message
                break
            writers[file] = index
