"""The references in a recipe's texts, looked at before any is resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sized
from typing import Any, final

LARGEST = 10_000_000
"""Values and characters; a recipe of the largest size that makes sense has a thousandth."""

_REFERENCE = re.compile(r"\$\{([^${}:]+)\}")
_MARKS = re.compile(r"\$\{|[}:]")
_PARTS = re.compile(r"[^.\[\]]+")


def is_index(part: str, entries: Sized) -> bool:
    """Return whether a part of a key counts one of a list's entries."""
    # Python reads whole numbers of some thousand digits and no more.
    return part.isdecimal() and len(part) < 19 and int(part) < len(entries)


def texts(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the (path, text) of every text in mappings and lists."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, Mapping | list | tuple):
        for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
            yield from texts(value, f"{path}.{key}" if path else str(key))


def calls_function(text: str) -> bool:
    """Return whether one of the interpolations in a text calls a function, not naming a key."""
    depth = 0
    for mark in _MARKS.findall(text):
        if mark == ":" and depth:
            return True
        depth = max(0, depth - 1) if mark == "}" else depth + (mark == "${")
    return False


def too_large(recipe: dict[str, Any]) -> str | None:
    """Return the path of a value whose references stand for too much; None if there is none.

    References to references multiply: thirty lines can stand for a thousand million characters.
    References that lead nowhere or in a circle count as nothing; resolving them reports that.
    """
    counting = _Counting(recipe)
    for key in recipe:
        if counting.size((key,)) > LARGEST:
            return str(key)
    return None


@final
class _Counting:
    def __init__(self, recipe: dict[str, Any]) -> None:
        self._recipe = recipe
        self._known: dict[tuple[str, ...], int] = {}

    def size(self, path: tuple[str, ...]) -> int:
        """Return how many values and characters stand at a path once all is resolved."""
        if path not in self._known:
            self._known[path] = 0  # for whoever comes back here in a circle
            self._known[path] = self._size_of(self._at(path), path)
        return self._known[path]

    def _size_of(self, value: Any, path: tuple[str, ...]) -> int:
        if isinstance(value, dict):
            return 1 + sum(self.size((*path, str(key))) for key in value)
        if isinstance(value, list):
            return 1 + sum(self.size((*path, str(index))) for index in range(len(value)))
        if isinstance(value, str) and "${" in value:
            targets = _REFERENCE.findall(value)
            return len(value) + sum(self.size(self._target(text, path)) for text in targets)
        return len(value) if isinstance(value, str) else 1

    def _at(self, path: tuple[str, ...]) -> Any:
        node: Any = self._recipe
        for part in path:
            if isinstance(node, dict):
                node = node.get(part)
            elif isinstance(node, list) and is_index(part, node):
                node = node[int(part)]
            else:
                return None
        return node

    @staticmethod
    def _target(text: str, path: tuple[str, ...]) -> tuple[str, ...]:
        dots = len(text) - len(text.lstrip("."))
        base = path[: len(path) - dots] if dots else ()
        return (*base, *_PARTS.findall(text))
