"""Which runs, and which swept keys, say most about a sweep. Plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_GROUPS = 50
"""Runs are not grouped by a key with more values."""

RANGES = 12


def spread_runs(swept: Sequence[Sequence[Any]], count: int) -> list[int]:
    """Return up to `count` positions of runs that lie far apart in their swept values, in order.

    The run with the lowest values is first, then always the one farthest from all those chosen:
    the corners of the product, then its middle.

    Parameters
    ----------
    swept
        For each swept key the values of all runs.
    """
    if not swept or not swept[0]:
        return []
    places = np.stack([ranks(values) for values in swept], axis=1)
    chosen = [int(np.argmin(places.sum(axis=1)))]
    nearest = np.full(len(places), np.inf)
    while len(chosen) < min(count, len(places)):
        distance = ((places - places[chosen[-1]]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, distance)
        nearest[chosen] = -1
        chosen.append(int(np.argmax(nearest)))
    return sorted(chosen)


def ranks(values: Sequence[Any]) -> NDArray[np.float64]:
    """Return each value's place among the distinct ones, from 0 to 1.

    Numbers are ordered by size; anything else as it first appears.
    """
    distinct, numbers = numbered(values)
    return numbers / max(1, len(distinct) - 1)


def levels(values: Sequence[Any]) -> list[Any]:
    """Return the distinct values, numbers by size, anything else as it first appears."""
    distinct = list(dict.fromkeys(values))
    return sorted(distinct) if all(isinstance(v, int | float) for v in distinct) else distinct


def numbered(values: Sequence[Any]) -> tuple[list[Any], NDArray[np.int64]]:
    """Return the distinct values, ordered as by `levels`, and each value's number among them."""
    distinct = levels(values)
    number = {value: n for n, value in enumerate(distinct)}
    return distinct, np.array([number[value] for value in values], dtype=np.int64)


def grouped(values: Sequence[Any]) -> tuple[Sequence[Any], bool]:
    """Return values to group runs by, and whether they are the lower ends of ranges.

    Numbers of more than `MOST_GROUPS` values fall into `RANGES` ranges of equally many values.
    """
    distinct = levels(values)
    if len(distinct) <= MOST_GROUPS or not all(isinstance(v, int | float) for v in distinct):
        return values, False
    start = {v: distinct[n * RANGES // len(distinct) * len(distinct) // RANGES]
             for n, v in enumerate(distinct)}  # fmt: skip
    return [start[value] for value in values], True


def most_telling(
    swept: Mapping[str, Sequence[Any]], measured: NDArray[np.float64]
) -> tuple[str, float] | None:
    """Return the swept key that explains most of a measured value, and what fraction it explains.

    The fraction is the adjusted one of an analysis of variance with the key alone, 1 - MSE / MST,
    so that a key of many values has no advantage. None if no key has values that repeat.
    """
    known = np.isfinite(measured)
    count = int(known.sum())
    best: tuple[str, float] | None = None
    for key, values in swept.items():
        distinct, groups = numbered(values)
        sizes = np.bincount(groups[known], minlength=len(distinct))
        present = int((sizes > 0).sum())
        if not 2 <= present < count or present > MOST_GROUPS:
            continue
        sums = np.bincount(groups[known], measured[known], minlength=len(distinct))
        means = sums / np.maximum(sizes, 1)
        within = float(((measured[known] - means[groups[known]]) ** 2).sum())
        total = float(((measured[known] - measured[known].mean()) ** 2).sum())
        fraction = 1 - (within / (count - present)) / (total / (count - 1)) if total > 0 else 0.0
        if best is None or fraction > best[1]:
            best = key, max(0.0, fraction)
    return best
