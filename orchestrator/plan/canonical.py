"""Resolved recipes in the one form that is compared, patched and hashed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

type Canonical = Any
"""Mappings with text keys, lists and scalars, in which every whole float is an integer."""

type Place = tuple[str | int, ...]
type Patch = tuple[tuple[Place, Canonical], ...]


def canonical(value: Any) -> Canonical:
    """Return `value` with whole floats as integers and keys as texts."""
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def canonical_json(value: Canonical) -> str:
    """Return the one text of a canonical value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def same(one: Canonical, other: Canonical) -> bool:
    """Whether two canonical values are equal; True and 1 are not."""
    return not any(differences(one, other, ()))


def differences(
    one: Canonical, other: Canonical, place: Place
) -> Iterator[tuple[Place, Canonical]]:
    """Yield (place, new value) for every innermost part of `other` that differs from `one`."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from differences(one[key], other[key], (*place, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, (*place, index))
    elif type(one) is not type(other) or one != other:
        yield place, other


def with_patch(
    tree: dict[str, Canonical], patch: Iterator[tuple[Place, Canonical]]
) -> dict[str, Any]:
    """Return a copy of `tree` with the patch applied; untouched branches are shared."""
    root = dict(tree)
    copied: dict[Place, Any] = {(): root}
    for place, value in patch:
        node: Any = root
        for depth, key in enumerate(place[:-1], start=1):
            branch = place[:depth]
            if branch not in copied:
                original = node[key]
                copied[branch] = node[key] = (
                    dict(original) if isinstance(original, dict) else list(original)
                )
            node = copied[branch]
        node[place[-1]] = value
    return root


def at_place(tree: Canonical, place: Place) -> Canonical:
    """Return what `tree` has at `place`."""
    for key in place:
        tree = tree[key]
    return tree
