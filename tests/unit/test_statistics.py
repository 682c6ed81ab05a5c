"""What the instance image tells of each particle, against a slow and obvious count."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scene.imaging.footprint import Footprint
from scene.imaging.visibility import occluded_fractions, visibility

NUMBER = 5
images = arrays(
    np.uint16,
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    elements=st.integers(0, NUMBER),
)


@given(instance=images)
def test_counts_and_boxes(instance: np.ndarray[Any, Any]) -> None:
    height, width = instance.shape
    table = visibility(instance, NUMBER)
    assert {len(column) for column in table.values()} == {NUMBER}
    for index in range(NUMBER):
        row = {name: column[index] for name, column in table.items()}
        ys, xs = np.where(instance == index + 1)
        assert row["visible_pixels"] == len(ys)
        if len(ys) == 0:
            assert row["bbox_x"] is row["bbox_y"] is row["bbox_width"] is None
            assert row["touches_border"] is False
            continue
        box = instance[
            row["bbox_y"] : row["bbox_y"] + row["bbox_height"],
            row["bbox_x"] : row["bbox_x"] + row["bbox_width"],
        ]
        found = box == index + 1
        assert found.sum() == len(ys)
        assert found[0].any()
        assert found[-1].any()
        assert found[:, 0].any()
        assert found[:, -1].any()
        edge = 0 in xs or 0 in ys or width - 1 in xs or height - 1 in ys
        assert row["touches_border"] == edge


def test_what_is_hidden_counts_and_what_lies_outside_the_frame_does_not() -> None:
    instance = np.array([[1, 1, 2], [1, 2, 2]], dtype=np.uint16)
    footprints = {
        1: Footprint(0, 0, np.ones((2, 2), dtype=bool)),  # one of four pixels is hidden
        2: Footprint(1, 1, np.ones((1, 2), dtype=bool)),  # rounding left one of three out
        3: Footprint(0, 0, np.ones((2, 3), dtype=bool)),
        4: Footprint(0, 0, np.zeros((0, 0), dtype=bool)),
    }
    assert occluded_fractions(instance, footprints.items(), 5) == [0.25, 0.0, 1.0, None, None]
