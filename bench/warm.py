"""A warm worker against a fresh process for every run."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from bench.measure import at_least, paired, publish, seconds, shown

RUNS = 16
SMALL = (
    "blueprints.particles.Bead.number=100",
    "render.resolution_percentage=10",
    "synth_chain.feature_generation_steps.5.num_frames=25",
)


def fresh(folder: Path) -> Callable[[], float]:
    """Return a function that times one process a run."""

    def run(seed: int, target: Path) -> None:
        command = [sys.executable, "-m", "scene", "recipes/spheres_sem.yaml", "--output", target]
        command += [*SMALL, f"initial_runtime_state.seed={seed}"]
        subprocess.run(command, check=True, capture_output=True)

    def measure() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as round_folder:
            targets = [Path(round_folder) / str(seed) for seed in range(RUNS)]
            return seconds(lambda: [run(seed, target) for seed, target in enumerate(targets)])

    return measure


def warm(folder: Path) -> Callable[[], float]:
    """Return a function that times a sweep of the same runs in one process, its start included."""

    def measure() -> float:
        with tempfile.TemporaryDirectory(dir=folder) as round_folder:
            document = {
                "name": "warm",
                "recipe": "spheres_sem",
                "overrides": [*SMALL, f"initial_runtime_state.seed=range({RUNS})"],
                # As many threads as a process of its own takes.
                "execution": {"cpus_per_worker": 2},
            }
            sweep = Path(round_folder) / "warm.yaml"
            sweep.write_text(yaml.safe_dump(document), encoding="utf-8")
            command = [sys.executable, "-m", "orchestrator", sweep, "--executor", "inline"]
            command += ["--no-mlflow", "--output", Path(round_folder) / "out"]
            return seconds(lambda: subprocess.run(command, check=True, capture_output=True))

    return measure


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    with tempfile.TemporaryDirectory(prefix="blendsweep-bench-") as name:
        folder = Path(name)
        found = paired(parser.parse_args().rounds, fresh=fresh(folder), warm=warm(folder))
    fresh_s, warm_s = found["fresh"], found["warm"]
    saved = type(fresh_s)(
        tuple((a - b) / RUNS for a, b in zip(fresh_s.values, warm_s.values, strict=True))
    )
    rows = [
        shown(f"{RUNS} runs, a fresh process each", fresh_s),
        shown(f"{RUNS} runs in one process, its start included", warm_s),
        at_least("throughput, warm over fresh", fresh_s.over(warm_s), 2.5, "x"),
        shown("saved a run", saved),
    ]
    publish("warm", "warm worker or fresh process, 100 beads, 10 %, 25 frames", rows)


if __name__ == "__main__":
    main()
