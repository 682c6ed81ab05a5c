from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def write_plugin() -> Callable[[Path, str, str], None]:
    """Write a plugin package into a folder."""

    def write(folder: Path, package: str, code: str) -> None:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text(code, encoding="utf-8")

    return write
