"""Resolved recipes of a product of overrides, without resolving every combination anew.

Resolving a recipe takes milliseconds, a sweep may have millions of runs, and their recipes differ
in a few leaves. So each value of each override is resolved once, all others at their first value,
and what it changes is kept as a patch. Where the patches of different overrides touch different
places, a run's recipe is the first run's with its patches applied; else every run is resolved.

A run's id is a hash of its recipe's text, which is put together in the same way: from the first
recipe's text in pieces, and the texts of what each value puts between them.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, final

from orchestrator.plan.ranges import ExactRange

type Canonical = Any
"""Mappings with text keys, lists and scalars, in which every whole float is an integer."""

type Place = tuple[str | int, ...]
type Patch = tuple[tuple[Place, Canonical], ...]

KEPT_TEXTS = 5_000
"""Most values of one override whose texts are kept."""

_PLAIN_WORD = re.compile(r"[$\w][\w.-]*")
_NESTED = re.compile(r"\$\{[^}]*\$\{")


class Composable(Protocol):
    """A recipe that can be resolved with overrides: :class:`scene.recipe.compose.Composition`."""

    def resolve(self, overrides: Sequence[str] = ()) -> dict[str, Any]:
        """Return the resolved recipe."""

    def document(self) -> str:
        """Return the recipe as YAML, before overrides."""


class Assignments(Protocol):
    """All that one override can assign: :class:`orchestrator.plan.overrides.Axis`."""

    @property
    def values(self) -> Sequence[Any]:
        """The values."""

    def assignment(self, index: int) -> str:
        """Return the override that sets the value at `index`."""


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


@final
class ProductResolver:
    """Gives the resolved recipe for any choice of values, and its text. Any thread may ask.

    Parameters
    ----------
    axes
        The overrides, in the order in which they are applied.
    composition
        The recipe.

    Raises
    ------
    ConfigurationError
        If the recipe can't be resolved with the first value of every override.
    """

    def __init__(self, axes: Sequence[Assignments], composition: Composable) -> None:
        self._axes = axes
        self._composition = composition
        self._changing = threading.RLock()
        self._template: _Template | None = None
        self._first = self._resolve([0] * len(axes))
        self._patches: list[dict[int, Patch]] = [{0: ()} for _ in axes]
        self._owners: dict[Place, int] = {}
        # A value that refers to another key changes what depends on what: such are resolved.
        self._separable = not any(
            "${" in axis.assignment(index)
            for axis in axes
            if len(axis.values) > 1 and not _only_numbers(axis.values)
            for index in range(len(axis.values))
        )
        # A word that decides which key a reference means looks just like one that is copied.
        self._copies = not _NESTED.search(composition.document())
        self._last = [len(axis.values) - 1 for axis in axes]
        self._verbatim: list[tuple[Place, ...]] = [()] * len(axes)
        if self._separable:
            for number, index in enumerate(self._last):
                self._patches[number][index] = self._difference(number, index)
            self._verbatim = [self._verbatim_places(number) for number in range(len(axes))]
            self._confirm(self._last)

    def recipe(self, choice: Sequence[int]) -> dict[str, Canonical]:
        """Return the recipe for the value ``choice[n]`` of each override n.

        Recipes share equal parts: treat them as read-only.

        Raises
        ------
        ConfigurationError
            If the recipe can't be resolved with these values.
        """
        if self._separable:
            patches = [self._patch(number, index) for number, index in enumerate(choice)]
            if self._separable:  # a patch made just now may have shown otherwise
                return _with_patch(self._first, itertools.chain.from_iterable(patches))
        return self._resolve(choice)

    def text(self, choice: Sequence[int]) -> bytes:
        """Return `canonical_json` of the recipe for these values, in UTF-8.

        Raises
        ------
        ConfigurationError
            If the recipe can't be resolved with these values.
        """
        while self._separable:
            template = self._template or self._new_template()
            texts = []
            for number, index in enumerate(choice):
                known = template.known[number].get(index)
                texts.append(self._texts(template, number, index) if known is None else known)
            if template is self._template:
                return template.filled(texts)
        return canonical_json(self._resolve(choice)).encode()

    def _new_template(self) -> _Template:
        with self._changing:
            self._template = _Template(self._first, self._owners, len(self._axes))
            return self._template

    def _texts(self, template: _Template, number: int, index: int) -> tuple[bytes, ...]:
        """Return what the value at `index` of override `number` puts into its gaps."""
        patch = self._patch(number, index)
        with self._changing:
            if not all(template.covers(place) for place, _ in patch):
                self._template = None  # this value changes more than those before it
            gaps = template.gaps[number]
            if index and self._verbatim[number]:
                texts = (canonical_json(patch[0][1]).encode(),) * len(gaps)
            else:
                changed = _with_patch(self._first, iter(patch))
                texts = tuple(canonical_json(_at(changed, place)).encode() for place in gaps)
            if len(template.known[number]) < KEPT_TEXTS:
                template.known[number][index] = texts
            return texts

    def _resolve(self, choice: Sequence[int]) -> dict[str, Canonical]:
        texts = [axis.assignment(index) for axis, index in zip(self._axes, choice, strict=True)]
        with self._changing:
            resolved: dict[str, Canonical] = canonical(self._composition.resolve(texts))
        return resolved

    def _patch(self, number: int, index: int) -> Patch:
        """Return what the value at `index` of override `number` changes in the first recipe."""
        places = self._verbatim[number] if index else ()
        if places:
            value = canonical(self._axes[number].values[index])
            return tuple((place, value) for place in places)
        known = self._patches[number]
        if index not in known:
            with self._changing:
                patch = self._difference(number, index)
                known[index] = patch
                choice = list(self._last)
                choice[number] = index
                self._confirm(choice)
        return known[index]

    def _difference(self, number: int, index: int) -> Patch:
        choice = [0] * len(self._axes)
        choice[number] = index
        patch = tuple(_differences(self._first, self._resolve(choice), ()))
        for place, _ in patch:
            self._own(place, number)
        return patch

    def _own(self, place: Place, number: int) -> None:
        if self._owners.get(place) == number:
            return
        for other, owner in self._owners.items():
            shared = min(len(place), len(other))
            if owner != number and place[:shared] == other[:shared]:
                self._give_up()
        self._owners[place] = number

    def _verbatim_places(self, number: int) -> tuple[Place, ...]:
        """Return the places that hold an override's value itself, if it changes only such.

        Two values suffice: what follows both as they are is a reference to the key.
        """
        values, index = self._axes[number].values, self._last[number]
        patch = self._patches[number][index]
        if not (_only_numbers(values) or (self._copies and _only_scalars(values))):
            return ()
        last = canonical(values[index])
        if all(_same(value, last) for _, value in patch):
            return tuple(place for place, _ in patch)
        return ()

    def _confirm(self, choice: Sequence[int]) -> None:
        """Give patching up unless it gives what resolving gives.

        Patches seen alone may hide that one value decides which other key a reference means.
        """
        if self._separable and not _same(self.recipe(choice), self._resolve(choice)):
            self._give_up()

    def _give_up(self) -> None:
        self._separable, self._template = False, None


def _only_numbers(values: Sequence[Any]) -> bool:
    if isinstance(values, range | ExactRange | array):
        return True
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _only_scalars(values: Sequence[Any]) -> bool:
    """Whether every value stands in a recipe as it is written: numbers and plain words."""
    return all(
        value is None
        or isinstance(value, int | float)
        or (isinstance(value, str) and _PLAIN_WORD.fullmatch(value) is not None)
        for value in values
    )


def _same(one: Canonical, other: Canonical) -> bool:
    """Whether two canonical values are equal; True and 1 are not."""
    return not any(_differences(one, other, ()))


def _differences(
    one: Canonical, other: Canonical, place: Place
) -> Iterator[tuple[Place, Canonical]]:
    """Yield (place, new value) for every innermost part of `other` that differs from `one`."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from _differences(one[key], other[key], (*place, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(*pair, (*place, index))
    elif type(one) is not type(other) or one != other:
        yield place, other


def _with_patch(
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


def _at(tree: Canonical, place: Place) -> Canonical:
    for key in place:
        tree = tree[key]
    return tree


@final
class _Template:
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
