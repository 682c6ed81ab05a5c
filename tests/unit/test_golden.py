"""What users rely on from one version to the next, held against literal values."""

from __future__ import annotations

import re

import pytest

from orchestrator.export.splits import Splits
from tests.golden import file, making


@pytest.mark.parametrize("part", making.PARTS)
def test_nothing_changed_since_earlier_versions(part: str) -> None:
    file.check(part, making.PARTS[part]())


def test_every_variability_has_golden_draws() -> None:
    assert making.variability_names() == set(making.DRAWS), (
        "add the new variability to DRAWS in tests/golden/making.py, then run `just golden 'LINE'`"
    )


def test_every_bit_of_a_seeds_position_counts_for_its_split() -> None:
    position = file.load()["splits"]["position of seed 7, in units of 2**-64"]
    for end, split in ((position, "b"), (position + 1, "a")):
        assert Splits.parse(f"a={end}/{2**64},b={2**64 - end}/{2**64}").of(7) == split


def test_a_change_is_told_with_what_to_do() -> None:
    found = making.colours()
    found["some"]["1"] = "#000000"
    with pytest.raises(AssertionError) as caught:
        file.check("colours", found)
    assert str(caught.value).startswith("colours > some > 1: was '#f50d4e', now '#000000'")
    assert "say in CHANGELOG.md" in str(caught.value)


def test_the_last_change_stands_in_the_changelog() -> None:
    assert file.load()["changelog"] in file.CHANGELOG.read_text(encoding="utf-8")


def test_nothing_is_written_without_a_line_in_the_changelog() -> None:
    before = file.FILE.read_bytes()
    changed = {"colours": {"some": {}, "all": ""}}
    for line in ("", "no such line"):
        with pytest.raises(ValueError, match=re.escape("does not stand in CHANGELOG.md")):
            file.write(changed, line)
    assert file.FILE.read_bytes() == before
