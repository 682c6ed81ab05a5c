"""Features: the named values of particles and measurement techniques.

Prototypes declare the features they understand as :class:`FeatureSpec`; the recipe's schema, the
steps and the records all work from these declarations.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from scene.errors import unknown

type FeatureValue = bool | int | float | str | tuple[float, ...]

type FeatureKind = Literal["number", "boolean", "string"]

LARGEST_FLOAT = (2.0 - 2.0**-23) * 2.0**127
"""The largest number of single precision; Blender silently takes larger ones for it."""

LONGEST_STRING = 1000
"""Most characters of a string feature's value."""

AXES: Mapping[int, str] = {2: "xy", 3: "xyz", 4: "rgba"}
"""Number of components to what they are called; four are those of a colour."""

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
        1 for a plain number, 3 for a vector (x, y, z), 4 for a colour (r, g, b, a).
    integer
        Whether only whole numbers are allowed.
    minimum, maximum
        Bounds of every component, inclusive.
    kind
        What its values are: numbers, true or false, or text.
    alias_of
        Name of a vector and index of one of its components: this feature is another name of that
        component, and nothing is stored for it. None for a feature of its own.
    ratio
        Whether an alias does not equal the component but scales it: setting the feature from a to
        b multiplies the component by b / a, and setting the vector resets the feature to 1.
    constant
        Whether its value is always the default, which no step can change.
    shared
        Whether all particles of a blueprint have the same value: setting that of one sets all.
    equal
        Whether all components have to be the same.
    choices
        All texts that a string may be; empty if it may be any.
    implicit
        Whether an object holds no value of it until a step sets one; until then the default holds,
        and nothing is recorded.
    """

    name: str
    default: FeatureValue
    description: str
    components: int = 1
    integer: bool = False
    minimum: float = -math.inf
    maximum: float = math.inf
    kind: FeatureKind = "number"
    alias_of: tuple[str, int] | None = None
    ratio: bool = False
    constant: bool = False
    shared: bool = False
    equal: bool = False
    choices: tuple[str, ...] = ()
    implicit: bool = False

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
        if problem := self._contradiction():
            raise ValueError(problem)
        default = self.checked(self.default)
        if not isinstance(self.default, int | float | str | tuple):
            object.__setattr__(self, "default", default)

    def _contradiction(self) -> str | None:
        """Return why there can't be such a feature, or None if there can."""
        if self.components not in {1, *AXES}:
            return f"{self.name} has 1, 2, 3 or 4 components, got {self.components!r}"
        if self.kind not in {"number", "boolean", "string"}:
            return f"{self.name} is a number, boolean or string, got the kind {self.kind!r}"
        if self.kind != "number" and self.components != 1:
            return f"{self.name} is a {self.kind}, so it has one component, not {self.components}"
        if self.alias_of is not None and (self.kind, self.components) != ("number", 1):
            return f"{self.name} stands for a component of {self.alias_of[0]}, so it is one number"
        if self.ratio and (self.alias_of is None or self.minimum <= 0):
            return f"{self.name} is a ratio, so it needs alias_of and a minimum greater than 0"
        return None

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers, so that they have a mean."""
        return self.kind == "number"

    @property
    def is_stored(self) -> bool:
        """Whether an object holds a value of its own for it."""
        return not self.constant and (self.alias_of is None or self.ratio)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the table columns that hold this feature, one for each component.

        None for an alias, whose value is in the vector's column, and for a constant.
        """
        if not self.is_stored:
            return ()
        return component_columns(self.name, self.components)

    def checked(self, value: object) -> FeatureValue:
        """Return `value` as this feature stores it; numpy's scalars and arrays become plain.

        Raises
        ------
        ValueError
            If the value has the wrong type, number of components or range.
        """
        if isinstance(value, np.ndarray | np.generic):
            value = value.tolist()
        items: Any = value if isinstance(value, tuple | list) else (value,)
        if len(items) != self.components:
            numbers = f"{self.components} numbers"
            expected = self._one if self.components == 1 else numbers
            raise ValueError(f"{self.name} takes {expected}, got {value!r:.80}")
        plain = tuple(self._component(item) for item in items)
        if self.equal and len({*plain}) > 1:
            raise ValueError(
                f"{self.name} takes {self.components} equal numbers here, got {value!r:.80}"
            )
        return plain[0] if self.components == 1 else plain

    @property
    def _one(self) -> str:
        return {"number": "one number", "boolean": "true or false", "string": "text"}[self.kind]

    def _component(self, item: object) -> Any:
        if isinstance(item, np.generic):
            item = item.item()
        if self.kind == "boolean":
            if isinstance(item, int | float) and item in {0, 1}:  # Blender takes these, too
                return bool(item)
            raise ValueError(f"{self.name} takes true or false, got {item!r:.80}")
        if self.kind == "string":
            return self._text(item)
        if isinstance(item, bool) or not isinstance(item, int | float):
            raise ValueError(f"{self.name} takes numbers, got {item!r:.80}")
        if not abs(item) <= LARGEST_FLOAT:  # nor is NaN
            raise ValueError(
                f"{self.name} must be finite and at most {LARGEST_FLOAT:.2g} in size, as Blender "
                f"counts in single precision, got {item!r:.80}"
            )
        if self.integer and item != int(item):
            raise ValueError(f"{self.name} takes whole numbers, got {item!r}")
        if not self.minimum <= item <= self.maximum:
            meaning = f" ({self.description})" if self.description else ""
            raise ValueError(f"{self.name} must lie in {self.range_text}, got {item!r}{meaning}")
        return int(item) if self.integer else float(item)

    def _text(self, item: object) -> str:
        if not isinstance(item, str):
            raise ValueError(f"{self.name} takes text, got {item!r:.80}")
        if self.choices and item not in self.choices:
            raise ValueError(unknown(self.name, f"{item:.80}", self.choices))
        if len(item) > LONGEST_STRING:
            raise ValueError(
                f"{self.name} takes at most {LONGEST_STRING} characters, got {len(item)}"
            )
        return item

    @property
    def range_text(self) -> str:
        """The allowed range, as messages show it."""
        if self.maximum == math.inf:
            return f"[{self.minimum:g}, inf)"
        return f"[{self.minimum:g}, {self.maximum:g}]"


def component_columns(name: str, components: int) -> tuple[str, ...]:
    """Return the names of the columns that hold a feature's components.

    >>> component_columns("color", 4)
    ('color_r', 'color_g', 'color_b', 'color_a')
    """
    if components == 1:
        return (name,)
    return tuple(f"{name}_{axis}" for axis in AXES[components])


def number(features: Mapping[str, FeatureValue], name: str) -> float:
    """Return the value of a feature that is a plain number."""
    value = features[name]
    assert isinstance(value, int | float)
    return value


def numbers(features: Mapping[str, FeatureValue], specs: Iterable[FeatureSpec]) -> dict[str, float]:
    """Return the values of features that are plain numbers, by their names."""
    return {spec.name: number(features, spec.name) for spec in specs}
