"""Canonical recipes compared and patched."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from enum import Enum
from typing import Any

from scene.language.canonical import Canonical, Place, at_place


class _Nothing(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT = _Nothing.ABSENT
"""In the place of a value; there is no such key."""

LONGEST_PATCHED = 100
"""Entries of a list that are compared and patched one by one."""

type Patch = tuple[tuple[Place, Canonical], ...]


def same(one: Canonical, other: Canonical) -> bool:
    """Whether two canonical values are equal; True and 1 are not."""
    return not any(differences(one, other, ()))


def differences(
    one: Canonical, other: Canonical, place: Place
) -> Iterator[tuple[Place, Canonical]]:
    """Yield (place, new value) for every innermost part of `other` that differs from `one`.

    The new value of a key that `other` lacks is `ABSENT`. A very long list, such as measured
    values, counts as one part.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one | other:
            before, after = one.get(key, ABSENT), other.get(key, ABSENT)
            yield from differences(before, after, (*place, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        entries = itertools.chain.from_iterable(
            differences(*pair, (*place, index))
            for index, pair in enumerate(zip(one, other, strict=True))
        )
        if len(one) <= LONGEST_PATCHED:
            yield from entries
        elif any(entries):
            yield place, other
    elif type(one) is not type(other) or one != other:
        yield place, other


def value_at(tree: Canonical, place: Place) -> Canonical:
    """Return what `tree` has at `place`; `ABSENT` if a mapping lacks the last key."""
    parent, key = at_place(tree, place[:-1]), place[-1]
    return parent.get(key, ABSENT) if isinstance(parent, dict) else parent[key]


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
        if value is ABSENT:
            node.pop(place[-1], None)
        else:
            node[place[-1]] = value
    return root
