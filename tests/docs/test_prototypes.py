"""The page of the prototypes: its tables are those that the prototypes give."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_tables_are_what_the_code_says() -> None:
    page = (DOCS / "prototypes.md").read_text(encoding="utf-8")
    with_tables = runpy.run_path(str(DOCS / "prototype_tables.py"))["with_tables"]
    assert page == with_tables(page), "uv run python docs/prototype_tables.py writes them anew"
    assert "satellite_ratio" in page
