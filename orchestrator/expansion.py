"""From a sweep's overrides to its runs, lazily: the product of all values, rightmost fastest."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Never, cast, final, overload

from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.types import Override, QuotedString, ValueType
from hydra.errors import HydraException

from orchestrator.resolution import Canonical, Composable, ProductResolver, canonical
from orchestrator.run import Run, Scalar
from orchestrator.sweep import COMMAND_LINE, OverrideText, Sweep
from scene.compose import Composition
from scene.errors import ConfigurationError, Problem
from scene.parsing import parse
from scene.recipe import Recipe
from scene.registry import Registry

CHECKED_PRODUCT = 500
"""Up to so many runs, all are checked before the first starts."""

CHECKED_VALUES = 100
"""Most values of one key that are checked before the first run starts."""


@final
@dataclass(frozen=True, slots=True)
class Axis:
    """One override and all the values it gives its key.

    Parameters
    ----------
    override
        As it was written.
    prefix
        ``+``, ``++``, ``~`` or nothing.
    key
        Dotted key without the prefix.
    values
        Typed values: one for a plain override, several for a sweep. Lists, mappings and quoted
        strings as Hydra's parser gives them.
    """

    override: OverrideText
    prefix: str
    key: str
    values: Sequence[Any]

    def text(self, index: int) -> str:
        """Return the value at `index` as Hydra's grammar writes it."""
        return "" if self.prefix == "~" else value_text(self.values[index])

    def assignment(self, index: int) -> str:
        """Return the override that sets the value at `index`."""
        if self.prefix == "~":
            return self.override.text
        return f"{self.prefix}{self.key}={self.text(index)}"

    def scalar(self, index: int) -> Scalar:
        """Return the value at `index`, typed; lists and mappings as text."""
        value = self.values[index]
        if isinstance(value, QuotedString):
            return str(value.text)
        return value_text(value) if isinstance(value, list | dict) else cast("Scalar", value)


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
        self._set_axes = tuple(n for n, axis in enumerate(axes) if axis.prefix != "~")

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
            run_id=run_id(recipe),
            recipe=recipe,
            overrides=tuple(
                (self.axes[n].key, self.axes[n].text(choice[n])) for n in self._set_axes
            ),
            values={self.axes[n].key: self.axes[n].scalar(choice[n]) for n in self._set_axes},
        )

    def __iter__(self) -> Iterator[Run]:
        return (self[index] for index in range(len(self)))

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
    try:
        expansion = Expansion(axes, composition, sweep.limit)
        _check(expansion, str(sweep.recipe), registry)
    except ConfigurationError as error:
        raise ConfigurationError(_located(error, axes)) from error
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
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_overrides(overrides: Sequence[OverrideText]) -> tuple[Axis, ...]:
    """Parse overrides in Hydra's grammar.

    Raises
    ------
    ConfigurationError
        With every override that is malformed, gives no value, or uses what a sweep can't.
    """
    axes, problems = [], []
    for override in overrides:
        try:
            axes.append(_axis(override, _PARSER.parse_override(override.text)))
        except HydraException as error:
            cause = error.__cause__ if isinstance(error.__cause__, _RefusedError) else error
            problems.append(override.problem(_one_line(cause, override.text)))
        except (ValueError, RecursionError) as error:
            problems.append(override.problem(_one_line(error, override.text)))
    if problems:
        raise ConfigurationError(problems)
    return tuple(axes)


def value_text(value: Any) -> str:
    """Return a parsed value as Hydra's grammar writes it, so that it parses to itself again."""
    if isinstance(value, str) and not isinstance(value, QuotedString) and "${" in value:
        return value  # escaping would keep the interpolation from being one
    return str(Override._get_value_element_as_str(value))  # noqa: SLF001 (Hydra has no public one)


def spread(size: int) -> Sequence[int]:
    """Return up to `CHECKED_VALUES` indices below `size`, evenly spread, both ends included."""
    if size <= CHECKED_VALUES:
        return range(size)
    return [round(n * (size - 1) / (CHECKED_VALUES - 1)) for n in range(CHECKED_VALUES)]


