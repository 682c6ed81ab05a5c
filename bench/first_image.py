"""From the command to the first finished run, and what that time consists of."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import Stats, paired, publish, seconds, shown

OVERRIDES = ("render.resolution_percentage=10",)


class Start:
    """Sweeps of one run, started anew each time."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.until_run = 0.0
        self.run = 0.0

    def measure(self) -> float:
        """Return the seconds from the command to the end of the first run."""
        import pyarrow.parquet as pq

        with tempfile.TemporaryDirectory(dir=self._folder) as round_folder:
            output = Path(round_folder) / "out"
            command = [sys.executable, "-m", "orchestrator", "sweeps/sem.yaml", *OVERRIDES]
            command += ["--limit", "1", "--output", output, *self._options]
            began = datetime.now(UTC)
            subprocess.run(command, check=True, capture_output=True)
            (row,) = pq.read_table(output / "manifest").to_pylist()
        self.until_run = (row["started_at"] - began).total_seconds()
        self.run = (row["finished_at"] - row["started_at"]).total_seconds()
        return self.until_run + self.run


def dry_run() -> float:
    """Return the seconds that reading and checking the sweep take."""
    command = [sys.executable, "-m", "orchestrator", "sweeps/sem.yaml", *OVERRIDES, "--dry-run"]
    return seconds(lambda: subprocess.run(command, check=True, capture_output=True))


RAY = """
import time; start = time.perf_counter()
import ray
ray.init("local", num_cpus=2, object_store_memory=80 * 2**20, include_dashboard=False,
         log_to_driver=False, logging_level="ERROR")
print(time.perf_counter() - start)
"""
BLENDER = """
import time; start = time.perf_counter()
from scene.blender.session import Session
from scene.machine.resources import Resources
Session(Resources())
print(time.perf_counter() - start)
"""


def printed(script: str) -> Callable[[], float]:
    """Return a function that runs a script and gives the number it prints."""

    def measure() -> float:
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        return float(done.stdout.split()[-1])

    return measure


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    with tempfile.TemporaryDirectory(prefix="blendsweep-bench-") as name:
        ray, inline = Start(Path(name)), Start(Path(name), "--executor", "inline")
        found = paired(
            parser.parse_args().rounds,
            ray=ray.measure,
            ray_until=lambda: ray.until_run,
            ray_run=lambda: ray.run,
            inline=inline.measure,
            dry=dry_run,
            start_ray=printed(RAY),
            start_blender=printed(BLENDER),
        )
    parts = found["dry"].plus(found["start_ray"]).plus(found["start_blender"])
    overlap: Stats = parts.over(found["ray_until"])
    rows = [
        shown("Ray: command to first finished run, 100 beads", found["ray"]),
        shown("of which until the run begins", found["ray_until"]),
        shown("of which the run", found["ray_run"]),
        shown("inline: command to first finished run", found["inline"]),
        shown("alone: reading and checking the sweep (--dry-run)", found["dry"]),
        shown("alone: importing and starting Ray", found["start_ray"]),
        shown("alone: importing Blender, a session", found["start_blender"]),
        shown("these three, one after the other, over the time until the run begins", overlap, "x"),
    ]
    publish("first_image", "time to the first image, 10 %", rows)


if __name__ == "__main__":
    main()
