"""Twenty looks of one specimen: relaxed once, against each for itself."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from bench.measure import Stats, at_most, publish, shown

LOOKS = 20
RELAXATION = "time.RelaxCollisions"
OVERRIDES = (
    "blueprints.particles.Bead.number=600",
    "render.resolution_percentage={percentage}",
    f"initial_runtime_state.look_seed=range({LOOKS})",
)

type Rows = list[dict[str, Any]]


def swept(folder: Path, workers: int, percentage: int, *calls: tuple[str, ...]) -> Rows:
    """Run the sweep, once for each list of options, and return the rows of its manifest."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory(dir=folder) as round_folder:
        sweep, output = Path(round_folder) / "specimens.yaml", Path(round_folder) / "out"
        overrides = [text.format(percentage=percentage) for text in OVERRIDES]
        document = {"name": "specimens", "recipe": "spheres_sem", "overrides": overrides}
        sweep.write_text(yaml.safe_dump(document), encoding="utf-8")
        command = [sys.executable, "-m", "orchestrator", str(sweep), "--output", str(output)]
        command += ["--no-mlflow", "--workers", str(workers)]
        for options in calls:
            subprocess.run([*command, *options], check=True, capture_output=True)
        rows: Rows = pq.read_table(output / "manifest").to_pylist()
    return rows


def work(rows: Rows) -> float:
    """Return the seconds that workers spent on runs."""
    return sum(row["time.total"] for row in rows)


def wall(rows: Rows) -> float:
    """Return the seconds from the start of the first run to the end of the last."""
    span = max(row["finished_at"] for row in rows) - min(row["started_at"] for row in rows)
    assert isinstance(span, timedelta)
    return span.total_seconds()


def bound(rows: Rows) -> float:
    """Return the seconds of one of these runs and all others without their relaxation."""
    relaxed = sorted(row[RELAXATION] for row in rows)
    return work(rows) - sum(relaxed) + relaxed[len(relaxed) // 2]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--percentage", type=int, default=50, help="of 960 x 960")
    asked = parser.parse_args()
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="blendsweep-bench-") as name:
        ask = Path(name), asked.workers, asked.percentage
        for _ in range(asked.rounds):
            alone = swept(*ask, ("--no-reuse",))
            shared = swept(*ask, ())
            resumed = swept(*ask, ("--limit", str(LOOKS // 2)), ())
            found = {
                "alone": work(alone),
                "alone, wall": wall(alone),
                "bound": bound(alone),
                "shared": work(shared),
                "shared, wall": wall(shared),
                "resumed": work(resumed),
                "relaxations": relaxations(shared),
                "relaxations, resumed": relaxations(resumed),
            }
            for key, figure in found.items():
                figures.setdefault(key, []).append(figure)
    stats = {key: Stats(tuple(values)) for key, values in figures.items()}
    over = "relaxed once over one full run and the rest without relaxation"
    rows = [
        shown("each run relaxes its own", stats["alone"]),
        shown("the same, from first start to last end", stats["alone, wall"]),
        shown("relaxed once", stats["shared"]),
        shown("the same, from first start to last end", stats["shared, wall"]),
        shown("one full run and the rest without relaxation", stats["bound"]),
        at_most(over, stats["shared"].over(stats["bound"]), 1.15, "x"),
        at_most(f"{over}, in two calls", stats["resumed"].over(stats["bound"]), 1.15, "x"),
        at_most("relaxations", stats["relaxations"], 1, ""),
        at_most("relaxations, in two calls", stats["relaxations, resumed"], 1, ""),
    ]
    question = f"{LOOKS} looks, 600 beads, {asked.percentage} %, {asked.workers} workers, six modes"
    publish("specimens", question, rows, ["Seconds are summed over runs unless said otherwise."])


def relaxations(rows: Rows) -> float:
    """Return how many of the runs relaxed their particles."""
    return float(sum(row[RELAXATION] is not None for row in rows))


if __name__ == "__main__":
    main()