def _axis(override: OverrideText, parsed: Override) -> Axis:
    prefix = str(parsed.get_key_element()).removesuffix(str(parsed.key_or_group))
    key = str(parsed.key_or_group)
    if parsed.package is not None or "/" in key:
        raise _RefusedError("names a config group; only keys of the recipe can be overridden")
    if parsed.is_delete():
        if parsed.is_sweep_override():
            raise _RefusedError("a deleted key has no values to sweep over")
        return Axis(override, "~", key, (None,))
    if parsed.value_type == ValueType.GLOB_CHOICE_SWEEP:
        raise _RefusedError("glob() needs a config group; write the values out")
    if parsed.value_type == ValueType.INTERVAL_SWEEP:
        raise _RefusedError("interval() has no end of values; use range(start,stop,step)")
    values = _values(parsed)
    if not values:
        raise _RefusedError("gives no value, so that the sweep would be empty")
    return Axis(override, prefix, key, values)


def _values(parsed: Override) -> Sequence[Any]:
    if not parsed.is_sweep_override():
        return (parsed._value,)  # noqa: SLF001 (value() would lose the quotes)
    sweep: Any = parsed._value  # noqa: SLF001
    if parsed.is_range_sweep() and isinstance(numbers := sweep.range(), range):
        return numbers  # however long, it takes no memory
    return tuple(parsed.sweep_iterator())


class _RefusedError(ValueError):
    """An override that parses, but that a sweep can't take."""


def _refuse_shuffle(*_: object, **__: object) -> Never:
    raise _RefusedError("shuffle() would give other runs at every start; write the order out")


def _parser() -> OverridesParser:
    functions = create_functions()
    functions.functions["shuffle"] = _refuse_shuffle
    return OverridesParser(functions)


_PARSER = _parser()


def _one_line(error: BaseException, text: str) -> str:
    sentence = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, _RefusedError):
        return sentence
    return f"{text!r} is not an override in Hydra's grammar: {sentence}"


def _located(error: ConfigurationError, axes: Sequence[Axis]) -> Iterator[Problem]:
    """Yield the problems, those of single assignments at the place of their override."""
    for problem in error.problems:
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
    sizes = [len(axis.values) for axis in axes]
    groups: list[tuple[int, ...]]
    if len(expansion) <= CHECKED_PRODUCT and len(expansion) == math.prod(sizes):
        groups = [tuple(range(len(axes)))]
    else:
        groups = [(n,) for n in range(len(axes))]
        groups += [
            (n, m)
            for n, m in itertools.combinations(range(len(axes)), 2)
            if f"{axes[m].key}.".startswith(f"{axes[n].key}.")
            or f"{axes[n].key}.".startswith(f"{axes[m].key}.")
        ]
    for group in groups:
        seen: dict[str, tuple[int, ...]] = {}
        indices = itertools.product(*(spread(sizes[n]) for n in group))
        for chosen in itertools.islice(indices, CHECKED_PRODUCT):
            choice = [0] * len(axes)
            for n, index in zip(group, chosen, strict=True):
                choice[n] = index
            recipe = expansion.resolver.recipe(tuple(choice))
            identity = run_id(recipe)
            if identity in seen:
                problem = _same_recipe(axes, seen[identity], tuple(choice))
                problems.setdefault(problem)
                continue
            seen[identity] = tuple(choice)
            try:
                parse(recipe, source, registry)
            except ConfigurationError as error:
                problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ConfigurationError(problems)


def _repetitions(axis: Axis) -> Iterator[Problem]:
    """Yield a problem for every value that the override gives twice."""
    if isinstance(axis.values, range):
        return
    seen: dict[str, str] = {}
    for index in range(len(axis.values)):
        value = axis.values[index]
        plain = value.text if isinstance(value, QuotedString) else value
        text, identity = axis.text(index), json.dumps(canonical(plain), sort_keys=True, default=str)
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
