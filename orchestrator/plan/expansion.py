"""From a sweep's overrides to its runs, lazily: the product of all values, rightmost fastest."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from array import array
from collections.abc import Iterator, Sequence
from typing import final, overload

from orchestrator.plan.overrides import Axis, parse_overrides, plain
from orchestrator.plan.ranges import ExactRange
from orchestrator.plan.resolution import (
    Canonical,
    Composable,
    ProductResolver,
    canonical,
    canonical_json,
)
from orchestrator.plan.run import Run, Scalar
from orchestrator.plan.sweep import Sweep
from scene.errors import COMMAND_LINE, ConfigurationError, Problem
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe

CHECKED_PRODUCT = 500
"""Up to so many runs, all are checked before the first starts."""

TOLD_AT_A_PLACE = 3
"""Of so many values is told what is wrong with them at one place of the recipe."""

CHECKED_VALUES = 100
"""Most values of one key that are checked before the first run starts."""

CHECKED_TOGETHER = 1_000
"""Most values of all keys together that are."""

MOST_RUNS = 100_000_000
"""A sweep without a limit has at most so many runs."""


@final
class Expansion(Sequence[Run]):
    """The runs of a sweep; each is made when it is asked for.

    Runs share the parts of their recipes that are equal: treat them as read-only.

    Parameters
    ----------
    axes
        The overrides, the last one varying fastest.
    composition
        The recipe.
    limit
        Only the first so many runs; None for all.

    Attributes
    ----------
    recipe_document
        The recipe before overrides, as YAML.
    """

    def __init__(
        self, axes: Sequence[Axis], composition: Composable, limit: int | None = None
    ) -> None:
        self.axes = tuple(axes)
        self._shape = tuple(len(axis.values) for axis in axes)
        self._count = math.prod(self._shape)
        if limit is not None:
            self._count = min(self._count, limit)
        self.resolver = ProductResolver(self.axes, composition)
        self.recipe_document = composition.document()
        self._set_axes = tuple(n for n, axis in enumerate(axes) if axis.prefix != "~")

    @property
    def recipe_hash(self) -> str:
        """16 hex digits that name the recipe before overrides."""
        return hashlib.sha256(self.recipe_document.encode()).hexdigest()[:16]

    @property
    def swept_keys(self) -> tuple[str, ...]:
        """The keys with more than one value, in order."""
        return tuple(axis.key for axis in self.axes if len(axis.values) > 1)

    @property
    def value_samples(self) -> dict[str, tuple[Scalar, ...]]:
        """Key to some of its values, enough to tell what types they have."""
        return {
            self.axes[n].key: tuple(self.axes[n].scalar(i) for i in spread(self._shape[n]))
            for n in self._set_axes
        }

    @property
    def set_axes(self) -> dict[str, Axis]:
        """The overrides that give their key a value, by key."""
        return {self.axes[n].key: self.axes[n] for n in self._set_axes}

    def columns(self, positions: range) -> Iterator[list[Scalar]]:
        """Yield for each of `set_axes` its values of the runs at `positions`."""
        for n in self._set_axes:
            axis, size, stride = self.axes[n], self._shape[n], math.prod(self._shape[n + 1 :])
            yield [axis.scalar(position // stride % size) for position in positions]

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Run: ...

    @overload
    def __getitem__(self, index: slice) -> list[Run]: ...

    def __getitem__(self, index: int | slice) -> Run | list[Run]:
        """Return one run, or a list of them.

        Raises
        ------
        IndexError
            If there are fewer runs.
        ConfigurationError
            If the recipe can't be resolved with this run's values.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"the sweep has {len(self)} runs, there is no run {index}")
        choice = self.choice(position)
        recipe = self.resolver.recipe(choice)
        return Run(
            index=position,
            run_id=self.run_id(position),
            recipe=recipe,
            overrides=self.overrides(position),
            values={self.axes[n].key: self.axes[n].scalar(choice[n]) for n in self._set_axes},
        )

    def __iter__(self) -> Iterator[Run]:
        return (self[index] for index in range(len(self)))

    def overrides(self, position: int) -> tuple[tuple[str, str], ...]:
        """Return the keys that the run at `position` sets, and their values as written."""
        choice = self.choice(position)
        return tuple((self.axes[n].key, self.axes[n].text(choice[n])) for n in self._set_axes)

    def run_id(self, position: int) -> str:
        """Return the id of the run at `position`, for much less than the run itself costs."""
        return _named(self.resolver.text(self.choice(position)))

    def choice(self, position: int) -> tuple[int, ...]:
        """Return which value of each axis the run at `position` takes: its mixed-radix digits."""
        digits = []
        for size in reversed(self._shape):
            position, digit = divmod(position, size)
            digits.append(digit)
        return tuple(reversed(digits))


