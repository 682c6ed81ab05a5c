"""The page on structure names every module, and none that is gone."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")


def modules(package: str) -> set[str]:
    paths = (p.relative_to(ROOT) for p in (ROOT / package).rglob("*.py"))
    return {p.as_posix() for p in paths if p.name != "__init__.py" and len(p.parts) < 4}


def test_the_page_names_every_module() -> None:
    named: set[str] = set()
    for package in ("scene", "orchestrator"):
        block = PAGE.split(f"\n    {package}/\n")[1].split("\n\n")[0]
        named |= {
            f"{package}/{name}" for name in re.findall(r"^      (\S+\.py) ", block, re.MULTILINE)
        }
    assert named == modules("scene") | modules("orchestrator")
