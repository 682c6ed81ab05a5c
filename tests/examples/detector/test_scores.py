"""Scores of hand-made label images, and what holds for any."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from examples.detector.scores import IOU_THRESHOLDS, SIZE_EDGES_PX, by_size, judge, pooled

type Labels = NDArray[np.uint32]


def boxes(*corners: tuple[int, int, int, int], side: int = 100) -> Labels:
    """Return labels 1, 2, ... of boxes (top, bottom, left, right); later ones on top."""
    labels = np.zeros((side, side), dtype=np.uint32)
    for number, (top, bottom, left, right) in enumerate(corners, start=1):
        labels[top:bottom, left:right] = number
    return labels


SMALL, LARGE = (10, 30, 10, 30), (50, 80, 50, 80)


@st.composite
def label_images(draw: st.DrawFn) -> Labels:
    """Return boxes over each other, so that pieces of all sizes are left, and any labels."""
    edge = st.integers(0, 24)
    corners = draw(st.lists(st.tuples(edge, edge, edge, edge), max_size=8))
    image = boxes(
        *((min(a, b), max(a, b), min(c, d), max(c, d)) for a, b, c, d in corners), side=24
    )
    return image * np.uint32(draw(st.sampled_from([1, 7, 400_000_000])))


def masks(labels: Labels) -> list[NDArray[np.bool_]]:
    return [labels == label for label in np.unique(labels) if label]


def most_pairs(true: Labels, found: Labels, threshold: float) -> int:
    """Return the most pairs that match one to one, by an assignment over all of them."""
    iou = np.array(
        [[(a & b).sum() / (a | b).sum() for b in masks(found)] for a in masks(true)], ndmin=2
    )
    if not iou.size:
        return 0
    rows, columns = linear_sum_assignment(iou >= threshold, maximize=True)
    return int((iou >= threshold)[rows, columns].sum())


def test_the_truth_itself_has_full_scores_and_no_errors() -> None:
    scores = pooled([judge(boxes(SMALL, LARGE), boxes(SMALL, LARGE) * 9)])
    ones = ("ap50", "ap75", "ap50_95", "precision", "recall", "f1", "mean_iou")
    zeros = ("count_error", "wasserstein", "mean_d_error", "mean_d_error_abs", "matched_d_error")
    assert (scores.images, scores.true, scores.found) == (1, 2, 2)
    assert [getattr(scores, name) for name in ones] == [1.0] * 7
    assert [getattr(scores, name) for name in zeros] == [0.0] * 5


def test_what_is_missed_and_what_is_invented_count_alike() -> None:
    scores = pooled([judge(boxes(SMALL, LARGE), boxes(SMALL, (80, 95, 5, 20)))])
    assert (scores.ap50, scores.precision, scores.recall, scores.f1) == (1 / 3, 0.5, 0.5, 0.5)
    assert scores.count_error == 0


def test_two_that_are_taken_for_one_are_one_pair_at_most() -> None:
    merged = (boxes(SMALL, LARGE) > 0).astype(np.uint32)
    scores = pooled([judge(boxes(SMALL, LARGE), merged)])
    assert scores.ap50 == 1 / 2  # the larger one is 900 of 1300 pixels
    assert scores.mean_iou == pytest.approx(900 / 1300)
    assert scores.ap75 == 0


def test_halves_of_a_particle_are_one_pair() -> None:
    scores = pooled([judge(boxes(SMALL), boxes((10, 20, 10, 30), (20, 30, 10, 30)))])
    assert (scores.ap50, scores.found) == (1 / 2, 2)


def test_an_empty_prediction_finds_nothing() -> None:
    scores = pooled([judge(boxes(SMALL), boxes())])
    assert (scores.ap50, scores.recall, scores.count_error) == (0, 0, 1)
    assert (scores.wasserstein, scores.mean_d_error) == (1, -1)
    assert np.isnan(scores.matched_d_error)


def test_ap_at_higher_thresholds_follows_from_the_overlap() -> None:
    scores = pooled([judge(boxes((10, 30, 10, 30)), boxes((10, 30, 12, 32)))])
    assert scores.mean_iou == pytest.approx(18 / 22)  # 0.818: seven of ten thresholds
    assert (scores.ap50, scores.ap75, scores.ap50_95) == (1, 1, pytest.approx(0.7))


def test_sizes_of_particles_at_the_border_are_not_compared() -> None:
    true, found = boxes(SMALL, (0, 40, 60, 100)), boxes((10, 30, 10, 40), (0, 90, 60, 100))
    scores = pooled([judge(true, found)])
    assert scores.mean_d_error == pytest.approx(np.sqrt(1.5) - 1)
    assert scores.wasserstein == pytest.approx(np.sqrt(1.5) - 1)


def test_too_many_here_do_not_make_up_for_too_few_there() -> None:
    more = judge(boxes(SMALL), boxes(SMALL, LARGE))
    fewer = judge(boxes(SMALL, LARGE), boxes(SMALL))
    assert pooled([more, fewer]).count_error == pytest.approx((1 + 0.5) / 2)


def test_small_particles_are_neither_demanded_nor_held_against_who_finds_them() -> None:
    tiny = (60, 64, 20, 24)
    true = boxes(SMALL, tiny)
    assert len(judge(true, boxes(SMALL)).true) == 1
    for hit in (tiny, (59, 65, 19, 25), (60, 62, 20, 24)):
        assert len(judge(true, boxes(SMALL, hit)).found) == 1, hit
    assert (
        len(judge(true, boxes(SMALL, (55, 75, 20, 40))).found) == 2
    )  # beside it rather than on it
    assert len(judge(true, boxes(SMALL), min_diameter=0).true) == 2


def test_what_is_found_below_the_least_size_counts_if_it_hits() -> None:
    hit, beside = (60, 67, 20, 27), (90, 97, 20, 27)  # 7.9 px
    judged = judge(boxes((60, 68, 20, 28)), boxes(hit, beside))
    assert (len(judged.true), len(judged.found), len(judged.pairs)) == (1, 1, 1)


def test_what_is_found_where_nobody_judges_is_left_out_unless_it_hits() -> None:
    ignore = np.zeros((100, 100), dtype=np.bool_)
    ignore[:, :60] = True
    judged = judge(boxes(SMALL), boxes(SMALL, (60, 80, 30, 50), LARGE), ignore)
    assert len(judged.found) == 2  # LARGE lies in it by a third
    assert len(judged.pairs) == 1


def test_each_size_has_its_recall_and_precision() -> None:
    true = boxes((10, 20, 10, 20), (30, 40, 10, 20), (50, 80, 50, 80))
    found = boxes((10, 20, 10, 20), (50, 80, 50, 80), (5, 35, 60, 90))
    sizes = {size.low: size for size in by_size([judge(true, found)])}
    assert list(pairwise(SIZE_EDGES_PX)) == [(s.low, s.high) for s in sizes.values()]
    assert (sizes[8].true, sizes[8].found, sizes[8].recall, sizes[8].precision) == (2, 1, 0.5, 1)
    assert (sizes[32].true, sizes[32].found, sizes[32].recall) == (1, 2, 1)
    assert sizes[32].precision == 0.5
    assert np.isnan(sizes[64].recall)


@given(label_images(), label_images())
def test_pairs_are_as_many_as_any_assignment_finds(true: Labels, found: Labels) -> None:
    judged = judge(true, found, min_diameter=0)
    for threshold in IOU_THRESHOLDS:
        assert (judged.iou >= threshold).sum() == most_pairs(true, found, threshold)
    assert len(np.unique(judged.pairs[:, 0])) == len(judged.pairs)
    assert len(np.unique(judged.pairs[:, 1])) == len(judged.pairs)


@given(label_images(), label_images(), st.floats(0, 12))
def test_scores_lie_in_their_ranges_and_sizes_add_up(
    true: Labels, found: Labels, min_diameter: float
) -> None:
    judged = judge(true, found, min_diameter=min_diameter)
    scores = asdict(pooled([judged]))
    for name in ("ap50", "ap75", "ap50_95", "precision", "recall", "f1"):
        assert 0 <= scores[name] <= 1
    assert scores["ap75"] <= scores["ap50"] <= scores["f1"]
    sizes = list(by_size([judged]))
    assert sum(size.true for size in sizes) == scores["true"]
    assert sum(size.found for size in sizes) == scores["found"]
    assert all(judged.true.diameters >= min_diameter)


@given(label_images())
def test_names_of_labels_and_turns_of_the_image_change_nothing(true: Labels) -> None:
    found = np.roll(true, (1, 2), (0, 1))
    one = asdict(pooled([judge(true, found, min_diameter=3)]))
    names = np.unique(found, return_inverse=True)[1].reshape(found.shape)
    other = asdict(pooled([judge(true.T, names.T * 3, min_diameter=3)]))
    assert one == pytest.approx(other, nan_ok=True)
