"""From a sweep's overrides to its runs, lazily: the product of all values, rightmost fastest."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import final, overload

from orchestrator.plan.overrides import Axis
from orchestrator.plan.resolution import ProductResolver
from orchestrator.plan.run import Run, Scalar
from scene.language.canonical import Canonical, canonical_json
from scene.recipe.compose import Composition
from scene.recipe.prototype_files import prototype_versions

SPREAD = 100
"""Most values of one key that stand for all of them."""


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
        Only the first `limit` runs; None for all.
    prototype_dirs
        Libraries of prototypes: what a run uses of them is part of its id.

    Attributes
    ----------
    recipe_document
        The recipe before overrides, as YAML.
    """

    def __init__(
        self,
        axes: Sequence[Axis],
        composition: Composition,
        limit: int | None = None,
        prototype_dirs: Sequence[str] = (),
    ) -> None:
        self.axes = tuple(axes)
        self._prototype_dirs = tuple(prototype_dirs)
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
        """Key to some of its values, enough to see what types they have."""
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
        choice = self.choice(position)
        text = self.resolver.text(choice)
        if self._prototype_dirs:
            used = prototype_versions(self.resolver.recipe(choice), self._prototype_dirs)
            text += canonical_json(dict(used)).encode() if used else b""
        return _named(text)

    def choice(self, position: int) -> tuple[int, ...]:
        """Return which value of each axis the run at `position` takes: its mixed-radix digits."""
        digits = []
        for size in reversed(self._shape):
            position, digit = divmod(position, size)
            digits.append(digit)
        return tuple(reversed(digits))


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


def spread(size: int, most: int = SPREAD) -> Sequence[int]:
    """Return up to `most` indices below `size`, evenly spread, both ends included."""
    if size <= most:
        return range(size)
    return [n * (size - 1) // max(1, most - 1) for n in range(most)]
