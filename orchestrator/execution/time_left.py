"""How long the rest of a sweep takes, learned from how a run's time depends on its swept values.

Runs differ in cost, and the rightmost override varies fastest, so that costs come in blocks: the
mean of the runs so far says little about the rest. Here a run's time is a product of one factor
for each swept key. The factor of a positive number is a power of it, fitted by least squares to
the logarithms and taken only where it stands out of the noise; what its values differ from that,
and the values of any other key, have a factor each, drawn towards 1 the less is known of it
(an empirical Bayes estimate: the variance between values against that of their means). Where
nothing is known the estimate is the mean.

Runs are counted by cell of the product, keys of many values in bins, so that neither memory nor
time depends on how many runs there are. No clock is read here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from orchestrator.plan.run import Scalar

MOST_BINS = 16
"""A key with more values is looked at in so many bins."""

MOST_CELLS = 4096
"""Bins of all keys together, multiplied; more are merged."""

_USUAL_NOISE = 0.1
"""Relative scatter of equal runs that is assumed before it is known."""

_ASSUMED_RUNS = 4.0
"""The assumption weighs as much as so many runs."""

_LEAST_F = 9.0
"""A power law is taken from here on, which is three standard errors."""

_LEAST_SECONDS = 1e-4
_ROUNDS = 3

type Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True)
class SweptValues:
    """One override of a sweep.

    Parameters
    ----------
    size
        How many values it gives its key.
    samples
        Some of the values by their position, enough to tell numbers from anything else.
    """

    size: int
    samples: Mapping[int, Scalar]


@final
class CostModel:
    """Predicts the seconds of runs that have not run yet.

    Parameters
    ----------
    axes
        The sweep's overrides in order, the last one varying fastest.
    runs
        How many of the product's runs, from the first on, the sweep has; None for all.
    """

    def __init__(self, axes: Sequence[SweptValues] = (), runs: int | None = None) -> None:
        self._shape = tuple(axis.size for axis in axes)
        self._bins = _bins(self._shape)
        self._numbers = [
            _logarithms(axis, bins) for axis, bins in zip(axes, self._bins, strict=True)
        ]
        product = math.prod(self._shape)
        self._runs = product if runs is None else min(runs, product)
        cells = math.prod(self._bins)
        # Plain lists: one entry at a time is changed, thousands of times a second.
        self._count = [0] * cells
        self._seconds = [0.0] * cells
        self._logs = [0.0] * cells
        self._squares = 0.0
        self._strides = _strides(self._shape)
        self._last = -1

    def add(self, index: int, seconds: float) -> None:
        """Learn from the run at position `index` of the sweep, which took `seconds`."""
        cell = 0
        for stride, size, bins in zip(self._strides, self._shape, self._bins, strict=True):
            cell = cell * bins + index // stride % size * bins // size
        log = math.log(max(seconds, _LEAST_SECONDS))
        self._count[cell] += 1
        self._seconds[cell] += seconds
        self._logs[cell] += log
        self._squares += log * log
        self._last = max(self._last, index)

    def left(self, runs: int) -> float:
        """Return the seconds that the last `runs` runs of the sweep take, one after the other.

        Runs start in the sweep's order; those that ended out of order make no difference of note.
        """
        if not any(self._count) or runs <= 0:
            return 0.0
        beyond = self.total_runs - self._positions(min(self._last + 1, self._runs))
        count = float(beyond.sum())
        cost = self.predicted()
        if count == 0:
            # Only what was started before, and is still in flight, is left.
            return runs * float(np.average(cost, weights=np.maximum(self.total_runs, 0)))
        return runs * float((beyond * cost).sum()) / count

    @property
    def total_runs(self) -> Floats:
        """How many runs of the sweep each cell has, in the shape of the bins."""
        return self._positions(self._runs)

    def predicted(self) -> Floats:
        """Return the expected seconds of a run of each cell, in the shape of the bins."""
        count = np.array(self._count, dtype=np.float64).reshape(self._bins)
        seconds = np.array(self._seconds).reshape(self._bins)
        logs = np.array(self._logs).reshape(self._bins)
        if not count.any():
            return np.zeros(self._bins)
        predicted = np.exp(_fitted(count, logs, self._squares, self._numbers))
        # A mean of logarithms lies below the logarithm of the mean.
        return predicted * float(seconds.sum() / (count * predicted).sum())

    def _positions(self, end: int) -> Floats:
        """Return how many of the positions below `end` lie in each cell.

        Positions are numbers of mixed radix. Those below `end` are the whole blocks before its
        first digit, and in the last block those below the rest.
        """
        counts = np.zeros(self._bins)
        place: tuple[int, ...] = ()
        for axis, (size, bins) in enumerate(zip(self._shape, self._bins, strict=True)):
            digit, end = divmod(end, self._strides[axis])
            block = np.ones(())
            for inner in range(axis + 1, len(self._shape)):
                inner_bins = _digits(self._shape[inner], self._bins[inner], self._shape[inner])
                block = np.multiply.outer(block, inner_bins)
            counts[place] += np.multiply.outer(_digits(min(digit, size), bins, size), block)
            if digit >= size:
                return counts
            place = (*place, digit * bins // size)
        if not self._shape:
            counts += end
        return counts


@final
class TimeLeft:
    """The wall time that the rest of a sweep takes, told about time and workers by the caller.

    Parameters
    ----------
    model
        What runs cost.
    """

    def __init__(self, model: CostModel) -> None:
        self._model = model
        self._busy = 0.0
        self._worker_seconds = 0.0
        self._seen: float | None = None

    def add(self, index: int, seconds: float, *, succeeded: bool) -> None:
        """Take one attempt; one that failed has cost time and says nothing of what runs cost."""
        self._busy += seconds
        if succeeded:
            self._model.add(index, seconds)

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
        cost = self._model.left(left)
        if cost <= 0 or self._worker_seconds <= 0:
            return None
        working = min(in_flight, max(workers, 1))
        # On average half of what workers have in hand is done.
        in_hand = 0.5 * working * cost / left
        share = min(1.0, (self._busy + in_hand) / self._worker_seconds)
        return max(cost - in_hand, 0.0) / (min(max(workers, 1), left) * share)


def _fitted(
    count: Floats, logs: Floats, squares: float, numbers: Sequence[Floats | None]
) -> Floats:
    """Return the logarithm of the seconds expected in each cell.

    Parameters
    ----------
    count, logs
        Runs of each cell, and the sum of their logarithms.
    squares
        The sum of the squares of all logarithms.
    numbers
        For each axis the logarithm of its bins' numbers; None where it has none.
    """
    runs = float(count.sum())
    seen = count > 0
    weight = count[seen]
    mean = logs[seen] / weight
    inside = max(0.0, squares - float((weight * mean**2).sum()))
    columns = {a: _along(x, a, count.ndim) for a, x in enumerate(numbers) if x is not None}
    chosen: list[int] = []
    everywhere, error = _least_squares(count.shape, seen, weight, mean, [])
    while len(chosen) < len(columns):
        tries = {
            a: _least_squares(count.shape, seen, weight, mean, [columns[b] for b in (*chosen, a)])
            for a in columns
            if a not in chosen
        }
        best = min(tries, key=lambda a: tries[a][1])
        fit, smaller = tries[best]
        if error - smaller < _LEAST_F * _variance(smaller + inside, runs - len(chosen) - 2):
            break
        chosen.append(best)
        everywhere, error = fit, smaller
    rest = logs - count * everywhere
    levels = np.zeros(count.shape)
    for _ in range(2):  # the second time with the noise as it is beside the first's effects
        scatter = float((weight * (mean - (everywhere + levels)[seen]) ** 2).sum())
        levels = _levels(count, rest, _variance(scatter + inside, runs - len(chosen) - 1))
    return everywhere + levels


def _least_squares(
    shape: tuple[int, ...], seen: NDArray[np.bool_], weight: Floats, mean: Floats,
    columns: Sequence[Floats],
) -> tuple[Floats, float]:  # fmt: skip
    """Return the fit by the columns in every cell, and its squared error in those seen."""
    root = np.sqrt(weight)
    full = [np.ones(shape), *(np.broadcast_to(column, shape) for column in columns)]
    matrix = np.stack([column[seen] for column in full], axis=1)
    solution = np.linalg.lstsq(matrix * root[:, None], mean * root, rcond=None)[0]
    error = float((weight * (mean - matrix @ solution) ** 2).sum())
    return sum(c * column for c, column in zip(solution, full, strict=True)), error


def _levels(count: Floats, rest: Floats, variance: float) -> Floats:
    """Return for each cell the effects of its values, from what is left by the power laws."""
    total = np.zeros(count.shape)
    effects = [np.zeros(size) for size in count.shape]
    for _ in range(_ROUNDS):
        for axis in range(count.ndim):
            others = tuple(a for a in range(count.ndim) if a != axis)
            total -= _along(effects[axis], axis, count.ndim)
            runs = count.sum(axis=others)
            means = (rest - count * total).sum(axis=others) / np.maximum(runs, 1)
            effects[axis] = _shrunk(means, runs, variance)
            total += _along(effects[axis], axis, count.ndim)
    return total


def _shrunk(means: Floats, runs: Floats, variance: float) -> Floats:
    seen = runs > 0
    if seen.sum() < 2:
        return np.zeros_like(means)
    noise = variance / np.maximum(runs, 1)
    between = max(0.0, float((means[seen] ** 2 - noise[seen]).mean()))
    return np.where(seen, means * between / (between + noise), 0.0)


def _variance(squared_error: float, freedom: float) -> float:
    assumed = _ASSUMED_RUNS * _USUAL_NOISE**2
    return (squared_error + assumed) / (max(freedom, 0.0) + _ASSUMED_RUNS)


def _along(values: Floats, axis: int, dimensions: int) -> Floats:
    shape = [1] * dimensions
    shape[axis] = len(values)
    return values.reshape(shape)


def _bins(shape: Sequence[int]) -> tuple[int, ...]:
    bins = [min(size, MOST_BINS) for size in shape]
    while math.prod(bins) > MOST_CELLS:
        largest = bins.index(max(bins))
        bins[largest] = (bins[largest] + 1) // 2
    return tuple(bins)


def _strides(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _digits(below: int, bins: int, size: int) -> Floats:
    """Return how many of the digits under `below` lie in each bin of an axis of `size` values."""
    # Bin b holds the digits d with d * bins // size == b.
    edges = -(-np.arange(bins + 1) * size // bins)
    return np.diff(np.minimum(edges, below)).astype(np.float64)


def _logarithms(axis: SweptValues, bins: int) -> Floats | None:
    """Return the mean logarithm of each bin's numbers; None if not all are positive numbers."""
    sums, counts = np.zeros(bins), np.zeros(bins)
    for position, value in axis.samples.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            return None
        sums[position * bins // axis.size] += math.log(value)
        counts[position * bins // axis.size] += 1
    if bins < 2 or not counts.all():
        return None
    means: Floats = sums / counts
    return means
