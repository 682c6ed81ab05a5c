"""A run's files are the same to the byte however, where, and after what it was executed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from scene.imaging.files import RECIPE_FILE, RECORD_FILE
from tests.conftest import Done, write_sweep
from tests.warm import Warm

pytestmark = pytest.mark.blender

SEED, LOOK = "initial_runtime_state.seed", "initial_runtime_state.look_seed"
SMALL = (
    "render.resolution=[160,160]",
    "render.max_samples=4",
    "blueprints.particles.Bead.number=40",
    "synth_chain.feature_generation_steps.5.num_frames=10",
)
COMPUTED = (
    "render.resolution=[160,160]",
    "blueprints.particles.Bead.number=40",
    "process_conditions.feature_variabilities.BeadSize.variability.max=4",
)
"""For `spheres_sem_physical`."""

FORWARD, BACKWARD = (f"{SEED}=1,2", f"{LOOK}=null,3"), (f"{LOOK}=3,null", f"{SEED}=2,1")
STATE = "state.blend"
"""Blender writes addresses of its memory into it."""

type Runs = dict[str, dict[str, Any]]
type Execute = Callable[..., Runs]


def contents(folder: Path) -> dict[str, Any]:
    """Return a run's files, path to content, but for the Blender file; its record without times."""
    files: dict[str, Any] = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != STATE
    }
    record = json.loads(files[RECORD_FILE])
    record["files"] = {file.pop("path"): file for file in record["files"]}
    record["files"].pop(STATE, None)
    del record["timings"]
    return files | {RECORD_FILE: record}


@pytest.fixture(scope="module")
def execute(warm: Warm, tmp_path_factory: pytest.TempPathFactory) -> Execute:
    """Execute the four runs of a sweep in some order; return what is in their folders."""

    def run(order: Sequence[str], *arguments: object, computed: bool = False) -> Runs:
        folder = tmp_path_factory.mktemp("sweep")
        recipe, small = ("spheres_sem_physical", COMPUTED) if computed else ("spheres_sem", SMALL)
        sweep = write_sweep(folder / "sweep.yaml", recipe, [*small, *order])
        output = folder / "output"
        done = Done.of(
            warm.start("-m", "orchestrator", sweep, "--output", output, "--no-mlflow", *arguments)
        )
        assert done.code == 0, done.out + done.err
        return {path.name: contents(path) for path in (output / "runs").iterdir()}

    return run


@pytest.fixture(scope="module")
def reference(execute: Execute) -> Runs:
    """The runs, inline and with one thread."""
    return execute(FORWARD, "--executor", "inline")


def assert_same(runs: Runs, reference: Runs) -> None:
    """Compare, and say which files differ."""
    assert runs.keys() == reference.keys()
    differing = {
        (run_id, name)
        for run_id, files in reference.items()
        for name in files.keys() | runs[run_id].keys()
        if runs[run_id].get(name) != files.get(name)
    }
    assert differing == set()


def test_the_runs_differ_from_each_other(reference: Runs) -> None:
    assert len(reference) == 4
    for name in ("real.png", "preview.jpg"):
        assert len({files[name] for files in reference.values() if name in files}) == 4, name
    for files in reference.values():
        assert {"categorical.png", "depth.tiff", "normal_map.png", "stylized_xray.png"} <= set(
            files
        )


@pytest.mark.parametrize("threads", [2, 3])
def test_however_many_threads(execute: Execute, reference: Runs, threads: int) -> None:
    arguments = ("--executor", "inline", "--cpus-per-worker", threads)
    assert_same(execute(FORWARD, *arguments), reference)


def test_in_the_other_order_so_that_each_comes_after_others(
    execute: Execute, reference: Runs
) -> None:
    assert_same(execute(BACKWARD, "--executor", "inline"), reference)


def test_with_a_specimen_of_its_own(execute: Execute, reference: Runs) -> None:
    assert_same(execute(FORWARD, "--executor", "inline", "--no-reuse"), reference)


@pytest.mark.ray
def test_on_workers_of_ray_in_the_other_order(
    execute: Execute, reference: Runs, ray_address: str
) -> None:
    assert_same(execute(BACKWARD, "--address", ray_address, "--workers", 2), reference)


@pytest.mark.ray
def test_computed_images_in_the_other_order_on_a_worker_with_more_threads(
    execute: Execute, ray_address: str
) -> None:
    reference = execute(FORWARD, "--executor", "inline", computed=True)
    assert len({files["real.png"] for files in reference.values()}) == 4
    arguments = ("--address", ray_address, "--workers", 1, "--cpus-per-worker", 2)
    assert_same(execute(BACKWARD, *arguments, computed=True), reference)


@pytest.mark.parametrize("threads", [1, 3])
def test_alone_in_a_process_of_its_own(
    warm: Warm, reference: Runs, tmp_path: Path, threads: int
) -> None:
    arguments = (*SMALL, f"{SEED}=2", f"{LOOK}=3", "--cpus", threads)
    done = Done.of(
        warm.start(
            "-m", "scene", "recipes/spheres_sem.yaml", "--output", tmp_path / "run", *arguments
        )
    )
    assert done.code == 0, done.out + done.err
    files = contents(tmp_path / "run")
    # A plan writes the numbers of its recipes in one way, 0.0 as 0.
    recipe = yaml.safe_load(files.pop(RECIPE_FILE))
    del files[RECORD_FILE]["files"][RECIPE_FILE]
    (of_sweep,) = (
        deepcopy(of_sweep)
        for of_sweep in reference.values()
        if yaml.safe_load(of_sweep[RECIPE_FILE]) == recipe
    )
    del of_sweep[RECORD_FILE]["files"][RECIPE_FILE], of_sweep[RECIPE_FILE]
    assert_same({"alone": files}, {"alone": of_sweep})
