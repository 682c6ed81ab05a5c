"""Which rows of an image show a data bar."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene.imaging.bar_rows import BarRows
from scene.imaging.footprint import Footprint
from scene.microscopy.data_bar import rows


def test_a_bar_lies_over_the_lowest_rows_or_below_them() -> None:
    bar = rows(400)
    assert BarRows.of((400, 300), "none") == BarRows(300)
    assert BarRows.of((400, 300), "overlay") == BarRows(300 - bar, bar)
    assert BarRows.of((400, 300), "below") == BarRows(300, bar)
    with pytest.raises(ValueError, match="at least 96 pixels wide, got 50"):
        BarRows.of((50, 300), "below")


@given(st.integers(0, 8), st.integers(0, 9), st.integers(0, 9))
def test_outlines_end_where_labels_do(bar: int, top: int, height: int) -> None:
    divided = BarRows(9 - bar, bar)
    whole = Footprint(top, 1, np.ones((min(height, 9 - top), 3), dtype=bool))
    label, seen = np.zeros((2, 9, 5), dtype=bool)
    for image, footprint in ((label, whole), (seen, divided.footprint(whole))):
        image[footprint.top : footprint.top + len(footprint.mask), 1:4] = footprint.mask
    np.testing.assert_array_equal(seen, divided.image(label, nothing=False))
