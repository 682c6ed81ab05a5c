"""Where the parameters of an element hold numbers, by the types of its fields."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, TypeAliasType, Union, get_args, get_origin

from pydantic import BaseModel

from scene.language.canonical import Place


def number_places(cls: type[BaseModel], parameters: Mapping[str, Any]) -> Iterator[Place]:
    """Yield the places at which a mapping with a ``_target_`` stands where a number is expected.

    Parameters
    ----------
    cls
        The element's class; fields of type `float` and `int`, with whatever bounds and in lists,
        take numbers.
    parameters
        As they stand in a recipe; they need not be sound.
    """
    for name, field in cls.model_fields.items():
        if name in parameters:
            yield from _places(field.annotation, parameters[name], (name,))


@cache
def fields_with_models(cls: type[BaseModel]) -> tuple[str, ...]:
    """Return the names of a class's fields that can hold other models, in lists or by themselves.

    >>> class Part(BaseModel):
    ...     weight: float
    >>> class Whole(BaseModel):
    ...     name: str
    ...     parts: tuple[Part, ...]
    >>> fields_with_models(Whole)
    ('parts',)
    """
    return tuple(
        name
        for name, field in cls.model_fields.items()
        if any(_is_model(leaf) for leaf in _leaves(field.annotation))
    )


def _is_model(annotation: Any) -> bool:
    """Return whether an annotation is a model's class."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _places(annotation: Any, value: Any, place: Place) -> Iterator[Place]:
    plain = _plain(annotation)
    arms = get_args(plain) if get_origin(plain) in {Union, types.UnionType} else (plain,)
    if isinstance(value, Mapping) and "_target_" in value:
        if any(_plain(arm) in {int, float} for arm in arms):
            yield place
    elif isinstance(value, Mapping):
        for model in filter(_is_model, map(_plain, arms)):
            yield from ((*place, *below) for below in number_places(model, value))
    elif isinstance(value, list | tuple):
        for arm in map(_plain, arms):
            for index, item in enumerate(value):
                yield from _places(_entry(arm, index), item, (*place, index))


def _entry(annotation: Any, index: int) -> Any:
    """Return the type of the entry at `index` of a list."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if not (isinstance(origin, type) and issubclass(origin, Sequence) and arguments):
        return None
    if origin is not tuple or arguments[-1] is Ellipsis:
        return arguments[0]
    return arguments[index] if index < len(arguments) else None


def _leaves(annotation: Any) -> Iterator[Any]:
    plain = _plain(annotation)
    arguments = get_args(plain)
    if not arguments:
        yield plain
    for argument in arguments:
        yield from _leaves(argument)


def _plain(annotation: Any) -> Any:
    """Return a type without its other names and its bounds."""
    while isinstance(annotation, TypeAliasType) or get_origin(annotation) is Annotated:
        if isinstance(annotation, TypeAliasType):
            annotation = annotation.__value__
        else:
            annotation = get_args(annotation)[0]
    return annotation
