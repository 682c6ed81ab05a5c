"""Resolved recipes of a product of overrides, without resolving every combination anew.

Resolving a recipe takes milliseconds, a sweep may have millions of runs, and their recipes differ
in a few leaves. So each value of each override is resolved once, all others at their first value,
and what it changes is kept as a patch. Where the patches of different overrides touch different
places, a run's recipe is the first run's with its patches applied; else every run is resolved.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, final

type Canonical = Any
"""Mappings with text keys, lists and scalars, in which every whole float is an integer."""

type Place = tuple[str | int, ...]
type Patch = tuple[tuple[Place, Canonical], ...]


class Composable(Protocol):
    """A recipe that can be resolved with overrides: :class:`scene.compose.Composition`."""

    def resolve(self, overrides: Sequence[str] = ()) -> dict[str, Any]:
        """Return the resolved recipe."""

    def document(self) -> str:
        """Return the recipe as YAML, before overrides."""


class Assignments(Protocol):
    """All that one override can assign: :class:`orchestrator.overrides.Axis`."""

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


@final
class ProductResolver:
    """Gives the resolved recipe for any choice of values.

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
        self._first = self._resolve([0] * len(axes))
        self._patches: list[dict[int, Patch]] = [{0: ()} for _ in axes]
        self._owners: dict[Place, int] = {}
        # A value that refers to another key changes what depends on what: such are resolved.
        self._separable = not any(
            "${" in axis.assignment(index)
            for axis in axes
            if len(axis.values) > 1 and not _is_numeric(axis.values)
            for index in range(len(axis.values))
        )
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

    def _resolve(self, choice: Sequence[int]) -> dict[str, Canonical]:
        texts = [axis.assignment(index) for axis, index in zip(self._axes, choice, strict=True)]
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
            known[index] = self._difference(number, index)
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
                self._separable = False
        self._owners[place] = number

    def _verbatim_places(self, number: int) -> tuple[Place, ...]:
        """Return the places that hold a numeric override's value itself, if it changes only such.

        Two values suffice to tell: what follows both as they are is a reference to the key.
        """
        values, index = self._axes[number].values, self._last[number]
        patch = self._patches[number][index]
        last = canonical(values[index])
        if _is_numeric(values) and all(_same(value, last) for _, value in patch):
            return tuple(place for place, _ in patch)
        return ()

    def _confirm(self, choice: Sequence[int]) -> None:
        """Give patching up unless it gives what resolving gives.

        Patches seen alone may hide that one value decides which other key a reference means.
        """
        if self._separable and not _same(self.recipe(choice), self._resolve(choice)):
            self._separable = False


def _is_numeric(values: Sequence[Any]) -> bool:
    if isinstance(values, range):
        return True
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _same(one: Canonical, other: Canonical) -> bool:
    """Whether two canonical values are equal, telling True from 1."""
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