def expand(sweep: Sweep) -> Expansion:
    """Return the runs of `sweep`.

    The recipe is checked with every value of every key (a spread of them where there are very
    many), and with every combination where these are few; the others are checked by the worker
    that executes them.

    Raises
    ------
    ConfigurationError
        With every problem found.
    """
    composition = Composition(sweep.recipe, sweep.recipe_dirs)
    registry = Registry(sweep.plugins)
    axes = parse_overrides(sweep.overrides)
    _check_number(sweep, axes)
    try:
        expansion = Expansion(axes, composition, sweep.settings.limit)
        _check(expansion, str(sweep.recipe), registry)
    except ConfigurationError as error:
        raise ConfigurationError(_located(error, axes, str(sweep.recipe))) from error
    return expansion


def first_recipe(expansion: Expansion, sweep: Sweep) -> Recipe:
    """Return the recipe of the first run, as an example of all."""
    return parse(expansion[0].recipe, sweep.recipe.name, Registry(sweep.plugins))


def run_id(recipe: Canonical) -> str:
    """Return 16 hex digits of the SHA-256 over the recipe's canonical JSON.

    Parameters
    ----------
    recipe
        Resolved, in canonical form: whole floats as integers, so that ``-100`` and ``-100.0`` are
        one recipe. The order of keys does not count.
    """
    return _named(canonical_json(recipe).encode())


