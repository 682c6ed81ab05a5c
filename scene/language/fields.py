"""Field types of the recipe language: strict, so that a typo in YAML is an error, not a value."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Strict,
    StringConstraints,
)

if TYPE_CHECKING:
    from scene.recipe.names import RecipeNames


def _whole(value: object) -> object:
    """Return a float without a fraction as the whole number it is, so that 1e3 is 1000 for all."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


type Int = Annotated[int, Strict(), BeforeValidator(_whole)]
type Real = Annotated[float, Strict(), AllowInfNan(False)]
type Bool = Annotated[bool, Strict()]
type Text = Annotated[str, Strict()]
type Vector = tuple[Real, Real, Real]

type Identifier = Annotated[
    str, Strict(), StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")
]
"""A name that a recipe gives to something."""

type FileNamePart = Annotated[str, Strict(), StringConstraints(pattern=r"^[A-Za-z0-9_.-]{0,64}$")]
"""Characters that are safe inside a file name on every system; may be empty."""


def _relative_folder(text: str) -> str:
    parts = PurePosixPath(text).parts
    if any(part in {"/", ".", ".."} or not part.strip(". ") for part in parts):
        raise ValueError("must be a relative folder without '..'")
    return text


type RelativeFolder = Annotated[
    str,
    Strict(),
    StringConstraints(pattern=r"^[A-Za-z0-9_./-]{0,128}$"),
    AfterValidator(_relative_folder),
]
"""A folder below the run's folder; empty for the run's folder itself."""


class StrictModel(BaseModel):
    """A mapping of the recipe in which every key is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Configurable(StrictModel, ABC):
    """What a ``_target_`` in a recipe makes: a variability, a set or a step.

    A subclass's fields are its parameters in YAML. Plugins subclass one of its abstract children.
    """

    def check(self, names: RecipeNames) -> Iterator[tuple[str, str]]:
        """Yield a (key, message) for every parameter that does not fit the rest of the recipe.

        Parameters
        ----------
        names
            Everything that the recipe names. Elements that are themselves faulty are missing.
        """
        del names
        yield from ()
