"""Two workers of one thread against one, on Ray."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yaml

from bench.measure import at_least, paired, publish, shown
from bench.warm import SMALL


def throughput(folder: Path, workers: int, runs: int) -> Callable[[], float]:
    """Return a function that gives runs a second, once every worker has done two runs."""

    def measure() -> float:
        import pyarrow.parquet as pq

        with tempfile.TemporaryDirectory(dir=folder) as round_folder:
            document = {
                "name": "workers",
                "recipe": "spheres_sem",
                "overrides": [*SMALL, f"initial_runtime_state.seed=range({runs})"],
            }
            sweep = Path(round_folder) / "workers.yaml"
            sweep.write_text(yaml.safe_dump(document), encoding="utf-8")
            output = Path(round_folder) / "out"
            command = [sys.executable, "-m", "orchestrator", sweep, "--workers", str(workers)]
            command += ["--no-mlflow", "--output", output]
            subprocess.run(command, check=True, capture_output=True)
            table = pq.read_table(output / "manifest", columns=["worker", "finished_at"])
        done: Counter[str] = Counter()
        warm = None
        finished = sorted(table.to_pylist(), key=lambda row: row["finished_at"])
        for index, row in enumerate(finished):
            done[row["worker"]] += 1
            if warm is None and len(done) == workers and min(done.values()) >= 2:
                warm = index
        if warm is None:
            raise RuntimeError("not all workers came up in time; take more runs")
        span = finished[-1]["finished_at"] - finished[warm]["finished_at"]
        return (len(finished) - 1 - warm) / span.total_seconds()

    return measure


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=40)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="blendsweep-bench-") as name:
        folder = Path(name)
        found = paired(
            asked.rounds,
            one=throughput(folder, 1, asked.runs),
            two=throughput(folder, 2, asked.runs),
        )
    rows = [
        shown("1 worker of 1 thread", found["one"], "runs/s"),
        shown("2 workers of 1 thread", found["two"], "runs/s"),
        at_least("2 workers over 1", found["two"].over(found["one"]), 1.7, "x"),
    ]
    publish("workers", "a second worker on 2 cores, 100 beads, 10 %, 25 frames", rows)


if __name__ == "__main__":
    main()
