"""Many looks of one specimen, against one whole run and the others without their relaxation."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from bench.measure import Row, Stats, at_most, progress, publish, shown
from bench.scenes import NUMBER, PERCENTAGE, RECIPE

MOST = 1.15
"""The target."""

PLAIN_RUNS = 3
"""Runs of each worker that reuse nothing; the first of them is not counted."""

NOTE = (
    "The wall time is that from the start of the first run to the end of the last one. It is held "
    "against one whole run and all others without relaxation, each taken up by the worker that "
    "is free first, with the times of runs that reuse nothing on warm workers. Of a sweep that is "
    "interrupted only the time that workers spend on runs counts, not their second start."
)

RELAXATION = "time.RelaxCollisions"

type Rows = list[dict[str, Any]]


class Looks:
    """A sweep of one specimen with many looks.

    Parameters
    ----------
    folder
        Where sweep and data sets lie.
    beads, percentage
        Size of a run.
    runs
        How many looks.
    """

    def __init__(self, folder: Path, beads: int, percentage: int, runs: int) -> None:
        self._folder = folder
        self._sweep = folder / "looks.yaml"
        overrides = [f"{NUMBER}={beads}", f"{PERCENTAGE}={percentage}"]
        document = {"recipe": str(RECIPE.absolute()), "overrides": overrides}
        self._sweep.write_text(yaml.safe_dump(document), encoding="utf-8")
        self._runs = runs

    def rounds(self, workers: int) -> dict[str, float]:
        """Return what one round with some workers gives: ratios, seconds and counts."""
        plain = self._plain(workers)
        whole = _mean(row["time.total"] for row in plain)
        relaxation = _mean(row[RELAXATION] for row in plain)
        free_at = [0.0] * workers
        for cost in [whole, *[whole - relaxation] * (self._runs - 1)]:
            free_at[free_at.index(min(free_at))] += cost
        at_once = self._made(workers)
        resumed = self._interrupted(workers)
        return {
            "whole": whole,
            "relaxation": relaxation,
            "ratio": _span(at_once) / max(free_at),
            "resumed": sum(row["time.total"] for row in resumed) / sum(free_at),
            "relaxed": float(max(_relaxed(at_once), _relaxed(resumed))),
        }

    def _plain(self, workers: int) -> Rows:
        """Return runs that reuse nothing, on warm workers."""
        with self._output() as output:
            self._run(workers, output, f"range({PLAIN_RUNS * workers})", "--no-reuse")
            found = _rows(output)
        firsts = {row["worker"]: row["run_id"] for row in reversed(found)}
        return [row for row in found if row["run_id"] not in firsts.values()]

    def _made(self, workers: int) -> Rows:
        with self._output() as output:
            self._run(workers, output, f"range({self._runs})")
            return _rows(output)

    def _interrupted(self, workers: int) -> Rows:
        """Return the runs of a start that a Ctrl-C ends half-way and of the next start."""
        with self._output() as output:
            process = self._started(workers, output, f"range({self._runs})")
            while len(list(output.glob("runs/*"))) < self._runs // 2 and process.poll() is None:
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            process.communicate()
            self._run(workers, output, f"range({self._runs})")
            return _rows(output)

    def _run(self, workers: int, output: Path, looks: str, *options: str) -> None:
        process = self._started(workers, output, looks, *options)
        if process.wait() != 0:
            raise RuntimeError(f"the sweep ended with exit code {process.returncode}")

    def _started(
        self, workers: int, output: Path, looks: str, *options: str
    ) -> subprocess.Popen[bytes]:
        cpus = max(1, (os.process_cpu_count() or 1) // workers)
        command = [sys.executable, "-m", "orchestrator", self._sweep, "--output", output]
        command += ["--workers", str(workers), "--cpus-per-worker", str(cpus), "--no-mlflow"]
        command += [f"initial_runtime_state.look_seed={looks}", *options]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    @contextmanager
    def _output(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            yield Path(name) / "out"


def _rows(output: Path) -> Rows:
    import pyarrow.parquet as pq

    columns = ["run_id", "worker", "started_at", "finished_at", "time.total", RELAXATION]
    rows: Rows = pq.read_table(output / "manifest", columns=columns).to_pylist()
    return sorted(rows, key=lambda row: row["started_at"])


def _span(rows: Rows) -> float:
    """Return the seconds from the first start to the last end: Ray's own start is not in it."""
    last = max(row["finished_at"] for row in rows)
    return float((last - rows[0]["started_at"]).total_seconds())


def _relaxed(rows: Rows) -> int:
    return sum(row[RELAXATION] is not None for row in rows)


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--beads", type=int, default=600)
    parser.add_argument("--percentage", type=int, default=100)
    asked = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="blendsweep-bench-") as name:
        looks = Looks(Path(name), asked.beads, asked.percentage, asked.runs)
        for workers in (1, 2):
            found = []
            for number in range(asked.rounds):
                with progress(f"round {number + 1}, workers: {workers}"):
                    found.append(looks.rounds(workers))
            stats = {key: Stats(tuple(one[key] for one in found)) for key in found[0]}
            on = f"{workers} worker{'' if workers == 1 else 's'}"
            rows += [
                shown(f"{on}, a run that reuses nothing", stats["whole"]),
                shown(f"{on}, of it relaxation", stats["relaxation"]),
                at_most(
                    f"{on}, wall time over one whole run and the others without relaxation",
                    stats["ratio"],
                    MOST,
                    "x",
                ),
                at_most(
                    f"{on}, time of all runs over the same, interrupted and resumed",
                    stats["resumed"],
                    MOST,
                    "x",
                ),
                at_most(f"{on}, runs that relaxed", stats["relaxed"], 1, ""),
            ]
    publish(
        "specimens",
        f"{asked.runs} looks of one specimen, {asked.beads} beads, {asked.percentage} %",
        rows,
        [NOTE],
    )


if __name__ == "__main__":
    main()
