"""A whole run of the tutorial's recipe, and how many of them two cores make in an hour."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from bench.measure import Row, Stats, at_most, publish, shown
from bench.scenes import NUMBER, recipe, session
from scene.execution.chain import execute
from scene.execution.record import RunRecord

BEADS = 600
MODES = len(recipe().synth_chain.rendering_steps) - 1
"""Images of a run; the other rendering step saves the scene."""


def warm_runs(rounds: int) -> list[RunRecord]:
    """Execute the recipe on all cores, one seed a round, after one that is not counted."""
    records = []
    for seed in range(rounds + 1):
        made = recipe(f"{NUMBER}={BEADS}", f"initial_runtime_state.seed={seed}")
        with tempfile.TemporaryDirectory() as name, session().captured():
            records.append(execute(made, session(), Path(name)))
    return records[1:]


def runs_an_hour(runs: int, workers: int) -> float:
    """Return the pace of a sweep on workers of one thread, their first runs not counted."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as name:
        overrides = [f"{NUMBER}={BEADS}", f"initial_runtime_state.seed=range({runs})"]
        document = {"name": "pace", "recipe": "spheres_sem", "overrides": overrides}
        sweep, output = Path(name) / "pace.yaml", Path(name) / "out"
        sweep.write_text(yaml.safe_dump(document), encoding="utf-8")
        command = [sys.executable, "-m", "orchestrator", str(sweep), "--workers", str(workers)]
        command += ["--no-mlflow", "--output", str(output)]
        subprocess.run(command, check=True, capture_output=True)
        finished = pq.read_table(output / "manifest", columns=["finished_at"])["finished_at"]
    ends = sorted(finished.to_pylist())
    counted = ends[workers - 1 :]
    span: float = (counted[-1] - counted[0]).total_seconds()
    return 3600 * (len(counted) - 1) / span


def parts(records: list[RunRecord]) -> list[Row]:
    """Return where the time of a run goes, the longest part first."""
    labels = records[0].timings
    found = {label: Stats(tuple(record.timings[label] for record in records)) for label in labels}
    longest = sorted(found.items(), key=lambda item: item[1].median, reverse=True)
    return [shown(label, stats) for label, stats in longest]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    records = warm_runs(asked.rounds)
    whole = Stats(tuple(sum(record.timings.values()) for record in records))
    pace = runs_an_hour(asked.runs, asked.workers)
    rows = [
        at_most("a whole run, six modes and SaveState", whole, 12.0),
        *parts(records),
        Row(f"runs an hour, {asked.workers} workers of one thread", f"{pace:.0f}"),
        Row(f"images an hour, {MODES} a run", f"{MODES * pace:.0f}"),
    ]
    publish("whole_run", f"a run of {BEADS} beads at 960 x 960", rows)


if __name__ == "__main__":
    main()
