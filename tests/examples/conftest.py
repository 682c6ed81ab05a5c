from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def example_output(
    orchestrate: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Data set of the plugin example's own sweep, four runs made small."""
    output = tmp_path_factory.mktemp("examples") / "dropcast"
    done = orchestrate(
        EXAMPLES / "plugins" / "dropcast" / "sweep.yaml",
        "blueprints.particles.Bead.number=20,60",
        "render.resolution_percentage=10",
        "render.max_samples=4",
        "synth_chain.feature_generation_steps.4.num_frames=25",
        *("--output", output, "--executor", "inline", "--no-mlflow"),
    )
    assert done.code == 0, done.err
    return output


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a script of the examples as it imports its neighbours when it is run."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


@pytest.fixture
def run_example() -> Callable[..., str]:
    """Run a script of the examples to its end and return what it printed."""

    def run(name: str, *arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
