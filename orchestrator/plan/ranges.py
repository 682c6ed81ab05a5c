"""Ranges of numbers, however long: their values are made when they are asked for."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import final, overload, override

MOST_ROUNDED = 1_000_000
"""A range whose sums are rounded has to be walked through; it has at most this many values."""

_DIGITS = 28
"""Sums of at most this many decimal digits are exact, as in Hydra's own ranges."""


def number_range(start: float, stop: float, step: float) -> Sequence[int] | Sequence[float]:
    """Return the numbers from `start` to below `stop`, as Hydra's ``range`` defines them.

    Raises
    ------
    ValueError
        If the numbers can't be counted with, or are too many; the text is one sentence.
    """
    bounds = (start, stop, step)
    if not all(isinstance(bound, int) or math.isfinite(bound) for bound in bounds):
        raise ValueError("range() takes finite numbers")
    if step == 0:
        raise ValueError("range() takes a step other than 0")
    count = max(0, math.ceil((Fraction(stop) - Fraction(start)) / Fraction(step)))
    if count > sys.maxsize:
        raise ValueError(f"gives more than {sys.maxsize:.2g} values")
    if all(isinstance(bound, int) for bound in bounds):
        return range(int(start), int(stop), int(step))
    largest = max(abs(Fraction(start)), abs(Fraction(start) + (count - 1) * Fraction(step)))
    if count > 1 and abs(step) < math.ulp(float(largest)):
        raise ValueError("takes steps so small that neighbouring numbers are equal")
    first, by = Decimal(start), Decimal(step)
    if _exact(first, by, count):
        return ExactRange(first, by, count)
    if count > MOST_ROUNDED:
        raise ValueError(
            f"gives {count:,} values in steps that are rounded, and may give at most "
            f"{MOST_ROUNDED:,}; take larger steps, or whole numbers"
        )
    return _walked(first, Decimal(stop), by)


@final
class ExactRange(Sequence[float]):
    """Evenly spaced floats, each the rounding of an exact sum.

    Parameters
    ----------
    start, step
        The first value, and from each to the next.
    count
        How many there are.
    """

    def __init__(self, start: Decimal, step: Decimal, count: int) -> None:
        self._start, self._step, self._count = start, step, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> float: ...

    @overload
    def __getitem__(self, index: slice) -> list[float]: ...

    @override
    def __getitem__(self, index: int | slice) -> float | list[float]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        position = range(self._count)[index]
        return float(self._start + position * self._step if position else self._start)


def _exact(start: Decimal, step: Decimal, count: int) -> bool:
    """Whether every sum on the way has few enough digits."""
    exponents = (int(start.as_tuple().exponent), int(step.as_tuple().exponent))
    largest = abs(Fraction(start)) + count * abs(Fraction(step))
    return largest < Fraction(10) ** (_DIGITS + min(exponents))


def _walked(start: Decimal, stop: Decimal, step: Decimal) -> Sequence[float]:
    """Return the values that repeated addition gives, rounded at every step as Hydra rounds."""
    values = array("d")
    while start < stop if step > 0 else start > stop:
        values.append(float(start))
        start += step
    return values
