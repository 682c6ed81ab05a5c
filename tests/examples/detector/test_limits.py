"""Detection limits from made-up particles, and from a data set whose particles are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from examples.detector.limits import (
    LEAST_IN_BIN,
    QUANTITIES,
    SIZE,
    Curve,
    Particles,
    draw,
    limits,
    sizes,
    wilson,
)

_, CONTRAST, HIDDEN = QUANTITIES


def particles(number: int = 20000) -> Particles:
    """Found from 8 px on, at a contrast of at least 2, if at most half is hidden; 3 % too large."""
    rng = np.random.default_rng(0)
    diameter = np.exp(rng.uniform(math.log(3), math.log(112), number))
    contrast = np.exp(rng.uniform(math.log(0.5), math.log(24), number))
    hidden = rng.uniform(0, 1, number)
    found = (diameter >= 8) & (contrast >= 2) & (hidden <= 0.5)
    error = np.where(found, rng.normal(0.03, 0.01, number), np.nan)
    return Particles(diameter, contrast, hidden, found, error)


def test_limits_are_where_recall_crosses_a_level_for_particles_well_seen_otherwise() -> None:
    made = particles()
    for quantity, limit in ((SIZE, 8), (CONTRAST, 2), (HIDDEN, 0.5)):
        assert quantity.curve(made).crossing(0.5) == pytest.approx((limit, limit), rel=0.2)
    rows = limits(made).splitlines()
    assert rows[0] == "| against | particles | recall 0.5 | recall 0.9 |"
    assert rows[2].startswith("| diameter in px | ")


def test_sizes_have_their_median_error_and_nothing_of_particles_that_are_hidden() -> None:
    made = particles()
    hidden = made.where(made.hidden > 0.1)
    table = sizes(made).splitlines()[2:]
    assert len(table) >= 4
    for row in table:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert float(cells[3].removesuffix(" %")) == pytest.approx(3, abs=0.6)
    assert sizes(hidden).splitlines()[2:] == []


def curve(recall: list[float]) -> Curve:
    at = np.arange(1, len(recall) + 1, dtype=float)
    values, number = np.array(recall), np.full(len(recall), 100)
    return Curve(at, values, values, values, number)


@pytest.mark.parametrize(
    ("recall", "crossing"),
    [
        ([0.0, 1.0], 1.5),
        ([0.2, 0.4, 0.9], 2.2),
        ([0.9, 0.4, 0.2], 1.8),
        ([0.2, 0.6, 0.4, 0.8], 3.25),  # for good
        ([0.2, math.nan, 0.8], (1, 3)),  # nothing is known between
        ([0.9, math.nan, 0.2, math.nan], (1, 3)),
        ([math.nan, 0.2, 0.8], 2.5),
        ([0.7, 0.8], None),
        ([0.1, 0.2], None),
        ([], None),
    ],
)
def test_a_crossing_is_interpolated_and_the_last_one(
    recall: list[float], crossing: float | tuple[float, float] | None
) -> None:
    if isinstance(crossing, float):
        crossing = crossing, crossing
    assert curve(recall).crossing(0.5) == (crossing and pytest.approx(crossing))


def test_a_limit_that_lies_outside_is_said_in_words() -> None:
    assert SIZE.limit(curve([0.7, 0.8]), 0.5) == "above it from 1 to 2"
    assert SIZE.limit(curve([0.1, 0.2]), 0.5) == "not reached"
    assert SIZE.limit(curve([math.nan]), 0.5) == "not measured"
    assert SIZE.limit(curve([0.2, math.nan, 0.8]), 0.5) == "between 1 and 3"
    assert SIZE.limit(curve([0.2, 0.8]), 0.5) == "1.5"


def test_nothing_is_said_of_bins_of_few_particles() -> None:
    values = np.repeat([0.5, 1.5, 2.5], [LEAST_IN_BIN, LEAST_IN_BIN - 1, LEAST_IN_BIN])
    found = Curve.of(np.append(values, [9, -1]), np.ones(len(values) + 2, bool), (0, 1, 2, 3))
    assert found.at.tolist() == [0.5, 1.5, 2.5]
    assert np.isnan(found.recall).tolist() == [False, True, False]
    assert found.recall[[0, 2]].tolist() == [1, 1]


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_fraction_and_lies_within_bounds(
    number: int, data: st.DataObject
) -> None:
    hits = data.draw(st.integers(0, number))
    low, high = wilson(np.array([hits]), np.array([number]))
    assert -1e-12 <= low[0] <= hits / number + 1e-12
    assert hits / number - 1e-12 <= high[0] <= 1 + 1e-12


def test_the_interval_is_that_of_the_paper() -> None:
    low, high = wilson(np.array([8]), np.array([10]))
    assert (round(float(low[0]), 3), round(float(high[0]), 3)) == (0.490, 0.943)


@pytest.mark.parametrize("number", [20000, 3])
def test_the_curves_are_one_picture_of_however_few_particles(number: int, tmp_path: Path) -> None:
    draw(particles(number), tmp_path / "new" / "limits.png")
    with Image.open(tmp_path / "new" / "limits.png") as picture:
        assert picture.size == (990, 770)
