"""Mappings that name another kind of element than the mapping which they would be merged into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scene.recipe.target_names import short_name

type Path = tuple[str, ...]


def replaced(base: Mapping[Any, Any], new: Mapping[Any, Any], path: Path = ()) -> Iterator[Path]:
    """Yield the paths of mappings in `base` that `new` replaces as a whole.

    They are those for which both give a ``_target_``, each another one: the parameters of one kind
    mean nothing to another. A reference to another mapping is replaced by any that gives a
    ``_target_``. All other mappings are merged key by key.

    >>> base = {"size": {"_target_": "$builtins.Choice", "values": [1, 2]}}
    >>> list(replaced(base, {"size": {"_target_": "$builtins.Constant", "value": 1}}))
    [('size',)]
    >>> list(replaced(base, {"size": {"_target_": "$builtins.Choice", "values": [3]}}))
    []
    """
    for key, theirs in new.items():
        ours = base.get(key)
        if isinstance(theirs, Mapping) and differ(ours, theirs):
            yield (*path, key)
        elif isinstance(theirs, Mapping) and isinstance(ours, Mapping):
            yield from replaced(ours, theirs, (*path, key))


def differ(ours: object, theirs: Mapping[Any, Any]) -> bool:
    """Return whether `theirs` names another kind of element than `ours` is, or may refer to."""
    kind = theirs.get("_target_")
    if isinstance(ours, Mapping):
        before = ours.get("_target_")
        return None not in {kind, before} and short_name(str(kind)) != short_name(str(before))
    return kind is not None and isinstance(ours, str)