def _named(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def spread(size: int, most: int = CHECKED_VALUES) -> Sequence[int]:
    """Return up to `most` indices below `size`, evenly spread, both ends included."""
    if size <= most:
        return range(size)
    return [n * (size - 1) // max(1, most - 1) for n in range(most)]


def _check_number(sweep: Sweep, axes: Sequence[Axis]) -> None:
    runs = math.prod(len(axis.values) for axis in axes)
    if min(runs, sweep.settings.limit or runs) > MOST_RUNS:
        told = f"{runs:,}" if runs < 10**15 else "more than 10^15"
        message = (
            f"the sweep has {told} runs, of which there are at most {MOST_RUNS:,}: give fewer "
            "values, or --limit N for the first N runs"
        )
        raise ConfigurationError([Problem(sweep.source, "overrides", message)])


def _located(error: ConfigurationError, axes: Sequence[Axis], recipe: str) -> Iterator[Problem]:
    """Yield the problems, those with what an override gives at the place of that override."""
    for problem in error.problems:
        giver = next((axis for axis in reversed(axes) if axis.gives(problem.path)), None)
        if problem.source == recipe and giver is not None:
            yield giver.override.problem(f"{problem.path}: {problem.message}")
            continue
        axis = next(
            (axis for axis in axes if problem.path.startswith(f"{axis.prefix}{axis.key}=")), None
        )
        if problem.source == COMMAND_LINE and axis is not None:
            yield axis.override.problem(problem.message)
        else:
            yield problem


def _check(expansion: Expansion, source: str, registry: Registry) -> None:
    """Parse the recipe with each key's values, and all runs where they are few."""
    axes = expansion.axes
    problems = dict.fromkeys(problem for axis in axes for problem in _repetitions(axis))
    if problems:
        raise ConfigurationError(problems)
    faulty: list[ConfigurationError] = []
    for group, most in _groups(expansion):
        seen: dict[str, tuple[int, ...]] = {}
        for choice in _choices(axes, group, most):
            recipe = expansion.resolver.recipe(choice)
            first = seen.setdefault(run_id(recipe), choice)
            if first != choice:
                problems.setdefault(_same_recipe(axes, first, choice))
                continue
            try:
                parse(recipe, source, registry)
            except ConfigurationError as error:
                faulty.append(error)
    problems.update(dict.fromkeys(_shortened(faulty)))
    if problems:
        raise ConfigurationError(problems)


def _shortened(faulty: Sequence[ConfigurationError]) -> Iterator[Problem]:
    """Yield the problems of several recipes, of one place only what the first few have there."""
    told: dict[tuple[str, str], int] = {}
    last: dict[Problem, int] = {}
    for error in faulty:
        new = [problem for problem in error.problems if problem not in last]
        for place in {(problem.source, problem.path) for problem in new}:
            told[place] = told.get(place, 0) + 1
        last |= {problem: told[problem.source, problem.path] for problem in new}
    for problem, number in last.items():
        if number <= TOLD_AT_A_PLACE:
            more = told[problem.source, problem.path] - number
            cut = number == TOLD_AT_A_PLACE and more
            end = f" (and so on, for {more} more of the values looked at)" if cut else ""
            yield Problem(problem.source, problem.path, problem.message + end)


def _groups(expansion: Expansion) -> list[tuple[tuple[int, ...], int]]:
    """Return which axes are checked together, by number, and how many choices of them at most.

    All together, where that makes few runs; else each by itself, and with those that set a part
    of the same key.
    """
    numbers = range(len(expansion.axes))
    size = math.prod(len(axis.values) for axis in expansion.axes)
    if size == len(expansion) <= CHECKED_PRODUCT:
        return [(tuple(numbers), size)]
    keys = [f"{axis.key}." for axis in expansion.axes]
    nested = [
        (n, m)
        for n, m in itertools.combinations(numbers, 2)
        if keys[m].startswith(keys[n]) or keys[n].startswith(keys[m])
    ]
    alone = max(2, min(CHECKED_VALUES, CHECKED_TOGETHER // len(numbers)))
    paired = max(1, CHECKED_PRODUCT // max(1, len(nested)))
    return [*(((n,), alone) for n in numbers), *((pair, paired) for pair in nested)]


def _choices(axes: Sequence[Axis], group: Sequence[int], most: int) -> Iterator[tuple[int, ...]]:
    """Yield choices of values for the axes in `group`, all others at their first value."""
    indices = itertools.product(*(spread(len(axes[n].values), most) for n in group))
    for chosen in itertools.islice(indices, most):
        given = dict(zip(group, chosen, strict=True))
        yield tuple(given.get(n, 0) for n in range(len(axes)))


def _repetitions(axis: Axis) -> Iterator[Problem]:
    """Yield a problem for every value that the override gives twice."""
    if isinstance(axis.values, range | ExactRange | array):
        return
    seen: dict[str, str] = {}
    for index in range(len(axis.values)):
        value = canonical(plain(axis.values[index]))
        text, identity = axis.text(index), json.dumps(value, sort_keys=True, default=str)
        if identity in seen:
            yield axis.override.problem(
                f"two runs resolve to the same recipe: {axis.key} is {seen[identity]} and {text}"
            )
        seen[identity] = text


def _same_recipe(axes: Sequence[Axis], first: tuple[int, ...], second: tuple[int, ...]) -> Problem:
    differing = [n for n in range(len(axes)) if first[n] != second[n]]
    pairs = [
        " ".join(axes[n].assignment(choice[n]) for n in differing) for choice in (first, second)
    ]
    return axes[differing[-1]].override.problem(
        f"two runs resolve to the same recipe: {pairs[0]} and {pairs[1]}"
    )
