"""What users' own code sees of Blendsweep's types, checked as mypy does it for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import blendsweep as bs
from blendsweep.plugins import Distribution, FeatureValue, MeasurementVolume, Real


class Double(Distribution):
    size: Real

    def sample(self, rng: np.random.Generator, volume: MeasurementVolume) -> FeatureValue:
        return 2 * self.size * float(rng.random())


def masks(data: bs.DataSet) -> list[NDArray[np.uint16]]:
    return [run.instances for run in data.runs(status="succeeded")]


def made() -> bs.RecordedRun:
    try:
        return bs.render("spheres_sem", ["blueprints.particles.Bead.number=50"], cpus=2)
    except bs.ConfigurationError as error:
        print(*(problem.message for problem in error.problems))
        raise


sweep: bs.Sweep = bs.load_sweep("quickstart", output="out", limit=2)
result: bs.Result = bs.run(sweep, progress=lambda counts: print(counts.done))
version: str = bs.__version__
print(len(masks(result.data)), result.failures[0].error_message, version)
"""
MISTAKES = """
import blendsweep as bs

bs.run("quickstart", limt=2)
bs.render(17)
bs.open_dataset("out").runs(state="failed")
number: int = bs.__version__
bs.unheard_of()
"""


@pytest.fixture
def mypy(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Check both scripts against the installed package, from a folder of their own."""
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "mistakes.py").write_text(MISTAKES, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "script.py", "mistakes.py"],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        cwd=tmp_path,
    )


def test_a_strict_script_passes_and_its_mistakes_are_found(
    mypy: subprocess.CompletedProcess[str],
) -> None:
    found = [line for line in mypy.stdout.splitlines() if ": error: " in line]
    assert [line for line in found if not line.startswith("mistakes.py:")] == [], mypy.stdout
    assert [line.split(":")[1] for line in found] == ["4", "5", "6", "7", "8"], mypy.stdout
