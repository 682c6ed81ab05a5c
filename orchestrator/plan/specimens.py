"""Which runs of a sweep share a specimen: the same particles, relaxed in the same way.

Of the overrides of a sweep some change what a specimen is made from, others only how it looks.
Which is which is seen once, from the places of the recipe that an override changes; runs that
differ in looks alone have one specimen. Where that is not certain, an override counts as one of the
first kind, and fewer runs share than could.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from orchestrator.plan.canonical import Patch, value_at
from orchestrator.plan.expansion import Expansion
from orchestrator.plan.sweep import Sweep
from scene.errors import ConfigurationError
from scene.language.canonical import Place
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.specimen_hash import specimen_hash, specimen_paths, specimen_steps

MOST_NAMED = 100
"""A sweep with more combinations of values that are not numbers shares nothing; each is parsed."""

KEPT_HASHES = 100_000

type _Origin = tuple[tuple[Place, ...], tuple[tuple[str, str], ...]]
"""The parts of a recipe that decide its specimen, and the code that makes it."""


@final
class SharedSpecimens:
    """The specimens that at least two runs of a sweep have.

    Parameters
    ----------
    runs
        The sweep's runs.
    registry
        Where names of recipes are found.
    """

    def __init__(self, runs: Expansion, registry: Registry) -> None:
        self._runs = runs
        self._registry = registry
        self._sizes = [len(axis.values) for axis in runs.axes]
        self._named: tuple[int, ...] = ()
        self._origins: dict[tuple[int, ...], _Origin | None] = {}
        looks = sorted(self._look_axes())
        self._digits = [(math.prod(self._sizes[n + 1 :]), self._sizes[n]) for n in looks]
        # Of all runs with one specimen the first two are this far apart.
        self._nearest = min((stride for stride, _ in self._digits), default=len(runs))
        self._hash = lru_cache(KEPT_HASHES)(self._hash_of)

    def __bool__(self) -> bool:
        return self._nearest < len(self._runs) and any(self._origins.values())

    def of(self, position: int) -> str | None:
        """Return the hash of the specimen of the run at `position`; None if no other run has it."""
        first = position - sum(position // stride % size * stride for stride, size in self._digits)
        return self._hash(first) if first + self._nearest < len(self._runs) else None

    def firsts(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each run the first one that has its specimen; -1 where no other run has it."""
        looks = sum(positions // stride % size * stride for stride, size in self._digits)
        first = positions - looks
        first[first + self._nearest >= len(self._runs)] = -1
        if not all(self._origins.values()):
            shared = [position >= 0 and self._origin(position) is not None for position in first]
            first[~np.array(shared, bool)] = -1
        return first

    def _look_axes(self) -> set[int]:
        """Return the overrides, by number, that make no difference to any specimen."""
        several = [n for n, size in enumerate(self._sizes) if size > 1]
        if not several or len(self._runs) < 2:
            return set()
        resolver = self._runs.resolver
        patches = {n: resolver.patches(n, MOST_NAMED) for n in several}
        known = {n: found for n, found in patches.items() if found is not None}
        first = self._origin_of([0] * len(self._sizes))
        if first is None or len(known) < len(several):
            return set()
        looks = {n for n in several if not _touches(known[n], first)}
        if not looks:
            return set()
        start = resolver.recipe([0] * len(self._sizes))
        named = tuple(n for n in several if not _changes_numbers_alone(known[n], start))
        if math.prod(self._sizes[n] for n in named) > MOST_NAMED:
            return set()
        self._named = named
        for digits in itertools.product(*(range(self._sizes[n]) for n in named)):
            given = dict(zip(named, digits, strict=True))
            choice = [given.get(n, 0) for n in range(len(self._sizes))]
            self._origins[digits] = self._origin_of(choice)
        return {n for n in looks if not self._decides(n, known[n])}

    def _decides(self, number: int, patches: Sequence[Patch]) -> bool:
        """Whether an override makes a difference to specimens with any of the names there are."""
        if any(_touches(patches, origin) for origin in self._origins.values() if origin):
            return True
        if number not in self._named:
            return False
        at = self._named.index(number)
        seen: dict[tuple[int, ...], _Origin | None] = {}
        return any(
            seen.setdefault((*digits[:at], *digits[at + 1 :]), origin) != origin
            for digits, origin in self._origins.items()
        )

    def _origin(self, position: int) -> _Origin | None:
        choice = self._runs.choice(position)
        return self._origins[tuple(choice[n] for n in self._named)]

    def _origin_of(self, choice: Sequence[int]) -> _Origin | None:
        """Return what a recipe's specimen comes from; None where nothing can or need be shared."""
        document = self._runs.resolver.recipe(choice)
        try:
            recipe = parse(document, "recipe", self._registry)
        except ConfigurationError:
            return None  # the worker that executes it says what is wrong
        steps, paths = specimen_steps(recipe), specimen_paths(recipe)
        if steps is None or paths is None or not steps.worth_keeping:
            return None
        return paths, tuple(sorted(recipe.code().items()))

    def _hash_of(self, position: int) -> str | None:
        origin = self._origin(position)
        if origin is None:
            return None
        document = self._runs.resolver.recipe(self._runs.choice(position))
        return specimen_hash(document, origin[0], dict(origin[1]))


def shared_specimens(sweep: Sweep, runs: Expansion) -> SharedSpecimens | None:
    """Return what specimens the runs of a sweep share; None if none, or if none is to be reused."""
    if not sweep.settings.execution.reuse:
        return None
    return SharedSpecimens(runs, Registry(sweep.plugins, sweep.prototype_dirs)) or None


def _touches(patches: Sequence[Patch], origin: _Origin) -> bool:
    """Whether what an override changes is, holds or lies in a part that decides specimens."""
    places = {place for patch in patches for place, _ in patch}
    return any(place[: len(path)] == path[: len(place)] for place in places for path in origin[0])


def _changes_numbers_alone(patches: Sequence[Patch], recipe: Mapping[str, Any]) -> bool:
    """Whether an override puts numbers in place of numbers.

    No number decides which parts of a recipe matter to its specimen.
    """
    return all(
        _is_number(value) and _is_number(value_at(recipe, place))
        for patch in patches
        for place, value in patch
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
