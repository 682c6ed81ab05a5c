"""One run in a few lines: the features that its recipe draws, and where its time went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel

from scene.execution.record import RunRecord
from scene.recipe.varying import drawn_variabilities
from scene.specimen.specimen import POSE

if TYPE_CHECKING:
    from scene.recipe.schema import Recipe

_LONGEST_VALUE = 60
"""A parameter of more characters, such as a long list of choices, is cut."""

_MOST_CATEGORIES = 4
"""Values of text of which is shown how many particles have them."""

_MOST_VALUES = 40
"""More of a list are never shown."""


def drawn_features(recipe: Recipe, record: RunRecord) -> Iterator[str]:
    """Yield two lines for each feature that a step draws: its values, and what they are from.

    A pose is shown as it was drawn, before particles were relaxed. Parameters that are drawn once a
    run are shown as they were drawn.
    """
    variabilities = drawn_variabilities(recipe).distributions
    for step in recipe.synth_chain.feature_generation_steps:
        name = getattr(step, "feature_variability_name", None)
        if isinstance(name, str) and name in variabilities:
            entry = variabilities[name]
            yield f"{entry.feature_name}: {_values(entry.feature_name, record)}"
            yield f"    from {name}: {_described(entry.variability)}"


def timings(record: RunRecord) -> Iterator[str]:
    """Yield a line for each step with its seconds."""
    for label, seconds in record.timings.items():
        yield f"{seconds:8.2f} s  {label}"


def outcome(record: RunRecord, place: str) -> str:
    """Return how many particles there are, how many can be seen, and where the files are."""
    seen = "" if record.visible_particles is None else f", {record.visible_particles} visible"
    count = len(record.particles["particle_id"])
    return f"{count} particles{seen}; {place}"


def _values(feature: str, record: RunRecord) -> str:
    """Return a feature's value, or how those of the particles are spread."""
    if feature in record.features:
        value = record.features[feature]
        parts = value if isinstance(value, tuple) else (value,)
        return ", ".join(map(_one, parts))
    table = record.particles
    initial = f"initial_{feature}"
    start = initial if feature in POSE or initial in table else feature
    axes = {axis: table[f"{start}_{axis}"] for axis in "xyzrgba" if f"{start}_{axis}" in table}
    first = next(iter(axes.values()), [])
    if all(column == first for column in axes.values()):  # a sphere's dimensions
        return _spread(table.get(start) or first)
    return ", ".join(f"{axis} {_spread(column)}" for axis, column in axes.items())


def _one(value: object) -> str:
    """Return a value that is a number, true or false, or text."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else f"{value:.5g}"


def _spread(values: Sequence[Any]) -> str:
    numbers = [value for value in values if value is not None]
    if not numbers:
        return "no particle has it"
    if isinstance(numbers[0], bool | str):
        counts = Counter(map(_one, numbers)).most_common(_MOST_CATEGORIES)
        return ", ".join(f"{value} of {count} particles" for value, count in counts)
    low, high = min(numbers), max(numbers)
    if low == high:
        return f"{low:.4g}"
    return f"{low:.4g} to {high:.4g}, mean {np.mean(numbers):.4g}, of {len(numbers)} particles"


def _described(element: BaseModel) -> str:
    given = (f"{name}={_shortened(_plain(value))}" for name, value in element if value is not None)
    return f"{type(element).__name__}({', '.join(given)})"


def _plain(value: Any) -> str:
    if isinstance(value, BaseModel):
        return _described(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_plain, value[:_MOST_VALUES]))})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
