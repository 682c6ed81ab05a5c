"""The text of recipes that differ at known places, put together from pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import final

from scene.language.canonical import Canonical, Place, canonical_json


@final
class Template:
    """The text of recipes that differ at known places: the pieces between these, made once.

    Parameters
    ----------
    tree
        One of the recipes.
    owners
        Where they may differ, and the number of the override that changes it.
    axes
        How many overrides there are.

    Attributes
    ----------
    gaps
        For each override, the places that it fills, in the order of the text.
    known
        For each override, index of a value to the texts that fill these.
    """

    def __init__(self, tree: Canonical, owners: Mapping[Place, int], axes: int) -> None:
        self._places = {
            place for place in owners if not any(place[:n] in owners for n in range(len(place)))
        }
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

    def covers(self, place: Place) -> bool:
        """Whether there is a gap for what changes at `place`."""
        return any(place[:n] in self._places for n in range(len(place) + 1))

    def filled(self, texts: Sequence[Sequence[bytes]]) -> bytes:
        """Return the whole text, given for each override what it puts into its gaps."""
        parts: list[bytes] = []
        for piece, (number, gap) in zip(self._pieces, self._order, strict=True):
            parts.append(piece)
            parts.append(texts[number][gap])
        parts.append(self._end)
        return b"".join(parts)

    def _walk(self, node: Canonical, place: Place) -> Iterator[str | Place]:
        """Yield the text of `node` in parts, as `canonical_json` writes it, and the gaps in it."""
        if place in self._places:
            yield place
        elif place not in self._above:
            yield canonical_json(node)
        elif isinstance(node, dict):
            for number, key in enumerate(sorted(node)):
                yield f"{',' if number else '{'}{json.dumps(key, ensure_ascii=False)}:"
                yield from self._walk(node[key], (*place, key))
            yield "}"
        else:
            for number, item in enumerate(node):
                yield "," if number else "["
                yield from self._walk(item, (*place, number))
            yield "]"
