from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

OVERRIDES = [
    "render.resolution=[640,480]",
    "render.resolution_percentage=10",
    "render.max_samples=4",
    "render.bit_depth=16",  # the tutorial's own sweep has 8
    "synth_chain.feature_generation_steps.5.num_frames=5",
    "blueprints.particles.Bead.number=12,60",
    "initial_runtime_state.seed=range({seeds})",
    "~synth_chain.rendering_steps.6",
    "~synth_chain.rendering_steps.5",
    "~synth_chain.rendering_steps.4",
]

type Render = Callable[[Path, int], None]
type Orchestrate = Callable[..., Any]


@pytest.fixture(scope="session")
def render(orchestrate: Orchestrate) -> Render:
    """Make or extend a sweep of 2 x `seeds` small runs: real, categorical, depth_map."""

    def make(output: Path, seeds: int) -> None:
        sweep = output.with_name(f"{output.name}.yaml")
        overrides = [text.format(seeds=seeds) for text in OVERRIDES]
        document = {"name": "small", "recipe": "spheres_sem", "overrides": overrides}
        sweep.write_text(yaml.safe_dump(document), encoding="utf-8")
        done = orchestrate(sweep, "--output", output, "--executor", "inline", "--no-mlflow")
        assert done.code == 0, done.err

    return make


@pytest.fixture(scope="session")
def rendered(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of 4 small runs that nobody changes."""
    output = tmp_path_factory.mktemp("export") / "small"
    render(output, 2)
    return output


@pytest.fixture
def output(rendered: Path, tmp_path: Path) -> Path:
    """A copy of `rendered` that a test may change."""
    shutil.copytree(rendered, tmp_path / "out")
    return tmp_path / "out"


CHEAP = [
    "render.resolution_percentage=20",
    "render.max_samples=2",
    "synth_chain.feature_generation_steps.5.num_frames=5",
    "initial_runtime_state.seed=0",
    "~synth_chain.rendering_steps.0",
]


@pytest.fixture(scope="session")
def sem(orchestrate: Orchestrate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tutorial's own sweep, 100 to 600 beads and both gravities, at 192 x 192 pixels."""
    output = tmp_path_factory.mktemp("export") / "sem"
    sweep = Path(__file__).parents[2] / "sweeps" / "sem.yaml"
    options = ["--output", output, "--executor", "inline", "--no-mlflow"]
    done = orchestrate(sweep, *CHEAP, *options)
    assert done.code == 0, done.err
    return output


@pytest.fixture(scope="session")
def filled() -> Callable[..., NDArray[np.bool_]]:
    """Fill an outline: the pixels a quarter of which it holds, by the even-odd rule."""

    def fill(outline: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
        y, x = np.mgrid[: shape[0], : shape[1]] + 0.25
        inside = np.zeros(shape, bool)
        for edge in zip(outline, np.roll(outline, -1, axis=0), strict=True):
            # From the upper end, so that a bridge gives the same numbers there and back.
            (x0, y0), (x1, y1) = sorted(edge, key=lambda point: (point[1], point[0]))
            if y0 < y1:
                crossed = x0 + (y - y0) * (x1 - x0) / (y1 - y0)
                inside ^= (y0 <= y) & (y < y1) & (x < crossed)
        return inside

    return fill


@pytest.fixture(scope="session")
def painted() -> Callable[..., list[NDArray[np.bool_]]]:
    """Paint an outline as readers do: Ultralytics truncates corners, supervision rounds them."""
    from supervision import polygon_to_mask

    def paint(outline: NDArray[Any], shape: tuple[int, int]) -> list[NDArray[np.bool_]]:
        return [
            polygon_to_mask(corners.astype(np.int32), shape[::-1]).astype(bool)
            for corners in (np.trunc(outline), np.round(outline))
        ]

    return paint
