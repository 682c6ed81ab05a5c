"""The benchmarks' own arithmetic."""

from __future__ import annotations

import itertools

import pytest

from bench.measure import Stats, at_least, at_most, paired


def test_the_first_round_does_not_count_and_rounds_are_taken_in_turn() -> None:
    order: list[str] = []
    numbers = itertools.count()

    def figure(name: str) -> float:
        order.append(name)
        return float(next(numbers))

    found = paired(2, a=lambda: figure("a"), b=lambda: figure("b"))
    assert order == ["a", "b"] * 3
    assert found == {"a": Stats((2.0, 4.0)), "b": Stats((3.0, 5.0))}


def test_ratios_are_taken_round_by_round() -> None:
    slow, fast = Stats((2.0, 30.0, 4.0)), Stats((1.0, 10.0, 2.0))
    assert slow.over(fast).values == (2.0, 3.0, 2.0)
    assert slow.over(fast).median == 2.0
    assert slow.plus(fast).values == (3.0, 40.0, 6.0)


@pytest.mark.parametrize(("bound", "met"), [(1.9, False), (2.0, True), (2.1, True)])
def test_a_bound_is_held_against_the_median(bound: float, met: bool) -> None:
    stats = Stats((1.0, 2.0, 9.0))
    assert at_most("x", stats, bound).met is met
    assert at_least("x", Stats((-1.0, -2.0, -9.0)), -bound).met is met
    assert at_most("x", stats, bound).found == "2 s (1 to 9)"
