"""The time left of sweeps whose runs differ in cost, simulated run by run."""

from __future__ import annotations

import heapq
import itertools
import math
import timeit
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from orchestrator.execution.time_left import TimeLeft

NUMBERS = [100, 200, 300, 400, 500, 600]
SEEDS = list(range(15))
RUNS = len(NUMBERS) * len(SEEDS)

type Axes = Sequence[Sequence[Any]]


def errors(
    costs: Sequence[float], axes: Axes, workers: int, recorded: int = 0
) -> list[list[float]]:
    """Return the relative errors of the time in all after each run: estimated, and by the mean.

    The first `recorded` runs were made by an earlier start.
    """
    estimate = TimeLeft(axes, len(costs))
    now, waiting, found = 0.0, iter(list(enumerate(costs))[recorded:]), []
    in_flight = [(cost, index) for index, cost in itertools.islice(waiting, workers)]
    heapq.heapify(in_flight)
    estimate.see(now, workers)
    for done in range(1, len(costs) - recorded + 1):
        now, index = heapq.heappop(in_flight)
        estimate.see(now, workers)
        estimate.add(index, costs[index], succeeded=True)
        for further, cost in itertools.islice(waiting, 1):
            heapq.heappush(in_flight, (now + cost, further))
        left = len(costs) - recorded - done
        seconds = estimate.seconds(left, len(in_flight), workers) if left else 0.0
        assert seconds is not None
        found.append([now + seconds, now * (len(costs) - recorded) / done])
    return [[total / now - 1 for total in totals] for totals in found]


def bead_sweeps(order: str, recorded: int = 0) -> np.ndarray:
    """Return the errors of 20 sweeps of 0.1 s + 2 ms a bead and 10 % noise, (sweep, run, 2)."""
    axes: Axes = (NUMBERS, SEEDS) if order == "seeds fastest" else (SEEDS, NUMBERS)
    numbers = np.repeat(NUMBERS, 15) if order == "seeds fastest" else np.tile(NUMBERS, 15)
    sweeps = []
    for seed in range(20):
        noise = 1 + 0.1 * np.random.default_rng(seed).standard_normal(RUNS)
        costs = (0.1 + 0.002 * numbers) * noise
        sweeps.append(errors(costs.tolist(), axes, workers=2, recorded=recorded))
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


@pytest.mark.parametrize(
    ("order", "known_from"),
    # Amid the runs of 200 beads a second number is known after ten more, what it adds after eleven.
    [("numbers fastest", math.ceil(0.05 * RUNS)), ("seeds fastest", 12)],
)
def test_a_resumed_sweep_knows_it_as_soon(order: str, known_from: int) -> None:
    estimated, mean = np.moveaxis(bead_sweeps(order, recorded=20), -1, 0)
    assert (rms(estimated[:, known_from - 1 :]) < 0.2).all()
    assert rms(estimated)[known_from:].mean() < rms(mean)[known_from:].mean() + 0.01


def test_with_equal_runs_the_estimate_is_the_mean() -> None:
    found = np.array(errors([2.0] * 60, (range(3), tuple("abcde"), SEEDS[:4]), 3))
    assert np.abs(found[3:57, 0]).max() < 0.1


def test_without_overrides_the_estimate_is_the_mean() -> None:
    estimate = TimeLeft((), 11)
    assert estimate.seconds(11, 1, 1) is None
    estimate.see(0.0, 1)
    estimate.add(0, 3.0, succeeded=True)
    estimate.see(3.0, 1)
    assert estimate.seconds(10, 0, 1) == pytest.approx(30.0)


def test_factors_of_several_keys_multiply() -> None:
    numbers = [10, 20, 40]
    estimate = TimeLeft((("a", "b"), numbers, SEEDS[:4]), 24)
    now = 0.0
    estimate.see(now, 1)
    for index in range(20):
        kind, number = divmod(index // 4, 3)
        cost = (1 + 2 * kind) * numbers[number]
        estimate.add(index, cost, succeeded=True)
        estimate.see(now := now + cost, 1)
    # The last combination, 120 s a run, has not been seen.
    assert estimate.seconds(4, 0, 1) == pytest.approx(4 * 120, rel=0.15)


def test_a_failed_attempt_says_nothing_of_cost_and_costs_time() -> None:
    estimate = TimeLeft(((1, 2, 3, 4),), 4)
    estimate.see(0.0, 1)
    estimate.add(0, 100.0, succeeded=False)
    estimate.see(100.0, 1)
    assert estimate.seconds(4, 0, 1) is None
    estimate.add(0, 10.0, succeeded=True)
    estimate.see(110.0, 1)
    assert estimate.seconds(3, 0, 1) == pytest.approx(30, rel=0.3)


@pytest.mark.parametrize("first", [0, 3000])
def test_runs_that_start_slowly_do_not_make_larger_seeds_cheap(first: int) -> None:
    estimate = TimeLeft((range(first, first + 500),), 500, seeds={0})
    now = 0.0
    estimate.see(now, 1)
    for index in range(60):
        cost = 3.0 if index < 20 else 1.0  # another program ran beside it
        estimate.add(index, cost, succeeded=True)
        estimate.see(now := now + cost, 1)
    assert estimate.seconds(440, 0, 1) == pytest.approx(440 * 1.5, rel=0.5)


def test_more_workers_take_less_time() -> None:
    estimate = TimeLeft((range(100),), 100)
    estimate.see(0.0, 1)
    for index in range(10):
        estimate.add(index, 1.0, succeeded=True)
        estimate.see(index + 1.0, 1)
    alone, eight = (estimate.seconds(90, n, n) for n in (1, 8))
    assert alone == pytest.approx(90, rel=0.05)
    assert eight == pytest.approx(90 / 8, rel=0.05)


def test_ten_million_runs_cost_microseconds_each_and_milliseconds_to_sum_up() -> None:
    estimate = TimeLeft((NUMBERS, ("a", "b"), SEEDS, range(10**5)), 18 * 10**6)
    estimate.see(0.0, 1)
    for index in range(0, 1_000_000, 997):
        estimate.add(index, 0.01, succeeded=True)
    estimate.see(0.01 * 1003, 1)
    adding = min(timeit.repeat(lambda: estimate.add(1, 0.01, succeeded=True), number=500, repeat=5))
    summing = min(timeit.repeat(lambda: estimate.seconds(10**7, 0, 1), number=1, repeat=3))
    assert estimate.seconds(10**7, 0, 1) == pytest.approx(10**5, rel=0.01)
    assert adding / 500 < 50e-6
    assert summing < 0.1
