"""Outlines of several scales become one label image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from examples.detector.merging import Outlines

pytestmark = pytest.mark.torch

RULE = {"largest_overlap": 0.4, "contained": 0.7, "contained_score": 0.7}


def circles(*placed: tuple[float, float, float, float]) -> Outlines:
    """Return outlines of circles: row, column, radius in pixels, score."""
    from examples.detector.merging import Outlines

    values = np.array(placed, np.float32).reshape(-1, 4)
    return Outlines(
        values[:, :2], np.repeat(values[:, 2:3], 32, axis=1), np.ascontiguousarray(values[:, 3])
    )


def merge(outlines: Outlines, shape: tuple[int, int] = (200, 240)) -> tuple[np.ndarray, np.ndarray]:
    from examples.detector.merging import painted, surest

    return painted(surest(outlines, shape, **RULE), shape)


def test_a_circle_is_painted_where_it_is() -> None:
    labels, scores = merge(circles((80, 100, 30, 0.9)))
    rows, columns = np.nonzero(labels)
    assert (rows.mean(), columns.mean()) == pytest.approx((80, 100), abs=0.1)
    assert len(rows) == pytest.approx(np.pi * 30**2, rel=0.02)
    assert scores == pytest.approx([0.9])


def test_the_surest_of_those_on_one_particle_stays() -> None:
    labels, scores = merge(circles((80, 100, 30, 0.8), (82, 101, 31, 0.9), (79, 99, 27, 0.6)))
    assert labels.max() == 1
    assert scores == pytest.approx([0.9])


def test_neighbours_that_overlap_a_little_both_stay() -> None:
    labels, _ = merge(circles((80, 80, 30, 0.8), (80, 130, 30, 0.9)))
    assert labels.max() == 2


@pytest.mark.parametrize(("score", "particles"), [(0.6, 1), (0.8, 2)])
def test_one_inside_another_stays_if_it_is_sure(score: float, particles: int) -> None:
    labels, scores = merge(circles((80, 100, 40, 0.9), (85, 110, 10, score)))
    assert (labels.max(), len(scores)) == (particles, particles)
    if particles == 2:
        # It lies on the large one, and each keeps its own score.
        assert scores[labels[85, 110] - 1] == pytest.approx(0.8)
        assert scores[labels[80, 80] - 1] == pytest.approx(0.9)


def test_one_that_nothing_is_seen_of_has_no_label() -> None:
    # Two smaller ones cover it; each overlaps it by less than is refused.
    labels, scores = merge(
        circles((100, 100, 12, 0.6), (100, 94, 11.9, 0.9), (100, 106, 11.9, 0.9))
    )
    assert labels.max() == len(scores)
    assert set(np.unique(labels)) == set(range(len(scores) + 1))


def test_outlines_may_reach_beyond_the_image() -> None:
    labels, _ = merge(circles((0, 0, 30, 0.9), (199, 239, 30, 0.9)))
    assert labels[0, 0] != labels[199, 239] != 0


def test_nothing_found_is_an_empty_image() -> None:
    labels, scores = merge(circles())
    assert not labels.any()
    assert len(scores) == 0


def test_diameters_are_those_of_circles_of_the_same_area() -> None:
    assert circles((0, 0, 30, 1)).diameters == pytest.approx([60], rel=0.01)


def agree(*views: Outlines, sizes: tuple[float, float] = (5, 100)) -> Outlines:
    from examples.detector.merging import View, agreed

    return agreed([View(outlines, sizes) for outlines in views])


def test_what_every_view_finds_keeps_its_score_and_lies_in_their_middle() -> None:
    views = [circles((80, 100 + shift, 30 + shift, 0.8)) for shift in (-2, 0, 1, 1)]
    outlines = agree(*views)
    assert outlines.scores == pytest.approx([0.8] * 4)
    assert outlines.centres == pytest.approx(np.array([[80, 100]] * 4))
    assert outlines.distances == pytest.approx(30)


def test_what_half_of_the_views_find_is_half_as_sure() -> None:
    outlines = agree(circles((80, 100, 30, 0.8)), circles((81, 100, 31, 0.6)), circles(), circles())
    assert outlines.scores == pytest.approx([0.35, 0.35])


def test_views_that_cannot_show_a_size_have_no_vote() -> None:
    from examples.detector.merging import View, agreed

    found = circles((80, 100, 30, 0.8))
    fine, coarse = View(found, (5, 100)), View(circles(), (200, 900))
    assert agreed([fine] * 4 + [coarse] * 3).scores == pytest.approx([0.8] * 4)


def test_what_only_few_views_can_show_is_not_sure() -> None:
    from examples.detector.merging import View, agreed

    large, others = circles((300, 300, 250, 0.9)), View(circles(), (5, 100))
    outlines = agreed([View(large, (200, 900)), *[others] * 5])
    assert outlines.scores == pytest.approx([0.9 / 4])


@pytest.mark.parametrize("other", [(80, 120, 30, 0.8), (80, 100, 50, 0.8)])
def test_another_particle_is_no_witness(other: tuple[float, float, float, float]) -> None:
    outlines = agree(circles((80, 100, 30, 0.8)), circles(other), circles(), circles())
    assert outlines.scores == pytest.approx([0.2, 0.2])


def test_no_view_finds_anything() -> None:
    assert len(agree(circles(), circles()).scores) == 0


@pytest.mark.parametrize("as_sure", [0.9, 0.6, 0.35])
def test_what_is_kept_follows_the_scores_of_the_image(as_sure: float) -> None:
    from examples.detector.merging import sure_enough

    # 40 particles, and 20 doubtful ones whose score is half of theirs, in a sharp image or another.
    sure = [(10.0, 10.0 * n, 4.0, as_sure * (0.9 + 0.1 * n / 40)) for n in range(40)]
    doubtful = [(40.0, 10.0 * n, 4.0, as_sure * 0.5) for n in range(20)]
    kept = sure_enough(circles(*sure, *doubtful), 0.9, 0.73)
    assert len(kept.scores) == 40
    assert (kept.centres[:, 0] == 10).all()


def test_one_alone_is_kept_and_nothing_stays_nothing() -> None:
    from examples.detector.merging import sure_enough

    assert len(sure_enough(circles((10, 10, 4, 0.3)), 0.9, 0.73).scores) == 1
    assert len(sure_enough(circles(), 0.9, 0.73).scores) == 0
