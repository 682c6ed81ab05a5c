"""What is checked of a sweep's runs before the first starts."""

from __future__ import annotations

import itertools
import json
import math
from array import array
from collections.abc import Iterator, Sequence

from orchestrator.plan.expansion import SPREAD, Expansion, run_id, spread
from orchestrator.plan.overrides import Axis, parse_overrides, plain
from orchestrator.plan.ranges import ExactRange
from orchestrator.plan.sweep import Sweep
from scene.errors import COMMAND_LINE, ConfigurationError, Problem
from scene.language.canonical import canonical
from scene.recipe.compose import Composition
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.steps.relax import RelaxCollisions

CHECKED_PRODUCT = 500
"""A sweep of at most this many runs is checked whole before the first starts."""

REPORTED_AT_A_PLACE = 3
"""Most values whose fault at one place of the recipe is reported."""

CHECKED_TOGETHER = 1_000
"""Most values of all keys together that are checked before the first run starts."""

MOST_RUNS = 100_000_000
"""Most runs of a sweep without a limit."""


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
    registry = Registry(sweep.plugins, sweep.prototype_dirs)
    axes = parse_overrides(sweep.overrides)
    _check_number(sweep, axes)
    try:
        expansion = Expansion(axes, composition, sweep.settings.limit, sweep.prototype_dirs)
        _check(expansion, str(sweep.recipe), registry)
    except ConfigurationError as error:
        raise ConfigurationError(_located(error, axes, str(sweep.recipe))) from error
    return expansion


def first_recipe(expansion: Expansion, sweep: Sweep) -> Recipe:
    """Return the recipe of the first run, as an example of all."""
    return parse(
        expansion[0].recipe, sweep.recipe.name, Registry(sweep.plugins, sweep.prototype_dirs)
    )


def _check_number(sweep: Sweep, axes: Sequence[Axis]) -> None:
    runs = math.prod(len(axis.values) for axis in axes)
    if min(runs, sweep.settings.limit or runs) > MOST_RUNS:
        number = f"{runs:,}" if runs < 10**15 else "more than 10^15"
        message = (
            f"the sweep has {number} runs, and may have at most {MOST_RUNS:,}: give fewer "
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
                _check_for_sweeps(parse(recipe, source, registry), source)
            except ConfigurationError as error:
                faulty.append(error)
    problems.update(dict.fromkeys(_shortened(faulty)))
    if problems:
        raise ConfigurationError(problems)


def _check_for_sweeps(recipe: Recipe, source: str) -> None:
    """Refuse what makes sense for a single run only."""
    steps = recipe.synth_chain.feature_generation_steps
    problems = [
        Problem(
            source,
            f"synth_chain.feature_generation_steps.{index}.dry_run",
            "a dry run makes no images, so a sweep has no use for it; execute the recipe by "
            "python -m scene, or set this to false",
        )
        for index, step in enumerate(steps)
        if isinstance(step, RelaxCollisions) and step.dry_run
    ]
    if problems:
        raise ConfigurationError(problems)


def _shortened(faulty: Sequence[ConfigurationError]) -> Iterator[Problem]:
    """Yield the problems of several recipes, of one place only what the first few have there."""
    found: dict[tuple[str, str], int] = {}
    last: dict[Problem, int] = {}
    for error in faulty:
        new = [problem for problem in error.problems if problem not in last]
        for place in {(problem.source, problem.path) for problem in new}:
            found[place] = found.get(place, 0) + 1
        last |= {problem: found[problem.source, problem.path] for problem in new}
    for problem, number in last.items():
        if number <= REPORTED_AT_A_PLACE:
            more = found[problem.source, problem.path] - number
            cut = number == REPORTED_AT_A_PLACE and more
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
    alone = max(2, min(SPREAD, CHECKED_TOGETHER // len(numbers)))
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
