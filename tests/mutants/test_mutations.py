"""The listed mutations still apply to the code; `just mutants` tries them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_mutation_still_applies() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", "--check"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
