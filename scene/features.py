"""Features: the named values of particles and measurement techniques.

Prototypes declare the features they understand as :class:`FeatureSpec`; the recipe's schema, the
steps and the records all work from these declarations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

type FeatureValue = int | float | tuple[float, ...]


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """What values a feature takes.

    Parameters
    ----------
    name
        The name used in recipes, for instance ``dimensions``.
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

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the table columns that hold this feature, one for each component."""
        if self.components == 1:
            return (self.name,)
        return tuple(f"{self.name}_{axis}" for axis in "xyz"[: self.components])

    def checked(self, value: object) -> FeatureValue:
        """Return `value` as this feature stores it.

        Raises
        ------
        ValueError
            If the value has the wrong type, number of components or range.
        """
        items = value if isinstance(value, tuple | list) else (value,)
        if len(items) != self.components:
            expected = "one number" if self.components == 1 else f"{self.components} numbers"
            raise ValueError(f"{self.name} takes {expected}, got {value!r}")
        numbers = tuple(self._component(item) for item in items)
        return numbers[0] if self.components == 1 else numbers

    def _component(self, item: object) -> int | float:
        if isinstance(item, bool) or not isinstance(item, int | float):
            raise ValueError(f"{self.name} takes numbers, got {item!r}")
        if not math.isfinite(item):
            raise ValueError(f"{self.name} must be finite, got {item!r}")
        if self.integer and item != int(item):
            raise ValueError(f"{self.name} takes whole numbers, got {item!r}")
        if not self.minimum <= item <= self.maximum:
            raise ValueError(f"{self.name} must lie in {self.range_text}, got {item!r}")
        return int(item) if self.integer else float(item)

    @property
    def range_text(self) -> str:
        """The allowed range as a person reads it."""
        if self.maximum == math.inf:
            return f"[{self.minimum:g}, inf)"
        return f"[{self.minimum:g}, {self.maximum:g}]"
