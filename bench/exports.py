"""Time and memory of exports, for data sets of two rendered runs that stand for many.

Each export runs in a process of its own. What differs between runs is their ids: images and
particles are those of two runs of 600 beads at 480 x 480, in turn.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.measure import Row, progress, publish

SWEEP = (
    "sweeps/sem.yaml",
    "blueprints.particles.Bead.number=600",
    "initial_runtime_state.seed=range(2)",
    "synth_chain.feature_generation_steps.5.gravity.2=-100",
    "synth_chain.feature_generation_steps.5.num_frames=25",
    "render.resolution_percentage=50",
    "render.max_samples=16",
    "~synth_chain.rendering_steps.0",
)
RUNS_PER_PART = 200
FORMATS = (("coco", 400), ("coco", 1600), ("yolo", 400), ("webdataset", 400), ("hf", 400))


def main() -> None:
    """Measure, and print the table; or, with a format, export once and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", nargs=3, metavar=("FORMAT", "OUTPUT", "TO"))
    asked = parser.parse_args()
    if asked.once is not None:
        print(json.dumps(_export(*asked.once)))
        return
    rows = []
    with tempfile.TemporaryDirectory(prefix="blendsweep-bench-") as name:
        folder = Path(name)
        with progress("two runs"):
            command = [sys.executable, "-m", "orchestrator", *SWEEP, "--executor", "inline"]
            subprocess.run([*command, "--no-mlflow", "--output", str(folder / "two")], check=True)
        outputs = {count: _many(folder, count) for count in {count for _, count in FORMATS}}
        for number, (kind, count) in enumerate(FORMATS):
            to = folder / f"{number}{'.json' if kind == 'coco' else ''}"
            with progress(f"{kind}, {count} runs"):
                command = [sys.executable, "-m", "bench.exports", "--once"]
                done = subprocess.run(
                    [*command, kind, str(outputs[count]), str(to)],
                    check=True, capture_output=True, text=True,
                )  # fmt: skip
            taken = json.loads(done.stdout.splitlines()[-1])
            seconds = taken["seconds"]
            found = f"{seconds:.0f} s CPU, {count / seconds:.0f} runs per CPU second, "
            rows.append(Row(f"{kind}, {count} runs", found + f"{taken['peak_mb']:.0f} MB at most"))
    publish("exports", "what do exports of runs of 600 beads cost?", rows)


def _export(kind: str, output: str, to: str) -> dict[str, float]:
    from orchestrator.export.exporting import export_output

    start = time.process_time()
    export_output(kind, output, to, all_runs=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 10**6
    return {"seconds": time.process_time() - start, "peak_mb": peak}


def _many(folder: Path, count: int) -> Path:
    """Make a data set of `count` runs whose files are those of the two."""
    two, output = folder / "two", folder / f"runs-{count}"
    output.mkdir()
    for name in ("sweep.yaml", "plan.parquet", "recipes", "runs"):
        if (two / name).exists():
            (output / name).symlink_to(two / name)
    runs, particles = (pq.read_table(two / table) for table in ("manifest", "particles"))
    ids = [sha256(str(number).encode()).hexdigest()[:16] for number in range(count)]
    parts = [
        particles.filter(pa.compute.equal(particles["run_id"], run_id))
        for run_id in runs["run_id"].to_pylist()
    ]
    for start in range(0, count, RUNS_PER_PART):
        chosen = range(start, min(count, start + RUNS_PER_PART))
        rows = runs.take([number % 2 for number in chosen])
        rows = _with(rows, "run_id", [ids[number] for number in chosen])
        rows = _with(rows, "index", list(chosen))
        copies = [
            _with(parts[number % 2], "run_id", [ids[number]] * len(parts[number % 2]))
            for number in chosen
        ]
        for table, content in (("manifest", rows), ("particles", pa.concat_tables(copies))):
            (output / table).mkdir(exist_ok=True)
            pq.write_table(content, output / table / f"part-{start // RUNS_PER_PART:05d}.parquet")
    return output


def _with(table: pa.Table, column: str, values: list[object]) -> pa.Table:
    place = table.schema.get_field_index(column)
    return table.set_column(
        place, table.schema.field(place), pa.array(values, table.schema.field(place).type)
    )


if __name__ == "__main__":
    main()
