"""Field types of the recipe language: strict, so that a typo in YAML is an error, not a value."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ModelWrapValidatorHandler,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)

from scene.language.messages import in_sentences


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
    """A mapping of the recipe in which every key is known; what is wrong is put into sentences."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _in_sentences(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            raise in_sentences(error, cls) from None
