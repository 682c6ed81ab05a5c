"""Canonical recipes compared and patched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scene.language.canonical import Canonical, Place

type Patch = tuple[tuple[Place, Canonical], ...]


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
