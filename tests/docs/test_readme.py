"""The README's lines of Python run as they stand there, on smaller images."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SMALLER = {
    "number=350,500": "number=8",
    "resolution_percentage=50": "resolution_percentage=5",
}
IN_ONE_PROCESS = """
import functools
import blendsweep
blendsweep.run = functools.partial(blendsweep.run, executor="inline", mlflow=False)
"""


@pytest.mark.blender
def test_the_lines_of_python_run(tmp_path: Path) -> None:
    (tmp_path / "sweeps").mkdir()
    sweep = (ROOT / "sweeps" / "quickstart.yaml").read_text(encoding="utf-8")
    for old, new in SMALLER.items():
        assert old in sweep
        sweep = sweep.replace(old, new)
    (tmp_path / "sweeps" / "quickstart.yaml").write_text(sweep, encoding="utf-8")
    (lines,) = re.findall(
        r"^```python\n(.*?)^```$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    done = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS + lines],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4, done.stdout
    assert done.stdout.count(" (48, 48) ") == 4, done.stdout
