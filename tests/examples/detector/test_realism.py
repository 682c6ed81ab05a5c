"""The tables of a study, from label images that are drawn here."""

from __future__ import annotations

import numpy as np
import pytest

from examples.detector.evaluation import Evaluation
from examples.detector.realism import by_detector, by_diameter, by_image, median_shift
from examples.detector.scores import judge


def squares(*sides: int) -> np.ndarray:
    """Squares of these sides, a label each, side by side and away from the border."""
    labels = np.zeros((100, 400), np.uint16)
    for label, side in enumerate(sides, 1):
        left = 5 + 80 * (label - 1)
        labels[5 : 5 + side, left : left + side] = label
    return labels


def evaluation(true: np.ndarray, *found: np.ndarray) -> Evaluation:
    judged = {f"image{number}": judge(true, one) for number, one in enumerate(found)}
    return Evaluation(judged, 8.0)


TRUE = squares(10, 20, 60, 70)
STUDY = {
    "ours": [
        evaluation(TRUE, TRUE, squares(10, 20)),  # 6 of 8 found
        evaluation(TRUE, TRUE, TRUE),
    ],
    "other": [evaluation(TRUE, squares(0, 20), squares(0, 20, 60))],
}


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_a_detector_of_several_seeds_has_its_mean_and_each_seed() -> None:
    columns, _, ours, first, second, other = cells(by_detector(STUDY))
    assert columns[1:4] == ["AP50", "AP75", "F1"]
    assert ours[:2] == ["ours", "0.875 ± 0.177"]
    assert first[:2] == ["seed 0", "0.750"]
    assert second[:2] == ["seed 1", "1.000"]
    assert other[:2] == ["other", "0.375"]
    assert columns[4] == "count error"
    assert [row[4] for row in (first, second, other)] == ["25.0 %", "0.0 %", "62.5 %"]


def test_each_image_has_its_own_row_beside_the_other_detectors() -> None:
    columns, _, first, second = cells(by_image(STUDY))
    assert columns == ["micrograph", "particles", "found", "AP50", "AP75", "AP50 of other"]
    assert first == ["image0", "4", "4 ± 0", "1.000 ± 0.000", "1.000 ± 0.000", "0.250"]
    assert second == ["image1", "4", "3 ± 1", "0.750 ± 0.354", "0.750 ± 0.354", "0.500"]


def test_each_size_has_its_recall_and_how_far_diameters_are_off() -> None:
    columns, _, *rows = cells(by_diameter(STUDY))
    assert columns[-1] == "recall of other"
    assert [row[:3] for row in rows] == [
        ["8 to 16", "2", "1.00 ± 0.00"],
        ["16 to 32", "2", "1.00 ± 0.00"],
        ["64 to 128", "4", "0.75 ± 0.35"],
    ]
    assert [row[-1] for row in rows] == ["0.00", "1.00", "0.25"]


def test_a_diameter_that_is_found_too_large_counts_above_zero() -> None:
    judged = [judge(squares(20, 60), squares(22, 60))]
    assert median_shift(judged, 16, 32) == pytest.approx(0.1)
    assert median_shift(judged, 64, 128) == 0
    assert np.isnan(median_shift(judged, 128, np.inf))
