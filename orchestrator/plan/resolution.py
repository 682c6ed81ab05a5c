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
import re
import threading
from array import array
from collections.abc import Sequence
from typing import Any, final

from orchestrator.plan.canonical import ABSENT, Patch, differences, same, value_at, with_patch
from orchestrator.plan.overrides import Axis
from orchestrator.plan.ranges import ExactRange
from orchestrator.plan.template import Template
from scene.language.canonical import Canonical, Place, canonical, canonical_json
from scene.recipe.compose import Composition
from scene.recipe.optional_keys import is_default

KEPT_TEXTS = 5_000
"""Most values of one override whose texts are kept."""

_PLAIN_WORD = re.compile(r"[$\w][\w.-]*")
_NESTED = re.compile(r"\$\{[^}]*\$\{")


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

    def __init__(self, axes: Sequence[Axis], composition: Composition) -> None:
        self._axes = axes
        self._composition = composition
        self._changing = threading.RLock()
        self._template: Template | None = None
        self._first = self._resolve([0] * len(axes))
        self._patches: list[dict[int, Patch]] = [{0: ()} for _ in axes]
        self._owners: dict[Place, int] = {}
        self._absent: set[Place] = set()
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
                return with_patch(self._first, itertools.chain.from_iterable(patches))
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

    def patches(self, number: int, most: int) -> list[Patch] | None:
        """Return what the values of an override change in the first recipe, whatever else is set.

        Where all are numbers that are put into the recipe as they are, the last stands for all.

        Parameters
        ----------
        most
            At most this many values are looked at.

        Returns
        -------
        list or None
            None if there are more values, or if what they change depends on other overrides.
        """
        values, last = self._axes[number].values, self._last[number]
        copied = bool(self._verbatim[number]) and _only_numbers(values)
        indices = range(last, last + 1) if copied else range(len(values))
        if len(indices) > most:
            return None
        found = [self._patch(number, index) for index in indices if self._separable]
        return found if self._separable else None

    def _new_template(self) -> Template:
        with self._changing:
            self._template = Template(self._first, self._owners, len(self._axes), self._absent)
            return self._template

    def _texts(self, template: Template, number: int, index: int) -> tuple[bytes, ...]:
        """Return what the value at `index` of override `number` puts into its gaps.

        Without a gap for all of it the template is dropped, and nothing is returned.
        """
        patch = self._patch(number, index)
        with self._changing:
            if not all(template.covers(place, value) for place, value in patch):
                self._template = None  # this value changes more than those before it
                return ()
            if self._copied(number, index):
                texts = template.copies(number, patch[0][1])
            else:
                texts = template.texts(number, with_patch(self._first, iter(patch)))
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
        if self._copied(number, index):
            value = canonical(self._axes[number].values[index])
            return tuple((place, value) for place in self._verbatim[number])
        known = self._patches[number]
        if index not in known:
            with self._changing:
                patch = self._difference(number, index)
                known[index] = patch
                choice = list(self._last)
                choice[number] = index
                self._confirm(choice)
        return known[index]

    def _copied(self, number: int, index: int) -> bool:
        """Whether a value stands as it is at the places that the override changes."""
        places = self._verbatim[number]
        if not index or not places:
            return False
        value = self._axes[number].values[index]
        return not any(is_default(place, value) for place in places)

    def _difference(self, number: int, index: int) -> Patch:
        choice = [0] * len(self._axes)
        choice[number] = index
        patch = tuple(differences(self._first, self._resolve(choice), ()))
        for place, value in patch:
            self._own(place, number)
            if value is ABSENT or value_at(self._first, place) is ABSENT:
                self._absent.add(place)
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
        if all(same(value, last) for _, value in patch):
            return tuple(place for place, _ in patch)
        return ()

    def _confirm(self, choice: Sequence[int]) -> None:
        """Give patching up unless it gives what resolving gives.

        Patches seen alone may hide that one value decides which other key a reference means.
        """
        if self._separable and not same(self.recipe(choice), self._resolve(choice)):
            self._give_up()

    def _give_up(self) -> None:
        self._separable, self._template = False, None


def _only_numbers(values: Sequence[Any]) -> bool:
    if isinstance(values, range | ExactRange | array):
        return True
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _only_scalars(values: Sequence[Any]) -> bool:
    """Whether every value stands in a recipe as it is written: numbers and plain words.

    Null need not: as a `look_seed` it stands for the seed.
    """
    return all(
        isinstance(value, int | float)
        or (isinstance(value, str) and _PLAIN_WORD.fullmatch(value) is not None)
        for value in values
    )
