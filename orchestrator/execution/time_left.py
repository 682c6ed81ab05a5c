"""How long the rest of a sweep takes, learned from how a run's time depends on its swept values.

Runs differ in cost, and the rightmost override varies fastest, so that costs come in blocks: the
mean of the runs so far says little about the rest. Here the logarithm of a run's time is a sum: of
one term for each value of each key, and for keys of positive numbers of a slope times the number's
logarithm, which also holds for numbers not seen yet. The terms are those of a ridge regression (A.
E. Hoerl and R. W. Kennard, Technometrics 12, 1970), so that what is not known is taken for 0.

What it keeps does not grow with the number of runs. No clock is read here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

MOST_BINS = 16
"""The values of a key with more are put into this many bins of neighbours."""

SAMPLED_RUNS = 500
"""At most this many of the runs left are looked at; they stand for all."""

_SLOPE_RIDGE, _VALUE_RIDGE = 0.001, 1.0
"""Variance of equal runs over what slopes and values are expected to contribute. Slopes contribute
much, so that numbers differ from their neighbours, values about as much as the noise."""

_GOLDEN = (math.sqrt(5) - 1) / 2
_LEAST_SECONDS = 1e-4


@final
class TimeLeft:
    """The wall time that the rest of a sweep takes; the caller reports runs, time and workers.

    Parameters
    ----------
    axes
        The values of each of the sweep's overrides in order, the last one varying fastest.
    runs
        How many runs the sweep has.
    seeds
        Numbers of the axes whose values are seeds: a larger one costs neither more nor less.
    """

    def __init__(
        self, axes: Sequence[Sequence[Any]], runs: int, seeds: Collection[int] = ()
    ) -> None:
        several = [number for number, axis in enumerate(axes) if len(axis) > 1]
        self._axes = [axes[number] for number in several]
        self._numbers = [
            number not in seeds and _are_positive_numbers(axes[number]) for number in several
        ]
        self._runs = runs
        bins = [min(len(axis), MOST_BINS) for axis in self._axes]
        # A constant, a slope for each axis, and a term for each bin.
        self._first_bins = np.cumsum([1 + len(bins), *bins]).tolist()
        ridge = [0.0, *[_SLOPE_RIDGE] * len(bins), *[_VALUE_RIDGE] * sum(bins)]
        self._matrix = np.diag(ridge)
        self._right = np.zeros(len(ridge))
        self._squares = 0.0
        self._count = 0
        self._last = -1
        self._busy = 0.0
        self._worker_seconds = 0.0
        self._seen: float | None = None

    def add(self, index: int, seconds: float, *, succeeded: bool) -> None:
        """Take one attempt; one that failed has cost time and says nothing of what runs cost."""
        self._busy += seconds
        if succeeded:
            log = math.log(max(seconds, _LEAST_SECONDS))
            terms = self._terms(index)
            self._matrix += np.outer(terms, terms)
            self._right += log * terms
            self._squares += log * log
            self._count += 1
            self._last = max(self._last, index)

    def see(self, now: float, workers: int) -> None:
        """Note that there are `workers` workers at `now`, in seconds."""
        if self._seen is not None:
            self._worker_seconds += (now - self._seen) * max(workers, 1)
        self._seen = now

    def seconds(self, left: int, in_flight: int, workers: int) -> float | None:
        """Return the time left; None as long as nothing is known.

        Parameters
        ----------
        left
            Runs that are not settled, those in flight included.
        in_flight
            Attempts that are out on workers.
        workers
            Workers that are warm.
        """
        if not self._count or left <= 0 or self._worker_seconds <= 0:
            return None
        cost = left * self._mean_of_rest()
        working = min(in_flight, max(workers, 1))
        # On average half of what workers have in hand is done.
        in_hand = 0.5 * working * cost / left
        busy = min(1.0, (self._busy + in_hand) / self._worker_seconds)
        return max(cost - in_hand, 0.0) / (min(max(workers, 1), left) * busy)

    def _mean_of_rest(self) -> float:
        """Return the mean seconds of the runs after the last one that ended.

        Runs start in the sweep's order; those that end out of order make no difference of note.
        """
        first = min(self._last + 1, self._runs - 1)
        count = self._runs - first
        if count <= SAMPLED_RUNS:
            positions: Sequence[int] = range(first, self._runs)
        else:
            # Multiples of the golden ratio are spread evenly, whatever repeats among the runs.
            positions = [first + int(n * _GOLDEN % 1 * count) for n in range(SAMPLED_RUNS)]
        solution = np.linalg.solve(self._matrix, self._right)
        variance = (self._squares - float(self._right @ solution)) / self._count
        logs = np.array([self._terms(position) for position in positions]) @ solution
        # The mean of a log-normal distribution lies above the exponential of its logarithms' mean.
        return float(np.exp(logs + max(variance, 0.0) / 2).mean())

    def _terms(self, index: int) -> NDArray[np.float64]:
        """Return what multiplies each part of the solution for the run at `index`."""
        terms = np.zeros(len(self._right))
        terms[0] = 1.0
        for n in reversed(range(len(self._axes))):
            values = self._axes[n]
            index, digit = divmod(index, len(values))
            size = min(len(values), MOST_BINS)
            terms[self._first_bins[n] + digit * size // len(values)] = 1.0
            if self._numbers[n]:
                terms[1 + n] = math.log(values[digit])
        return terms


def _are_positive_numbers(values: Sequence[Any]) -> bool:
    # All but what is written out are ranges, whose ends suffice.
    some = values if isinstance(values, tuple | list) else (values[0], values[-1])
    return all(type(value) in (int, float) and value > 0 for value in some)
