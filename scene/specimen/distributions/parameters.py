"""Parameters of distributions: numbers at their places, and distributions within fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel

from scene.language.canonical import Place


def one_number(value: object) -> float:
    """Return what was drawn as one number; (r, r, r) counts as r.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    items = value if isinstance(value, tuple | list) else (value,)
    first = items[0] if items else None
    if isinstance(first, bool) or not isinstance(first, int | float) or set(items) != {first}:
        raise ValueError(f"has to draw one number, and may draw {value!r:.60}")
    return first


def filled(parameters: Any, numbers: Mapping[Place, float | None]) -> Any:
    """Return a copy of parameters with numbers at their places."""
    if () in numbers:
        return numbers[()]
    if not numbers:
        return parameters
    keys = parameters if isinstance(parameters, Mapping) else range(len(parameters))
    below = {
        key: {at[1:]: number for at, number in numbers.items() if at[0] == key} for key in keys
    }
    copied = {key: filled(parameters[key], own) for key, own in below.items()}
    return copied if isinstance(parameters, Mapping) else list(copied.values())


def held[T](value: Any, kind: type[T], place: Place) -> Iterator[tuple[Place, T]]:
    """Yield everything of a kind that a field holds, with its place."""
    if isinstance(value, kind):
        yield place, value
    elif isinstance(value, BaseModel | Mapping):
        for key, item in value.items() if isinstance(value, Mapping) else value:
            yield from held(item, kind, (*place, key))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from held(item, kind, (*place, index))


def exchanged[T](value: Any, kind: type[T], change: Callable[[Place, T], T], place: Place) -> Any:
    """Return what a field holds with everything of a kind changed."""
    if isinstance(value, kind):
        return change(place, value)
    if isinstance(value, BaseModel):
        fields = {name: exchanged(item, kind, change, (*place, name)) for name, item in value}
        return type(value).model_validate(fields)
    if isinstance(value, Mapping):
        return {key: exchanged(v, kind, change, (*place, key)) for key, v in value.items()}
    if isinstance(value, tuple | list):
        items = (exchanged(v, kind, change, (*place, n)) for n, v in enumerate(value))
        return type(value)(items)
    return value


def where(numbers: Mapping[Place, float | None], *owner: str) -> str:
    """Return words for parameters that were drawn, as the end of a sentence.

    Parameters
    ----------
    numbers
        Place of a parameter to its number; None for one that is not known.
    owner
        Where the distribution stands, if the sentence does not say it.
    """
    known = (f"{dotted((*owner, *at))} is {n:g}" for at, n in numbers.items() if n is not None)
    return f"where {' and '.join(known)}"


def dotted(place: Place) -> str:
    """Return a place as messages show it."""
    return ".".join(map(str, place))
