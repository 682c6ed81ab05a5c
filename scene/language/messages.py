"""Sentences for what pydantic finds wrong with a mapping from YAML."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Sized
from typing import Any, final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scene.errors import unknown

type Path = tuple[str | int, ...]


@final
class Faulty:
    """Stands in for an element whose problems are told already."""


FAULTY = Faulty()

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


def schema_problems(model: type[BaseModel], error: ValidationError) -> Iterator[tuple[Path, str]]:
    """Yield the (path, message) of every problem in `error`.

    Parameters
    ----------
    model
        The model that was validated; its fields are the valid keys.
    error
        What its validation raised.
    """
    for details in error.errors(include_url=False):
        if isinstance(details["input"], Faulty):
            continue
        path = _visible(details["loc"])
        yield path, _sentence(model, details)


def _visible(loc: Path) -> Path:
    """Return the path without the markers that pydantic adds for keys and union members."""
    return tuple(part for part in loc if part != "[key]")


def _sentence(model: type[BaseModel], details: ErrorDetails) -> str:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown("key", details["loc"][-1], _fields_at(model, details["loc"][:-1]))
    if kind == "missing":
        return "is missing"
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, got {_shown(value)}"
    if kind in _BOUND:
        words, key = _BOUND[kind]
        return f"must be {words} {context[key]}, got {_shown(value)}"
    if kind == "literal_error":
        if isinstance(value, str):
            return unknown("value", value, _literals(context["expected"]))
        return f"expected {context['expected']}, got {_shown(value)}"
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"{_characters(context['pattern'])}, got {_shown(value)}"
    if kind in {"too_short", "too_long"}:
        low, high = context.get("min_length"), context.get("max_length")
        bound = f"at least {low}" if kind == "too_short" else f"at most {high}"
        # pydantic does not count what it can't take anyway
        number = context["actual_length"]
        got = len(value) if number is None and isinstance(value, Sized) else number
        return f"must have {bound} entries, got {got}"
    return f"{details['msg']}, got {_shown(value)}"


def _characters(pattern: str) -> str:
    """Return what a pattern of the form ``^[first][further]{0,n}$`` asks for, in words."""
    found = _NAME_PATTERN.fullmatch(pattern)
    if found is None:
        return f"must match {pattern}"
    first, further, most = found["first"] or "", found["further"], int(found["most"])
    marks = " ".join(further.removeprefix("A-Za-z0-9"))
    start = f"begin with a letter{' or a digit' if '0-9' in first else ''} and " if first else ""
    return f"must {start}have at most {most + bool(first)} of A-Z, a-z, 0-9 and {marks}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _literals(expected: str) -> list[str]:
    return [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]


def _fields_at(model: type[BaseModel], loc: Path) -> tuple[str, ...]:
    """Return the valid keys of the mapping at `loc` below `model`."""
    annotation: Any = model
    for part in loc:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = _plain(annotation.model_fields[str(part)].annotation)
        else:
            arguments = typing.get_args(annotation)
            annotation = _plain(arguments[1] if len(arguments) > 1 else arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return tuple(annotation.model_fields)
    return ()


def _plain(annotation: Any) -> Any:
    """Return the annotation without aliases, ``Annotated`` and ``| None``."""
    while True:
        if isinstance(annotation, typing.TypeAliasType):
            annotation = annotation.__value__
        elif typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif typing.get_origin(annotation) in {typing.Union, types.UnionType}:
            arguments = [a for a in typing.get_args(annotation) if a is not type(None)]
            annotation = arguments[0]
        else:
            return annotation
