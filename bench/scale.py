"""A sweep of 100,000 runs: memory, throughput and resuming as the manifest grows."""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from bench.measure import Row, Stats, at_least, publish, shown
from bench.orchestration import MEMORY, empty_calls, stub_sweep


class Sweep:
    """One output for a sweep of `count` stub runs, below `folder`."""

    def __init__(self, count: int, folder: Path) -> None:
        self.count = count
        self.output = folder / "out"
        self._path = stub_sweep(count, folder)

    def run(self, *options: str) -> tuple[float, float, int]:
        """Start or resume it; return seconds, the driver's peak in MiB, and runs executed."""
        command = [sys.executable, "-m", "orchestrator", self._path, "--output", self.output]
        start = time.perf_counter()
        with subprocess.Popen(
            [*command, *(options or ["--no-mlflow"]), "--json"], stdout=subprocess.PIPE, text=True
        ) as process:
            peak = Peak(process.pid)
            peak.start()
            out, _ = process.communicate()
            peak.join()
        summary = json.loads(out.splitlines()[-1])
        if summary["succeeded"] != self.count:
            raise RuntimeError(out)
        return time.perf_counter() - start, peak.megabytes, summary["executed"]

    def throughput(self) -> tuple[float, float]:
        """Return runs a second in the second and in the last tenth of the sweep."""
        finished = self._finished()
        tenth = len(finished) // 10
        early, late = finished[tenth : 2 * tenth], finished[-tenth:]
        return tuple(  # type: ignore[return-value]
            (len(part) - 1) / (part[-1] - part[0]).total_seconds() for part in (early, late)
        )

    def rate(self) -> float:
        """Return runs a second, from the first that ended to the last."""
        finished = self._finished()
        return (len(finished) - 1) / (finished[-1] - finished[0]).total_seconds()

    def logged(self) -> int:
        """Return how many runs MLflow has."""
        with closing(sqlite3.connect(self.output / "mlflow.db")) as database:
            ((runs,),) = database.execute("SELECT count(*) FROM runs").fetchall()
        return int(runs) - 1  # without the parent

    def after(self) -> float:
        """Return the seconds since the last run ended."""
        return (datetime.now(UTC) - self._finished()[-1]).total_seconds()

    def _finished(self) -> list[datetime]:
        table = pq.read_table(self.output / "manifest", columns=["finished_at"])
        return sorted(table["finished_at"].to_pylist())

    def parts(self) -> int:
        """Return how many files the manifest consists of."""
        return len(list((self.output / "manifest").glob("part-*.parquet")))


class Peak(threading.Thread):
    """Watches the resident memory of one process until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process(pid)
        self.megabytes = 0.0

    def run(self) -> None:
        """Look ten times a second."""
        try:
            while self._process.status() != psutil.STATUS_ZOMBIE:
                resident = self._process.memory_info().rss / 2**20
                self.megabytes = max(self.megabytes, resident)
                time.sleep(0.1)
        except psutil.NoSuchProcess:
            return


def with_mlflow(count: int) -> list[Row]:
    """Measure sweeps of `count` runs without MLflow and with it, one after the other."""
    rates, rows = [], []
    for options in (("--no-mlflow",), ("--experiment", "scale")):
        with tempfile.TemporaryDirectory(prefix="blendsweep-bench-", dir=MEMORY) as name:
            sweep = Sweep(count, Path(name))
            _, _, executed = sweep.run(*options)
            after = sweep.after()
            rates.append(Stats((sweep.rate(),)))
            if len(rates) == 2:
                rows.append(shown(f"{executed} runs with MLflow", rates[1], "runs/s"))
                rows.append(Row("of them in MLflow at the command's end", str(sweep.logged())))
                rows.append(shown("the command's end after the last run's", Stats((after,))))
    rows.append(at_least("with MLflow over without", rates[1].over(rates[0]), 0.8, ""))
    return rows


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--logged", type=int, default=10_000, help="runs with MLflow")
    asked = parser.parse_args()
    empty = Stats((empty_calls(6000),))
    rows: list[Row] = [shown("empty calls, two actors", empty, "calls/s")]
    peaks = []
    for count in (asked.few, asked.many):
        with tempfile.TemporaryDirectory(prefix="blendsweep-bench-", dir=MEMORY) as name:
            sweep = Sweep(count, Path(name))
            seconds, peak, _ = sweep.run()
            peaks.append(Stats((peak,)))
            rows.append(shown(f"{count} runs: all of it", Stats((seconds,))))
            rows.append(shown(f"{count} runs: peak of the driver", peaks[-1], "MiB"))
            if count == asked.many:
                early, late = (Stats((rate,)) for rate in sweep.throughput())
                rows += [
                    shown(f"{count} runs: second tenth", early, "runs/s"),
                    shown(f"{count} runs: last tenth", late, "runs/s"),
                    at_least("last tenth over second", late.over(early), 0.9, ""),
                    at_least("last tenth over empty calls", late.over(empty), 0.5, ""),
                    Row(f"{count} runs: files of the manifest", str(sweep.parts())),
                ]
                again, peak, executed = sweep.run()
                rows.append(shown(f"resuming {count} finished runs, {executed} executed",
                                  Stats((again,))))  # fmt: skip
    rows += with_mlflow(asked.logged)
    rows.append(shown("the driver's peak, many over few", peaks[1].over(peaks[0]), ""))
    publish("scale", "does a sweep of many runs cost more a run than one of few?", rows)


if __name__ == "__main__":
    main()
