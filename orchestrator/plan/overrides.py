"""Hydra's override grammar: from the texts of overrides to the values they give their keys."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Never, cast, final

from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.types import Override, QuotedString, RangeSweep, ValueType
from hydra.errors import HydraException

from orchestrator.plan.ranges import ExactRange, number_range
from orchestrator.plan.run import Scalar
from orchestrator.plan.sweep import OverrideText
from scene.errors import ConfigurationError
from scene.language.override_texts import grammar_sentence, override_problem
from scene.recipe.defaults import is_without_meaning

_LOG = logging.getLogger(__name__)

_SHOWN_TEXT = 200

LONGEST_TEXT = 1_000_000
"""Most characters of an override; parsing this many takes seconds."""


@final
@dataclass(frozen=True, slots=True)
class Axis:
    """One override and all the values it gives its key.

    Parameters
    ----------
    override
        As it was written.
    prefix
        ``+``, ``++``, ``~`` or nothing.
    key
        Dotted key without the prefix.
    values
        Typed values: one for a plain override, several for a sweep. Lists, mappings and quoted
        strings as Hydra's parser gives them.
    """

    override: OverrideText
    prefix: str
    key: str
    values: Sequence[Any]

    def text(self, index: int) -> str:
        """Return the value at `index` as Hydra's grammar writes it."""
        return "" if self.prefix == "~" else value_text(self.values[index])

    def assignment(self, index: int) -> str:
        """Return the override that sets the value at `index`."""
        if self.prefix == "~":
            return self.override.text
        return f"{self.prefix}{self.key}={self.text(index)}"

    def scalar(self, index: int) -> Scalar:
        """Return the value at `index`, typed; lists and mappings as text."""
        value = plain(self.values[index])
        return value_text(value) if isinstance(value, list | dict) else cast("Scalar", value)

    def gives(self, path: str) -> bool:
        """Whether what a recipe has at the dotted `path` comes from this override."""
        if self.prefix == "~" or f"{path}.".removeprefix(f"{self.key}.") == f"{path}.":
            return False
        if self.prefix == "+" or isinstance(self.values, range | ExactRange | array):
            return True
        below = path.removeprefix(self.key).split(".")[1:]
        return any(_reaches(value, below) for value in self.values)


def parse_overrides(overrides: Sequence[OverrideText]) -> tuple[Axis, ...]:
    """Parse overrides in Hydra's grammar.

    Raises
    ------
    ConfigurationError
        With every override that is malformed, gives no value, or uses what a sweep can't.
    """
    axes, problems = [], []
    for override in overrides:
        if len(override.text) > LONGEST_TEXT:
            message = (
                f"is {len(override.text):,} characters long, and may have at most "
                f"{LONGEST_TEXT:,}; range(start,stop,step) writes many values shortly"
            )
            problems.append(override.problem(message))
            continue
        if problem := override_problem(override.text):
            problems.append(override.problem(problem))
            continue
        try:
            parsed = _PARSER.parse_override(override.text)
            if is_without_meaning(str(parsed.key_or_group)):
                note = "%s: %s has no meaning here and is left out"
                _LOG.warning(note, override.source, override.text)
            else:
                axes.append(_axis(override, parsed))
        except (HydraException, ValueError, RecursionError) as error:
            problems.append(override.problem(_one_line(error, override.text)))
    if problems:
        raise ConfigurationError(problems)
    return tuple(axes)


def value_text(value: Any) -> str:
    """Return a parsed value as Hydra's grammar writes it, so that it parses to itself again."""
    if isinstance(value, str) and not isinstance(value, QuotedString) and "${" in value:
        return value  # escaping would keep the interpolation from being one
    return str(Override._get_value_element_as_str(value))  # noqa: SLF001 (Hydra has no public one)


def plain(value: Any) -> Any:
    """Return a parsed value without the quotes it may have been written in."""
    return value.text if isinstance(value, QuotedString) else value


def _reaches(value: Any, path: Sequence[str]) -> bool:
    """Whether there is something at `path` in a value, whose mappings are merged into others."""
    for key in path:
        if not isinstance(value, dict):
            return True
        if key not in value:
            return False
        value = value[key]
    return True


def _axis(override: OverrideText, parsed: Override) -> Axis:
    prefix = str(parsed.get_key_element()).removesuffix(str(parsed.key_or_group))
    key = str(parsed.key_or_group)
    if parsed.package is not None or "/" in key:
        raise _RefusedError("names a config group; only keys of the recipe can be overridden")
    if parsed.is_delete():
        if parsed.is_sweep_override():
            raise _RefusedError("a deleted key has no values to sweep over")
        return Axis(override, "~", key, (None,))
    if parsed.value_type == ValueType.GLOB_CHOICE_SWEEP:
        raise _RefusedError("glob() needs a config group; write the values out")
    if parsed.value_type == ValueType.INTERVAL_SWEEP:
        raise _RefusedError("interval() has no end of values; use range(start,stop,step)")
    values = _values(parsed)
    if not values:
        raise _RefusedError("gives no value, so that the sweep would be empty")
    return Axis(override, prefix, key, values)


def _values(parsed: Override) -> Sequence[Any]:
    if not parsed.is_sweep_override():
        return (parsed._value,)  # noqa: SLF001 (value() would lose the quotes)
    sweep: Any = parsed._value  # noqa: SLF001
    if isinstance(sweep, RangeSweep):
        try:
            return number_range(sweep.start, sweep.stop, sweep.step)
        except ValueError as error:
            raise _RefusedError(str(error)) from error
    return tuple(parsed.sweep_iterator())


class _RefusedError(ValueError):
    """An override that parses, but that a sweep can't take."""


def _refuse_shuffle(*_: object, **__: object) -> Never:
    raise _RefusedError("shuffle() would give other runs at every start; write the order out")


def _parser() -> OverridesParser:
    functions = create_functions()
    functions.functions["shuffle"] = _refuse_shuffle
    return OverridesParser(functions)


_PARSER = _parser()


def _one_line(error: Exception, text: str) -> str:
    for refusal in (error, error.__cause__):  # the parser wraps what its functions raise
        if isinstance(refusal, _RefusedError):
            return str(refusal)
    if len(text) > _SHOWN_TEXT:
        text = f"{text[:_SHOWN_TEXT]}..."
    return f"{text!r} is not an override in Hydra's grammar: {grammar_sentence(error)}"
