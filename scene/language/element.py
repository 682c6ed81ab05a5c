"""The elements of a recipe, which a ``_target_`` names, and what their checks may ask."""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any, ClassVar, Protocol, Self, final

from pydantic import ModelWrapValidatorHandler, ValidationError, ValidationInfo, model_validator

from scene.language.fields import StrictModel
from scene.language.messages import problem, shown
from scene.language.plugin_code import failed


class Members(Flag):
    """What a set can hold: one kind of objects, several (``PARTICLES | TECHNIQUES``) or none."""

    NOTHING = 0
    PARTICLES = auto()
    TECHNIQUES = auto()
    PARTICLE_BLUEPRINTS = auto()
    TECHNIQUE_BLUEPRINTS = auto()

    @property
    def text(self) -> str:
        """What messages call it."""
        return " and ".join(_TEXTS[kind] for kind in self) or "nothing"


_TEXTS = {
    Members.PARTICLES: "particles",
    Members.TECHNIQUES: "measurement techniques",
    Members.PARTICLE_BLUEPRINTS: "particle blueprints",
    Members.TECHNIQUE_BLUEPRINTS: "measurement technique blueprints",
}


class CheckContext(Protocol):
    """What an element may ask of the recipe that it stands in, before anything is executed.

    A problem is one sentence, or None if nothing is wrong. What is faulty itself is not reported
    a second time by those that name it.
    """

    def set_problem(self, name: str, *allowed: Members) -> str | None:
        """Return what is wrong with naming the set `name` where `allowed` kinds are expected.

        A set that can hold other kinds as well is all right: those members are passed over.
        """

    def criterion_problem(self, name: str) -> str | None:
        """Return what is wrong with naming the criterion `name`."""

    def feature_name_problem(self, name: str) -> str | None:
        """Return what is wrong with asking any object for the feature `name`."""

    def blueprint_problem(self, name: str) -> str | None:
        """Return what is wrong with naming the particle blueprint `name`."""

    def feature_problem(self, set_name: str, feature_name: str) -> str | None:
        """Return what is wrong with setting `feature_name` on the members of a set.

        It is enough if some of them can have it; the others are passed over.
        """

    def distribution_problem(self, name: str, set_name: str) -> str | None:
        """Return what is wrong with drawing a feature of a set's members from a distribution.

        Parameters
        ----------
        name
            An entry of ``process_conditions.feature_variabilities``.
        """

    def members(self, set_name: str) -> Members:
        """Return what a set can hold; nothing if the set is unknown or faulty."""

    def members_with(self, set_name: str, feature_name: str) -> Members:
        """Return the kinds among a set's members of which some can have a feature."""

    def blueprints_in(self, set_name: str, kind: Members) -> Sequence[str]:
        """Return the names of the blueprints of a kind that a set holds."""

    def particles_made(self, set_name: str) -> int:
        """Return the largest number of particles made from the blueprints in a set."""

    def drawn_feature(self, name: str) -> str | None:
        """Return the feature of the entry `name` of ``feature_variabilities``, if there is one."""

    def image_files(self, mode: str) -> Mapping[str, str]:
        """Return the images of a rendering mode, name to file ending.

        Raises
        ------
        ValueError
            If there is no such mode; the text is one sentence with the nearest name.
        """


@final
@dataclass(frozen=True, slots=True)
class Making:
    """Pydantic's context while a recipe is validated.

    Parameters
    ----------
    find
        Returns the class for a base, a ``_target_`` and what is looked for, in words; raises
        ValueError with a sentence.
    made
        The elements made so far, by the `id` of the mapping that each was made from.
    """

    find: Callable[[type, object, str], type]
    made: dict[int, Configurable] = field(default_factory=dict)


class Configurable(StrictModel, ABC):
    """An element of the recipe: a distribution, a set or a step.

    Its fields are its parameters in YAML. Plugins subclass one of its abstract children.
    """

    _called: ClassVar[str] = "element"
    """What messages call the elements of a kind."""

    def check(self, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Yield a (key, message) for every parameter that does not fit the rest of the recipe."""
        del context
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _make(
        cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Make the element that a mapping's ``_target_`` names where any of a kind can stand."""
        making = info.context
        if not isinstance(making, Making) or isinstance(value, cls):
            return handler(value)
        made = cls._make_target(value, making) if inspect.isabstract(cls) else handler(value)
        making.made[id(value)] = made
        return made

    @classmethod
    def _make_target(cls, value: Any, making: Making) -> Self:
        if not isinstance(value, dict):
            raise problem(f"expected a mapping with a _target_, got {shown(value)}", value)
        if "_target_" not in value:
            message = f"has no _target_, which names the {cls._called}, such as '$builtins.X'"
            raise problem(message, value)
        try:
            found: type[Self] = making.find(cls, value["_target_"], cls._called)
        except ValueError as error:
            raise problem(str(error), value, "_target_") from error
        parameters = {key: given for key, given in value.items() if key != "_target_"}
        try:
            return found.from_parameters(parameters, making)
        except ValidationError:
            raise
        except Exception as error:  # a plugin's own validation
            raise problem(failed(found, "checking its parameters", error), value) from error

    @classmethod
    def from_parameters(cls, parameters: dict[str, Any], making: Making) -> Self:
        """Make an element of this class from its parameters in a recipe."""
        return cls.model_validate(parameters, context=making)
