"""Features: the named values of particles and measurement techniques.

Prototypes declare the features they understand as :class:`FeatureSpec`; the recipe's schema, the
steps and the records all work from these declarations.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

type FeatureValue = int | float | tuple[float, ...]

LARGEST_FLOAT = (2.0 - 2.0**-23) * 2.0**127
"""The largest number of single precision; Blender silently takes larger ones for it."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What values a feature takes.

    Parameters
    ----------
    name
        The name used in recipes, for instance ``dimensions``: letters, digits and _, at most 64.
    default
        The value before any step sets it.
    description
        One phrase with the unit, for the docs and error messages.
    components
        1 for a plain number, 3 for a vector (x, y, z).
    integer
        Whether only whole numbers are allowed.
    minimum, maximum
        Bounds of every component, inclusive.
    """

    name: str
    default: FeatureValue
    description: str
    components: int = 1
    integer: bool = False
    minimum: float = -math.inf
    maximum: float = math.inf

    def __post_init__(self) -> None:
        """Refuse a name that recipes or tables can't hold, and a default that does not fit.

        Raises
        ------
        ValueError
            With one sentence that names the feature.
        """
        name: object = self.name  # whatever a plugin gives
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(
                "a feature's name is made of letters, digits and _, begins with a letter and has "
                f"at most 64 characters, got {name!r:.80}"
            )
        if self.components not in {1, 2, 3}:
            raise ValueError(f"{self.name} has 1, 2 or 3 components, got {self.components!r}")
        default = self.checked(self.default)
        if not isinstance(self.default, int | float | tuple):
            object.__setattr__(self, "default", default)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the table columns that hold this feature, one for each component."""
        if self.components == 1:
            return (self.name,)
        return tuple(f"{self.name}_{axis}" for axis in "xyz"[: self.components])

    def checked(self, value: object) -> FeatureValue:
        """Return `value` as this feature stores it; numpy's scalars and arrays become plain.

        Raises
        ------
        ValueError
            If the value has the wrong type, number of components or range.
        """
        if isinstance(value, np.ndarray | np.generic):
            value = value.tolist()
        items = value if isinstance(value, tuple | list) else (value,)
        if len(items) != self.components:
            expected = "one number" if self.components == 1 else f"{self.components} numbers"
            raise ValueError(f"{self.name} takes {expected}, got {value!r}")
        numbers = tuple(self._component(item) for item in items)
        return numbers[0] if self.components == 1 else numbers

    def _component(self, item: object) -> int | float:
        if isinstance(item, np.generic):
            item = item.item()
        if isinstance(item, bool) or not isinstance(item, int | float):
            raise ValueError(f"{self.name} takes numbers, got {item!r}")
        if not abs(item) <= LARGEST_FLOAT:  # nor is NaN
            raise ValueError(
                f"{self.name} must be finite and at most {LARGEST_FLOAT:.2g} in size, as Blender "
                f"counts in single precision, got {item!r}"
            )
        if self.integer and item != int(item):
            raise ValueError(f"{self.name} takes whole numbers, got {item!r}")
        if not self.minimum <= item <= self.maximum:
            meaning = f" ({self.description})" if self.description else ""
            raise ValueError(f"{self.name} must lie in {self.range_text}, got {item!r}{meaning}")
        return int(item) if self.integer else float(item)

    @property
    def range_text(self) -> str:
        """The allowed range, as messages show it."""
        if self.maximum == math.inf:
            return f"[{self.minimum:g}, inf)"
        return f"[{self.minimum:g}, {self.maximum:g}]"


def number(features: Mapping[str, FeatureValue], name: str) -> float:
    """Return the value of a feature that is a plain number."""
    value = features[name]
    assert not isinstance(value, tuple)
    return value


def numbers(features: Mapping[str, FeatureValue], specs: Iterable[FeatureSpec]) -> dict[str, float]:
    """Return the values of features that are plain numbers, by their names."""
    return {spec.name: number(features, spec.name) for spec in specs}
