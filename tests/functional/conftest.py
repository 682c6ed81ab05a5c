from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

CHEAP_STEPS = "synth_chain.rendering_steps"


@dataclass(frozen=True, slots=True)
class Done:
    """A command line that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "orchestrator", *map(str, arguments)]


@pytest.fixture
def orchestrate() -> Callable[..., Done]:
    """Run the command line to its end."""

    def run(*arguments: object, timeout: float = 200) -> Done:
        done = subprocess.run(
            command(*arguments), capture_output=True, text=True, timeout=timeout, check=False
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command line; killed at the end if it still runs."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        running.append(
            subprocess.Popen(
                command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def tiny_sweep(tmp_path: Path) -> Path:
    """Four runs of the tutorial's recipe with a few beads on 48 x 48 pixels."""
    return write_sweep(
        tmp_path / "tiny.yaml",
        "spheres_sem",
        [
            "render.resolution=[48,48]",
            "render.max_samples=4",
            "synth_chain.feature_generation_steps.5.num_frames=5",
            "blueprints.particles.Bead.number=3,5",
            "initial_runtime_state.seed=range(2)",
        ],
    )


@pytest.fixture
def cheap_sweep(tmp_path: Path, cheap_recipe: Path, probe_plugins: Path) -> Callable[..., Path]:
    """Write a sweep of runs without images of note; its steps are those of ``probe``."""

    def write(count: int = 3, *overrides: str) -> Path:
        values = f"{CHEAP_STEPS}.3.value=range({count})"
        return write_sweep(
            tmp_path / "cheap.yaml", str(cheap_recipe), [*overrides, values], str(probe_plugins)
        )

    return write


def write_sweep(path: Path, recipe: str, overrides: Sequence[str], *plugins: str) -> Path:
    document = {
        "name": path.stem,
        "recipe": recipe,
        "overrides": list(overrides),
        "plugins": list(plugins),
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path
