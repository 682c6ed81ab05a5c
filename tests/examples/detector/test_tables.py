"""Tables in Markdown, and the pages that hold them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from examples.detector.errors import DetectorError
from examples.detector.tables import (
    check_page,
    made,
    number_of,
    percent,
    publish,
    replaced,
    spread,
    table,
)

PAGE = (
    "# Title\n\n<!-- a -->\nold\n<!-- end of a -->\n\nbetween\n\n"
    "<!-- b -->\n<!-- end of b -->\nlast\n"
)


def test_a_table_has_a_line_for_each_row_below_its_columns() -> None:
    assert table(["x", "y"], [["1", "2"]]) == "| x | y |\n| --- | --- |\n| 1 | 2 |"


def test_a_spread_is_the_standard_deviation_of_a_sample() -> None:
    assert spread([0.5, 0.6, 0.7]) == "0.600 ± 0.100"
    assert spread([0.5]) == "0.500"
    assert percent([0.1, 0.3]) == "20.0 ± 14.1 %"


def test_what_could_not_be_measured_is_left_out() -> None:
    assert spread([0.5, math.nan]) == "0.500"
    assert spread([math.nan]) == percent([math.nan]) == "-"


def test_a_page_keeps_all_but_what_stands_between_the_comments() -> None:
    page = replaced(PAGE, {"b": "NEW", "a": "ALSO"})
    assert page == (
        "# Title\n\n<!-- a -->\n\nALSO\n\n<!-- end of a -->\n\nbetween\n\n"
        "<!-- b -->\n\nNEW\n\n<!-- end of b -->\nlast\n"
    )
    assert replaced(page, {"a": "ALSO"}) == page


@pytest.mark.parametrize("text", ["", "<!-- a -->", "<!-- end of a -->\n<!-- a -->"])
def test_a_page_without_a_place_is_refused_before_anything_is_written(
    text: str, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    for use in (lambda: check_page(page, ["a"]), lambda: publish(page, {"a": "x"})):
        with pytest.raises(DetectorError, match=r"page\.md: the page has no <!-- a -->"):
            use()
    assert page.read_text(encoding="utf-8") == text


def test_a_page_that_is_not_text_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_bytes(b"\xff\xfe")
    with pytest.raises(DetectorError, match=r"page\.md can't be read"):
        check_page(page, ["a"])


def test_a_page_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DetectorError, match=r"page\.md can't be written"):
        check_page(tmp_path / "file" / "page.md", ["a"])


def test_one_thing_is_no_plural() -> None:
    assert [number_of(number, "image") for number in (0, 1, 2)] == [
        "0 images",
        "1 image",
        "2 images",
    ]


def test_a_new_page_is_made_of_its_tables(tmp_path: Path) -> None:
    page = tmp_path / "new" / "page.md"
    check_page(page, ["a"])
    assert not page.exists()
    publish(page, {"a": "x", "b": "y"})
    publish(page, {"b": "z"})
    assert page.read_text(encoding="utf-8") == (
        "<!-- a -->\n\nx\n\n<!-- end of a -->\n\n<!-- b -->\n\nz\n\n<!-- end of b -->\n"
    )


def test_figures_say_where_they_come_from() -> None:
    text = made("just this")
    assert text.endswith("; `just this`")
    assert "blendsweep 0." in text
    assert "Python 3." in text
