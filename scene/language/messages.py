"""Sentences for what pydantic finds wrong with a mapping from YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from scene.errors import unknown

type Path = tuple[str | int, ...]

_SENTENCE = "sentence"
"""Type of the errors whose message is one of ours."""

_EXPECTED = {
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "string_type": "expected a text",
    "string_too_short": "expected a text",
    "string_unicode": "expected a text in UTF-8",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
}
_BOUND = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}

_NAME_PATTERN = re.compile(
    r"\^(?:\[(?P<first>[^]]+)\])?\[(?P<further>A-Za-z0-9[^]]+)\]\{0,(?P<most>\d+)\}\$"
)


def schema_problems(error: ValidationError) -> Iterator[tuple[Path, str]]:
    """Yield the (path, message) of every problem in what validating a `StrictModel` raised."""
    for details in error.errors(include_url=False):
        # Pydantic marks the keys of mappings where a key itself is wrong.
        yield tuple(part for part in details["loc"] if part != "[key]"), details["msg"]


def in_sentences(error: ValidationError, model: type[BaseModel]) -> ValidationError:
    """Return an error of the same problems, each in a sentence of ours.

    Parameters
    ----------
    model
        The model that was validated; its fields are the valid keys.
    """
    found = error.errors(include_url=False)
    told = [
        _problem(
            details["msg"] if details["type"] == _SENTENCE else _sentence(model, details),
            details["input"],
            *details["loc"],
        )
        for details in found
        if not _miscounted(details, found)
    ]
    return ValidationError.from_exception_data(error.title, told)


def problem(message: str, value: object, *place: str | int) -> ValidationError:
    """Return the error for one problem, for a validator to raise.

    Parameters
    ----------
    message
        One sentence.
    value
        What is wrong.
    place
        Where `value` lies below what is validated.
    """
    return ValidationError.from_exception_data("", [_problem(message, value, *place)])


def problems(found: Mapping[Path, str], value: object) -> ValidationError:
    """Return the error for several problems, each with its place below `value`."""
    told = [_problem(message, value, *place) for place, message in found.items()]
    return ValidationError.from_exception_data("", told)


def _problem(message: str, value: object, *place: str | int) -> InitErrorDetails:
    sentence = PydanticCustomError(_SENTENCE, "{text}", {"text": message})
    return InitErrorDetails(type=sentence, loc=place, input=value)


def _miscounted(details: ErrorDetails, found: Sequence[ErrorDetails]) -> bool:
    """Return whether a list seems too short only because entries of it are wrong themselves."""
    place = details["loc"]
    return details["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in found
    )


def _sentence(model: type[BaseModel], details: ErrorDetails) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        fields = model.model_fields.items()
        return unknown("key", details["loc"][-1], [field.alias or name for name, field in fields])
    if kind == "missing":
        return "is missing"
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, got {shown(value)}"
    if kind in _BOUND:
        words, key = _BOUND[kind]
        return f"must be {words} {context[key]}, got {shown(value)}"
    if kind == "literal_error":
        if isinstance(value, str):
            return unknown("value", value, _literals(context["expected"]))
        return f"expected {context['expected']}, got {shown(value)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"{_characters(context['pattern'])}, got {shown(value)}"
    if kind in {"too_short", "too_long"}:
        low, high = context.get("min_length"), context.get("max_length")
        bound = f"at least {low}" if kind == "too_short" else f"at most {high}"
        # pydantic does not count what it can't take anyway
        number = context["actual_length"]
        got = len(value) if number is None and isinstance(value, Sized) else number
        return f"must have {bound} entries, got {got}"
    return f"{details['msg']}, got {shown(value)}"


def _characters(pattern: str) -> str:
    """Return what a pattern of the form ``^[first][further]{0,n}$`` asks for, in words."""
    found = _NAME_PATTERN.fullmatch(pattern)
    if found is None:
        return f"must match {pattern}"
    first, further, most = found["first"] or "", found["further"], int(found["most"])
    marks = " ".join(further.removeprefix("A-Za-z0-9"))
    start = f"begin with a letter{' or a digit' if '0-9' in first else ''} and " if first else ""
    return f"must {start}have at most {most + bool(first)} of A-Z, a-z, 0-9 and {marks}"


def shown(value: Any) -> str:
    """Return a value as a message shows it, in at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _literals(expected: str) -> list[str]:
    return [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
