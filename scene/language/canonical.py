"""Resolved recipes in the one form that is hashed: two that mean the same have the same text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

type Canonical = Any
"""Mappings with text keys, lists and scalars, in which every whole float is an integer."""

type Place = tuple[str | int, ...]
"""The keys, and positions in lists, on the way from a document to one of its parts."""


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


def at_place(tree: Canonical, place: Place) -> Canonical:
    """Return what `tree` has at `place`."""
    for key in place:
        tree = tree[key]
    return tree
