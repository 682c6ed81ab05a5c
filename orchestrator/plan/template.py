"""The text of recipes that differ at known places, put together from pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import final

from orchestrator.plan.canonical import ABSENT, value_at
from scene.language.canonical import Canonical, Place, canonical_json

_OPENED = "\0"
"""Follows a brace behind which a comma may come that has to go; JSON has no such character."""


@final
class Template:
    """The text of recipes that differ at known places: the pieces between these, made once.

    Parameters
    ----------
    tree
        One of the recipes.
    owners
        Where they may differ, and the number of the override that changes it.
    absent
        Those of these places at which one of the recipes has nothing.
    axes
        How many overrides there are.

    Attributes
    ----------
    gaps
        For each override, the places that it fills, in the order of the text.
    known
        For each override, index of a value to the texts that fill these.
    """

    def __init__(
        self, tree: Canonical, owners: Mapping[Place, int], axes: int, absent: Set[Place]
    ) -> None:
        self._places = {
            place for place in owners if not any(place[:n] in owners for n in range(len(place)))
        }
        self._optional = self._places & absent
        self._above = {place[:n] for place in self._places for n in range(len(place))}
        self._pieces: list[bytes] = []
        self._order: list[tuple[int, int]] = []
        self.gaps: list[list[Place]] = [[] for _ in range(axes)]
        self.known: list[dict[int, tuple[bytes, ...]]] = [{} for _ in range(axes)]
        text: list[str] = []
        for part in self._walk(tree, ()):
            if isinstance(part, str):
                text.append(part)
                continue
            self._pieces.append("".join(text).encode())
            text.clear()
            gaps = self.gaps[owners[part]]
            self._order.append((owners[part], len(gaps)))
            gaps.append(part)
        self._end = "".join(text).encode()

    def covers(self, place: Place, value: Canonical) -> bool:
        """Whether there is a gap for `value`, which may be `ABSENT`, at `place`."""
        if place in self._places:
            return value is not ABSENT or place in self._optional
        return any(place[:n] in self._places for n in range(len(place)))

    def texts(self, number: int, recipe: Canonical) -> tuple[bytes, ...]:
        """Return what fills the gaps of an override in a recipe."""
        return tuple(self._text(place, value_at(recipe, place)) for place in self.gaps[number])

    def copies(self, number: int, value: Canonical) -> tuple[bytes, ...]:
        """Return what fills the gaps of an override where `value` stands at all its places."""
        text = canonical_json(value).encode()
        return tuple(self._before(place) + text for place in self.gaps[number])

    def filled(self, texts: Sequence[Sequence[bytes]]) -> bytes:
        """Return the whole text, given for each override what it puts into its gaps."""
        parts: list[bytes] = []
        for piece, (number, gap) in zip(self._pieces, self._order, strict=True):
            parts.append(piece)
            parts.append(texts[number][gap])
        parts.append(self._end)
        whole = b"".join(parts)
        return whole.replace(b"\0,", b"").replace(b"\0", b"") if self._optional else whole

    def _text(self, place: Place, value: Canonical) -> bytes:
        return b"" if value is ABSENT else self._before(place) + canonical_json(value).encode()

    def _before(self, place: Place) -> bytes:
        """Return what a gap holds before its value: the key, where that may be absent."""
        return _key(place[-1]).encode() if place in self._optional else b""

    def _walk(self, node: Canonical, place: Place) -> Iterator[str | Place]:
        """Yield the text of `node` in parts, as `canonical_json` writes it, and the gaps in it."""
        if place in self._places:
            yield place
        elif place not in self._above:
            yield canonical_json(node)
        elif isinstance(node, dict):
            optional = {gap[-1] for gap in self._optional if gap[:-1] == place}
            yield f"{{{_OPENED}" if optional else "{"
            for number, key in enumerate(sorted(node.keys() | optional)):
                if key not in optional:
                    yield _key(key) if number or optional else _key(key)[1:]
                yield from self._walk(node.get(key), (*place, key))
            yield "}"
        else:
            for number, item in enumerate(node):
                yield "," if number else "["
                yield from self._walk(item, (*place, number))
            yield "]"


def _key(key: str | int) -> str:
    """Return what stands before the value of a mapping's key that is not the first."""
    return f",{json.dumps(key, ensure_ascii=False)}:"
