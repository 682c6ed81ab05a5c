"""Ranges of numbers: the same values as Hydra's own, in bounded time."""

from __future__ import annotations

import math
import time

import pytest
from hydra.core.override_parser.types import FloatRange
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plan.overrides import parse_overrides
from orchestrator.plan.ranges import MOST_ROUNDED, number_range
from orchestrator.plan.sweep import OverrideText
from scene.errors import ConfigurationError

decimals = st.decimals(-1000, 1000, places=4).map(float) | st.integers(-1000, 1000)
steps = (st.decimals("0.5", 100, places=3).map(float) | st.integers(1, 50)) | st.floats(0.7, 100)


@given(start=decimals, stop=decimals, step=steps, down=st.booleans())
def test_values_are_those_of_hydra(start: float, stop: float, step: float, down: bool) -> None:
    step = -step if down else step
    numbers = number_range(start, stop, step)
    if isinstance(numbers, range):
        assert numbers == range(int(start), int(stop), int(step))
        return
    expected = list(FloatRange(start, stop, step))
    assert list(numbers) == expected
    assert [math.copysign(1, value) for value in numbers] == [
        math.copysign(1, value) for value in expected
    ]


def test_a_range_is_a_sequence() -> None:
    numbers = number_range(0.5, 1e8, 1)
    assert len(numbers) == 100_000_000
    assert numbers[-1] == 99_999_999.5
    assert numbers[1:6:2] == [1.5, 3.5, 5.5]
    with pytest.raises(IndexError):
        numbers[len(numbers)]


@pytest.mark.parametrize(
    ("text", "count", "last"),
    [
        ("range(1e8)", 10**8, 99_999_999.0),
        ("range(0,1e15)", 10**15, 1e15 - 1),
        ("range(1e8,0,-2)", 5 * 10**7, 2.0),
        ("range(0,1000000,0.25)", 4_000_000, 999_999.75),
        ("sort(range(1e8),reverse=true)", 10**8, 0.0),
        ("range(10000000000)", 10**10, 10**10 - 1),
        ("range(0,1,0.00001)", 10**5, 0.99999),
        ("tag(a,range(1e9))", 10**9, 1e9 - 1),
    ],
)
def test_long_ranges_cost_nothing(text: str, count: int, last: float) -> None:
    start = time.process_time()
    (axis,) = parse_overrides([OverrideText(f"a={text}", "test")])
    assert len(axis.values) == count
    assert axis.values[-1] == pytest.approx(last, rel=1e-12)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("range(0,1,1e-9)", f"gives 1,000,000,000 values.* at most {MOST_ROUNDED:,}; take larger"),
        ("range(0,1,1e-300)", "gives more than 9.2e\\+18 values"),
        ("range(1e300)", "gives more than 9.2e\\+18 values"),
        (f"range({10**400})", "gives more than 9.2e\\+18 values"),
        ("range(inf)", "finite number"),
        ("range(0,nan)", "finite number"),
        ("range(0,1,0)", "takes a step other than 0"),
        ("range(0.0,1,0)", "takes a step other than 0"),
        ("range(1e17,1e17+64,1)", "grammar"),
        ("range(1e17,1.00000000000000064e17,1)", "steps so small"),
        ("range(3,1)", "gives no value"),
        ("range(0,1,-1)", "gives no value"),
        ("'" + "x" * 1_000_001 + "'", "1,000,00. characters long"),
    ],
)
def test_what_is_no_range_is_refused_at_once(text: str, expected: str) -> None:
    start = time.process_time()
    with pytest.raises(ConfigurationError, match=expected) as caught:
        parse_overrides([OverrideText(f"a={text}", "file.yaml", "overrides.0")])
    assert time.process_time() - start < 2
    assert len(str(caught.value)) < 1000
