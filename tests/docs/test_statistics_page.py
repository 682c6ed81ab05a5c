"""The page on statistics names all of them with their units, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from orchestrator.statistics.summary import STATISTICS, Compared
from tests.standins.micrographs import micrograph, with_bar

PAGE = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")


def units() -> dict[str, str]:
    """Return what the page's table gives as the unit of each statistic."""
    found = {}
    for names, unit in re.findall(r"^\| (`.*?`) \|.*\| *(.*?) *\|$", PAGE, re.MULTILINE):
        each = re.findall(r"`(\w+)`", names)
        given = unit.split(", ") if unit else [""]
        found |= dict(zip(each, given if len(given) > 1 else given * len(each), strict=True))
    return found


def test_the_page_has_every_statistic_with_its_unit() -> None:
    named = {name: unit.replace("factor", "") for name, unit in units().items()}
    assert named == {statistic.name: statistic.unit for statistic in STATISTICS}
    assert {s.compared for s in STATISTICS} == set(Compared)


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "real").mkdir()
    for seed in range(2):
        Image.fromarray(with_bar(micrograph(seed), 20)).save(tmp_path / "real" / f"{seed}.png")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(example, names)
    assert capsys.readouterr().out.count(".png ") == 2
    assert names["micrograph"].bar_rows == 20  # type: ignore[attr-defined]
