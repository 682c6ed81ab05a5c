"""The cost of orchestration: runs of a step that does nothing, against empty Ray calls."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from bench.measure import Row, at_least, paired, publish, shown

HERE = Path(__file__).parent
MEMORY = Path("/dev/shm")
"""Where files cost next to nothing: three files and two folders a run are the disk's business."""

EMPTY_CALLS = """
import sys, time, ray

count = int(sys.argv[1])
ray.init("local", num_cpus=2, object_store_memory=80 * 2**20, include_dashboard=False,
         log_to_driver=False, logging_level="ERROR")

@ray.remote(num_cpus=1)
class Idle:
    def call(self):
        return None

idle = [Idle.remote() for _ in range(2)]
ray.get([actor.call.remote() for actor in idle])
start = time.perf_counter()
calls = {actor.call.remote(): actor for actor in idle}
for _ in range(count):
    (ready, *_), _ = ray.wait(list(calls), num_returns=1, timeout=0.5)
    ray.get(ready)
    actor = calls.pop(ready)
    calls[actor.call.remote()] = actor
print(count / (time.perf_counter() - start))
"""


def empty_calls(count: int) -> float:
    """Return calls a second of two actors that do nothing, one call in flight each."""
    done = subprocess.run(
        [sys.executable, "-c", EMPTY_CALLS, str(count)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def stub_sweep(count: int, folder: Path) -> Path:
    """Write a sweep of `count` runs of a step that does nothing; return its file."""
    document = {
        "name": "stub",
        "recipe": str(HERE / "recipes" / "stub.yaml"),
        "plugins": [str(HERE / "plugins")],
        "overrides": [f"initial_runtime_state.seed=range({count})"],
        # A worker is warm once; here it would be replaced every quarter of a second.
        "execution": {"recycle_after_runs": 10 * count},
    }
    path = folder / "stub.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def sweep(count: int, *options: str, folder: Path | None = None) -> float:
    """Return runs a second of a sweep of `count` stub runs, written below `folder`."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory(prefix="blendsweep-bench-", dir=folder) as name:
        path = stub_sweep(count, Path(name))
        output = Path(name) / "out"
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator", path, "--output", output, "--json", *options],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or json.loads(done.stdout.splitlines()[-1])["succeeded"] != count:
            raise RuntimeError(done.stdout + done.stderr)
        table = pq.read_table(output / "manifest", columns=["started_at", "finished_at"])
    finished = sorted(table["finished_at"].to_pylist())
    # The second worker comes up later than the first: look at the time when both are at work.
    tail = finished[count // 4 :]
    return (len(tail) - 1) / (tail[-1] - tail[0]).total_seconds()


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=6000)
    asked = parser.parse_args()
    found = paired(
        asked.rounds,
        empty=lambda: empty_calls(asked.runs),
        memory=lambda: sweep(asked.runs, "--no-mlflow", folder=MEMORY),
        mlflow=lambda: sweep(asked.runs, folder=MEMORY),
        disk=lambda: sweep(asked.runs, "--no-mlflow"),
    )
    rows: list[Row] = [
        shown("empty calls, two actors", found["empty"], "calls/s"),
        shown("stub runs, manifest, output in memory", found["memory"], "runs/s"),
        at_least("the same over empty calls", found["memory"].over(found["empty"]), 0.5),
        shown("stub runs, manifest and MLflow, output in memory", found["mlflow"], "runs/s"),
        shown("the same over empty calls", found["mlflow"].over(found["empty"]), ""),
        shown("stub runs, manifest, output on this disk", found["disk"], "runs/s"),
        shown("the same over empty calls", found["disk"].over(found["empty"]), ""),
    ]
    publish("orchestration", "what do runs cost beside their steps?", rows)


if __name__ == "__main__":
    main()
