"""The data bar: what it says is so, and it has room at every width."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scene.microscopy import data_bar
from scene.microscopy.data_bar import LONGEST_BAR, SMALLEST_WIDTH, DataBar, draw, rows, scale_bar

NANOMETRES = {"nm": 1.0, "um": 1e3, "mm": 1e6}

widths = st.integers(SMALLEST_WIDTH, 4000)
pixel_sizes = st.floats(-2.0, 6.0).map(lambda exponent: 10.0**exponent)


def written_length(text: str) -> float:
    number, unit = text.split()
    return float(number) * NANOMETRES[unit]


def longest_run(row: NDArray[np.uint8]) -> int:
    ends = np.flatnonzero(np.diff(np.concatenate([[0], row == 255, [0]])))
    return int(np.diff(ends)[::2].max(initial=0))


@given(width=widths, pixel_nm=pixel_sizes)
@example(width=16_384, pixel_nm=1e6)
@example(width=SMALLEST_WIDTH, pixel_nm=0.01)
@settings(max_examples=40, deadline=None)
def test_the_drawn_bar_is_as_long_as_is_written_beside_it(width: int, pixel_nm: float) -> None:
    picture = draw(width, pixel_nm, DataBar())
    drawn = max(longest_run(row) for row in picture)
    written = written_length(scale_bar(width, pixel_nm).text)
    assert abs(drawn * pixel_nm - written) <= 0.5 * pixel_nm * (1 + 1e-9)


@given(width=st.integers(SMALLEST_WIDTH, 16_384), pixel_nm=pixel_sizes)
def test_the_bar_s_length_is_round_and_a_good_part_of_the_width(
    width: int, pixel_nm: float
) -> None:
    bar = scale_bar(width, pixel_nm)
    assert re.fullmatch(r"0\.0*[125] nm|[125]0* (nm|um|mm)", bar.text)
    assert written_length(bar.text) == pytest.approx(bar.length_nm)
    assert LONGEST_BAR / 2.5 * 0.99 <= bar.length_nm / (width * pixel_nm) <= LONGEST_BAR * 1.0001


@given(width=widths, pixel_nm=pixel_sizes)
@settings(max_examples=20, deadline=None)
def test_nothing_overflows(width: int, pixel_nm: float) -> None:
    picture = draw(width, pixel_nm, DataBar(beam_energy=12.5, detector="A very long name"))
    assert picture.dtype == np.uint8
    assert picture.shape == (rows(width), width)
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert not edge.any()


def test_wide_images_say_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn entry by entry: the parts of the bar between which nothing is."""

    def parts(width: int) -> int:
        inked = draw(width, 10.0, DataBar()).any(axis=0).astype(int)
        gap = max(10, width // 40) * 3 // 4
        padded = np.convolve(inked, np.ones(gap, int))[: inked.size + gap] > 0
        return int((np.diff(padded.astype(int), prepend=0) == 1).sum())

    numbers = [parts(width) for width in (96, 160, 240, 480, 960)]
    assert numbers == sorted(numbers)
    assert numbers[0] == 1
    assert numbers[-1] == 5
    monkeypatch.setattr(data_bar, "_entries", lambda *_: [])
    assert parts(960) == 1


@pytest.mark.parametrize(
    ("pixel_nm", "beam_energy", "expected"),
    [
        (10.0, 5.0, ["HFW 9.60 um", "13.2 kx", "5.00 kV"]),
        (0.4, 15.0, ["HFW 384 nm", "331 kx", "15.0 kV"]),
        (1e6, 0.5, ["HFW 960 mm", "0.132 x", "0.500 kV"]),
        (0.01, 300.0, ["HFW 9.60 nm", "13.2 Mx", "300 kV"]),
    ],
)
def test_the_entries_say_what_is_so(
    pixel_nm: float, beam_energy: float, expected: list[str]
) -> None:
    """At 960 pixels; the magnification is 127 mm over the field width."""
    assert data_bar._entries(960 * pixel_nm, DataBar(beam_energy)) == [*expected, "SE"]


def test_the_same_bar_is_the_same_bytes() -> None:
    first, second = (draw(480, 12.3, DataBar()) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert (first != draw(480, 12.3, DataBar(beam_energy=7.0))).any()


def test_too_narrow_an_image_gets_one_sentence() -> None:
    for call in (rows, lambda width: draw(width, 1.0, DataBar())):
        with pytest.raises(ValueError, match=r"^a data bar needs an image that is at least 96 "):
            call(SMALLEST_WIDTH - 1)
