"""Choices that are made together: lists of a recipe that belong to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scene.language.canonical import Place


def together_problems(resolved: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Yield the (path, message) of lists that are not like the first ones of the same name."""
    firsts: dict[str, tuple[Place, Mapping[str, Any]]] = {}
    for place, choice in _together(resolved, ()):
        first, other = firsts.setdefault(choice["together"], (place, choice))
        where = f"{'.'.join(map(str, first))}, which is chosen together with it"
        if len(choice["values"]) != len(other["values"]):
            many = f"has {len(choice['values'])} entries, and {len(other['values'])} at {where}"
            yield (*place, "values"), f"{many}; give as many"
        elif choice.get("probabilities") != other.get("probabilities"):
            yield (*place, "probabilities"), f"differ from those at {where}; give the same"


def _together(node: Any, place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    if isinstance(node, Mapping):
        kind = str(node.get("_target_", ""))
        if kind.startswith("$builtins.") and kind.endswith(".Choice"):
            if node.get("together") is not None:
                yield place, node
            return
        for key, inner in node.items():
            yield from _together(inner, (*place, key))
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, inner in enumerate(node):
            yield from _together(inner, (*place, index))
