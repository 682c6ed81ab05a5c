"""Resident memory of one worker over many runs."""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
from pathlib import Path

from bench.measure import Row, progress, publish
from bench.scenes import RESOURCES, registry, resolved
from bench.warm import SMALL

EARLY = 20
BOUND = 0.05


def peak_mb() -> float:
    """Return the largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, and print the table."""
    from orchestrator.dataset.results import Attempt
    from orchestrator.execution.worker import Worker, WorkerSettings
    from orchestrator.plan.run import Run

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    asked = parser.parse_args()
    registry()
    sizes: list[float] = []
    with tempfile.TemporaryDirectory(prefix="blendsweep-bench-") as name:
        worker = Worker(WorkerSettings(name), RESOURCES, "bench")

        def execute(index: int, *overrides: str) -> None:
            run = Run(index, f"{index:016d}", resolved(*overrides), (), {})
            outcome = worker.execute(Attempt(run, 1))
            if outcome.record is None:
                raise RuntimeError(outcome.failure)
            shutil.rmtree(Path(name) / "runs" / run.run_id)

        with progress(f"{asked.runs} runs"):
            for index in range(asked.runs):
                execute(index, *SMALL, f"initial_runtime_state.seed={index}")
                sizes.append(worker.resident_mb())
        small_peak = peak_mb()
        with progress("one run of full size"):
            execute(asked.runs, "render.max_samples=16")
    early, late = sizes[EARLY - 1], sizes[-1]
    rows = [
        Row(f"resident after {EARLY} runs", f"{early:.0f} MiB"),
        Row(
            f"resident after {asked.runs} runs",
            f"{late:.0f} MiB, {late / early - 1:+.1%}",
            f"within {BOUND:.0%}",
            abs(late / early - 1) <= BOUND,
        ),
        Row("peak, 100 beads at 10 %", f"{small_peak:.0f} MiB"),
        Row("peak, 600 beads at 960 x 960", f"{peak_mb():.0f} MiB"),
    ]
    publish("memory", "memory of a worker", rows)


if __name__ == "__main__":
    main()
