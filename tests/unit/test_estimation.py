"""The time left of sweeps whose runs differ in cost, simulated run by run."""

from __future__ import annotations

import heapq
import itertools
import math
import timeit
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.execution.time_left import MOST_CELLS, CostModel, SweptValues, TimeLeft

NUMBERS = [100, 200, 300, 400, 500, 600]
SEEDS = list(range(15))
RUNS = len(NUMBERS) * len(SEEDS)


def swept(*axes: Sequence[int | str]) -> list[SweptValues]:
    return [SweptValues(len(values), dict(enumerate(values))) for values in axes]


def errors(costs: Sequence[float], axes: list[SweptValues], workers: int) -> list[list[float]]:
    """Return the relative errors of the total time after each run: estimated, and by the mean."""
    estimate = TimeLeft(CostModel(axes))
    now, waiting, found = 0.0, iter(enumerate(costs)), []
    in_flight = [(cost, index) for index, cost in itertools.islice(waiting, workers)]
    heapq.heapify(in_flight)
    estimate.see(now, workers)
    for done in range(1, len(costs) + 1):
        now, index = heapq.heappop(in_flight)
        estimate.see(now, workers)
        estimate.add(index, costs[index], succeeded=True)
        for further, cost in itertools.islice(waiting, 1):
            heapq.heappush(in_flight, (now + cost, further))
        left = len(costs) - done
        seconds = estimate.seconds(left, len(in_flight), workers) if left else 0.0
        assert seconds is not None
        found.append([now + seconds, now * len(costs) / done])
    return [[total / now - 1 for total in totals] for totals in found]


def bead_sweeps(order: str) -> np.ndarray:
    """Return the errors of 20 sweeps of 0.1 s + 2 ms a bead and 10 % noise, (sweep, run, 2)."""
    axes = swept(NUMBERS, SEEDS) if order == "seeds fastest" else swept(SEEDS, NUMBERS)
    numbers = np.repeat(NUMBERS, 15) if order == "seeds fastest" else np.tile(NUMBERS, 15)
    sweeps = []
    for seed in range(20):
        noise = 1 + 0.1 * np.random.default_rng(seed).standard_normal(RUNS)
        costs = (0.1 + 0.002 * numbers) * noise
        sweeps.append(errors(costs.tolist(), axes, workers=2))
    return np.array(sweeps)


def rms(found: np.ndarray) -> np.ndarray:
    return np.sqrt((found**2).mean(axis=0))


@pytest.mark.parametrize(
    ("order", "known_from"),
    [
        # Every number but the last has been seen after 5 % of the runs.
        ("numbers fastest", math.ceil(0.05 * RUNS)),
        # A second number is known from the sixteenth run on; what it adds, from the seventeenth.
        ("seeds fastest", 17),
    ],
)
def test_the_total_is_known_to_a_fifth_once_it_can_be(order: str, known_from: int) -> None:
    estimated, mean = np.moveaxis(bead_sweeps(order), -1, 0)
    assert (rms(estimated[:, known_from - 1 :]) < 0.2).all()
    # No worse than the mean, but for chance. Before, where runs of one cost say nothing of the
    # others, the mean errs a little less: it takes what is in flight for lost time.
    assert (rms(estimated) < rms(mean) + 0.02)[known_from - 1 :].all()
    assert (rms(estimated) < rms(mean) + 0.12)[2:].all()
    assert rms(estimated)[known_from:].mean() < 0.9 * rms(mean)[known_from:].mean()


def test_with_equal_runs_the_estimate_is_the_mean() -> None:
    found = np.array(errors([2.0] * 60, swept(list(range(3)), list("abcde"), SEEDS[:4]), 3))
    assert np.abs(found[3:57, 0]).max() < 0.1


def test_a_model_without_axes_is_the_mean() -> None:
    model = CostModel()
    assert model.left(10) == 0
    model.add(0, 3.0)
    assert model.left(10) == pytest.approx(30.0)


def test_factors_of_several_keys_multiply() -> None:
    numbers = [10, 20, 40]
    model = CostModel(swept(["a", "b"], numbers, SEEDS[:4]))
    for index in range(20):
        kind, number = divmod(index // 4, 3)
        model.add(index, (1 + 2 * kind) * numbers[number])
    # The last combination, 120 s a run, has not been seen.
    assert model.left(4) == pytest.approx(4 * 120, rel=0.15)


def test_a_failed_attempt_says_nothing_of_cost_and_costs_time() -> None:
    estimate = TimeLeft(CostModel(swept([1, 2, 3, 4])))
    estimate.see(0.0, 1)
    estimate.add(0, 100.0, succeeded=False)
    estimate.see(100.0, 1)
    assert estimate.seconds(4, 0, 1) is None
    estimate.add(0, 10.0, succeeded=True)
    estimate.see(110.0, 1)
    assert estimate.seconds(3, 0, 1) == pytest.approx(30, rel=0.3)


def test_more_workers_take_less_time() -> None:
    estimate = TimeLeft(CostModel(swept(list(range(100)))))
    estimate.see(0.0, 1)
    for index in range(10):
        estimate.add(index, 1.0, succeeded=True)
        estimate.see(index + 1.0, 1)
    alone, eight = (estimate.seconds(90, n, n) for n in (1, 8))
    assert alone == pytest.approx(90, rel=0.05)
    assert eight == pytest.approx(90 / 8, rel=0.05)


@given(
    st.lists(st.integers(1, 40), max_size=4).filter(lambda shape: math.prod(shape) < 5000),
    st.floats(0, 1.2),
)
def test_runs_are_counted_by_cell_without_looking_at_each(shape: list[int], share: float) -> None:
    count = round(share * math.prod(shape))
    model = CostModel([SweptValues(size, {}) for size in shape], count)
    bins = model.total_runs.shape
    counted = np.zeros(bins)
    for digits in itertools.islice(itertools.product(*(range(size) for size in shape)), count):
        cell = tuple(d * b // size for d, b, size in zip(digits, bins, shape, strict=True))
        counted[cell] += 1
    assert (counted == model.total_runs).all()
    assert math.prod(bins) <= MOST_CELLS


def test_ten_million_runs_cost_microseconds_each_and_milliseconds_to_sum_up() -> None:
    axes = [*swept(NUMBERS, ["a", "b"], SEEDS), SweptValues(10**5, dict.fromkeys((0, 99_999), 1))]
    model = CostModel(axes)
    for index in range(0, 1_000_000, 997):
        model.add(index, 0.01)
    adding = min(timeit.repeat(lambda: model.add(123_456, 0.01), number=1000, repeat=5)) / 1000
    summing = min(timeit.repeat(lambda: model.left(10**7), number=1, repeat=3))
    assert model.left(10**7) == pytest.approx(10**5, rel=0.01)
    assert adding < 20e-6
    assert summing < 0.1
