"""What `just docs` builds needs no network; the check of that sees what it has to see."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CONFIGURATION = Path(__file__).parents[2] / "docs" / "conf.py"

type Fetched = Callable[[Path], Iterator[str]]


@pytest.fixture(scope="module")
def fetched() -> Fetched:
    found: Fetched = runpy.run_path(str(CONFIGURATION))["fetched"]
    return found


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", '<script async src="https://cdn.example.org/x.js"></script>'),
        ("page.html", "<link rel='stylesheet'\n href='//fonts.example.org/css'>"),
        ("page.html", '<img alt="" src="http://example.org/badge.svg">'),
        ("page.css", "src: url(https://fonts.example.org/x.woff2)"),
        ("page.css", '@import "https://example.org/x.css";'),
    ],
)
def test_what_a_page_would_fetch_is_told(
    name: str, content: str, fetched: Fetched, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    (problem,) = fetched(tmp_path)
    assert problem.startswith(f"{name} fetches from elsewhere: ")


def test_links_and_own_files_are_no_matter(fetched: Fetched, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="https://docs.ray.io">Ray</a> <script src="_static/x.js"></script>'
        '<link href="_static/x.css" rel="stylesheet"> <img src="images/x.jpg">'
    )
    (tmp_path / "page.css").write_text("src: url('../fonts/x.woff2')")
    assert list(fetched(tmp_path)) == []
