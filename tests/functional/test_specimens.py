"""Runs that share a specimen, from the command line to the files."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

pytestmark = pytest.mark.blender

LOOKS = "initial_runtime_state.look_seed"
SIZE = "variability.ParticleDimension.location"
DEFOCUS = "variability.Defocus.location"
RELAXED = "time.RelaxCollisions"

type Bucket = Any
type Orchestrate = Callable[..., Any]
type Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two specimens with three looks each, whose distributions differ from run to run."""
    path = tmp_path / "looks.yaml"
    overrides = [
        "render.resolution=[48,48]",
        "render.max_samples=4",
        "synth_chain.feature_generation_steps.5.num_frames=5",
        *(
            f"process_conditions.feature_variabilities.{name}.variability.location="
            f"{{_target_: $builtins.UniformDistribution, low: {low}, high: {2 * low}}}"
            for name, low in (("ParticleDimension", 4), ("Defocus", 0.2))
        ),
        "blueprints.particles.Bead.number=3",
        "initial_runtime_state.seed=0,1",
        f"{LOOKS}=range(3)",
    ]
    path.write_text(yaml.safe_dump({"recipe": "spheres_sem", "overrides": overrides}))
    return path


def rows(output: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(output / "manifest").to_pylist()
    return sorted(found, key=lambda row: row["index"])


def relaxed(found: list[dict[str, Any]]) -> list[int]:
    """Return which runs relaxed their particles, by index."""
    return [row["index"] for row in found if row[RELAXED] is not None]


def content(output: Path) -> list[Any]:
    """Return all that was made, but Blender's scenes, which have other bytes each time."""
    particles = pq.read_table(output / "particles").sort_by(
        [("run_id", "ascending"), ("particle_id", "ascending")]
    )
    files = sorted(
        (file["path"], file["sha256"], row["specimen"])
        for row in rows(output)
        for file in row["files"]
        if file["mode"] != "state"
    )
    return [files, particles.to_pydict()]


def stored(output: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in output.glob("specimens/*/*")}


@pytest.mark.parametrize(
    "options",
    [["inline"], pytest.param(["ray", "--workers", "2"], marks=pytest.mark.ray)],
    ids=["inline", "ray"],
)
def test_each_specimen_is_relaxed_once_and_every_byte_is_as_without(
    options: list[str], orchestrate: Orchestrate, sweep: Path, tmp_path: Path
) -> None:
    output, doubters = tmp_path / "out", tmp_path / "doubters"
    done = orchestrate(
        *(sweep, "--output", output, "--no-mlflow", "--json", "--executor", *options)
    )
    assert done.code == 0, done.out + done.err
    assert done.json["specimens"] == {"relaxed": 2, "reused": 4}
    found = rows(output)
    assert len(relaxed(found)) == 2
    assert len({found[index]["seed"] for index in relaxed(found)}) == 2
    assert stored(output).keys() == {row["specimen"] for row in found}
    assert len({row[SIZE] for row in found}) == 2
    assert len({(row[SIZE], row["seed"]) for row in found}) == 2
    assert len({row[DEFOCUS] for row in found}) == 3
    assert len({(row[DEFOCUS], row[f"override.{LOOKS}"]) for row in found}) == 3
    for row in found:
        assert 4 <= row[SIZE] <= row["feature.dimensions.min"]
        assert row["feature.dimensions.max"] <= row[SIZE] + 2
        assert row[DEFOCUS] <= row["feature.defocus"]

    again = orchestrate(
        *(sweep, "--output", doubters, "--no-mlflow", "--json", "--executor", "inline"),
        "--no-reuse",
    )
    assert again.json["specimens"] == {"relaxed": 0, "reused": 0}, again.err
    assert relaxed(rows(doubters)) == list(range(6))
    assert not (doubters / "specimens").exists()
    assert content(output) == content(doubters)


def test_other_looks_of_a_specimen_reuse_what_an_earlier_start_stored(
    orchestrate: Orchestrate, sweep: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    arguments = [sweep, "--output", output, "--no-mlflow", "--json", "--executor", "inline"]
    assert orchestrate(*arguments, f"{LOOKS}=range(2)").code == 0
    told = orchestrate("status", output, "--json")
    assert told.json["specimens"] == {"runs": 4, "specimens": 2, "stored": 2}

    more = f"{LOOKS}=range(3)", "initial_runtime_state.seed=0,1,2"
    planned = orchestrate(*arguments, *more, "--dry-run")
    assert planned.json["recorded"]["specimens"] == {
        "runs": 5, "specimens": 3, "stored": 2, "relaxations_saved": 4,
    }  # fmt: skip
    assert "5 runs to execute share 3 specimens, 2 of them stored already" in planned.out

    done = orchestrate(*arguments, *more)
    assert done.json["specimens"] == {"relaxed": 1, "reused": 4}
    assert "1 specimen relaxed, 4 runs needed no relaxation" in done.out


def test_a_specimen_that_a_killed_driver_left_is_reused(
    orchestrate: Orchestrate, spawn: Spawn, sweep: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    arguments = [sweep, "--output", output, "--no-mlflow", "--executor", "inline"]
    process = spawn(*arguments)
    deadline = time.monotonic() + 120
    while not list(output.glob("specimens/*/specimen.bin")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = stored(output)
    (litter := output / "specimens" / next(iter(before)) / ".partial-1-specimen.bin").touch()

    done = orchestrate(*arguments, "--json")
    assert done.code == 0, done.out + done.err
    assert done.json["specimens"]["relaxed"] == 2 - len(before)
    assert len(rows(output)) == 6
    assert before.items() <= stored(output).items()
    assert not litter.exists()


def test_a_damaged_specimen_is_made_again_and_replaced(
    orchestrate: Orchestrate, sweep: Path, tmp_path: Path
) -> None:
    output, whole = tmp_path / "out", tmp_path / "whole"
    arguments = [sweep, "--no-mlflow", "--json", "--executor", "inline"]
    assert orchestrate(*arguments, "--output", output, f"{LOOKS}=range(2)").code == 0
    before = stored(output)
    seed_of = {row["specimen"]: row["seed"] for row in rows(output)}
    (damaged,) = [specimen for specimen, seed in seed_of.items() if seed == 1]
    (output / "specimens" / damaged / "specimen.bin").write_bytes(before[damaged][:-9])

    done = orchestrate(*arguments, "--output", output)
    assert done.code == 0, done.out + done.err
    assert done.json["specimens"] == {"relaxed": 1, "reused": 1}
    assert f"specimens/{damaged} was damaged; it was made again and replaced" in done.out
    assert stored(output) == before
    assert orchestrate(*arguments, "--output", whole, "--no-reuse").code == 0
    assert content(output) == content(whole)


def test_a_specimen_that_can_not_be_stored_fails_no_run(
    orchestrate: Orchestrate, sweep: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "specimens").write_text("in the way")
    arguments = [sweep, "--output", output, "--no-mlflow", "--executor", "inline"]
    done = orchestrate(*arguments)
    assert done.code == 130, done.out + done.err
    assert "there is a file where a folder is needed (specimens/" in done.err
    (output / "specimens").unlink()
    done = orchestrate(*arguments, "--json")
    assert done.code == 0, done.out + done.err
    assert {row["attempts"] for row in rows(output)} == {1}


def test_specimens_are_shared_by_way_of_a_bucket(
    bucket: Bucket, orchestrate: Orchestrate, sweep: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    arguments = [sweep, "--no-mlflow", "--json", "--executor", "inline"]
    uri = "s3://bucket/looks"
    done = orchestrate(*arguments, "--output", uri, f"{LOOKS}=range(2)", **bucket.environment)
    assert done.json["specimens"] == {"relaxed": 2, "reused": 2}, done.err
    done = orchestrate(*arguments, "--output", uri, **bucket.environment)
    assert done.json["specimens"] == {"relaxed": 0, "reused": 2}, done.err
    assert orchestrate(*arguments, "--output", folder).code == 0
    kept = {
        name.split("/")[1]: data
        for name, data in bucket.objects("looks").items()
        if name.startswith("specimens/")
    }
    assert kept == stored(folder)
