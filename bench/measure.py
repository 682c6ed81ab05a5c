"""What all benchmarks share: paired rounds, medians, the machine, and tables in Markdown."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RESULTS = Path("outputs/bench")
"""Where each benchmark leaves its table, as ``<name>.md`` and ``<name>.json``."""


@dataclass(frozen=True, slots=True)
class Stats:
    """Measured values of one quantity, one a round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    def over(self, other: Stats) -> Stats:
        """Return the ratios round by round: the machine's speed drifts, its ratios do not."""
        return Stats(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))

    def plus(self, other: Stats) -> Stats:
        """Return the sums round by round."""
        return Stats(tuple(a + b for a, b in zip(self.values, other.values, strict=True)))

    def text(self, unit: str = "s") -> str:
        """Return the median and, of several rounds, the range."""
        middle = f"{_short(self.median)} {unit}".rstrip()
        if len(self.values) == 1:
            return middle
        return f"{middle} ({_short(min(self.values))} to {_short(max(self.values))})"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: what was asked, the target where there is one, and what was found."""

    what: str
    found: str
    target: str = ""
    met: bool | None = None


def at_most(what: str, stats: Stats, bound: float, unit: str = "s") -> Row:
    """Return a row whose target is an upper bound on the median."""
    target = f"at most {bound:g} {unit}".rstrip()
    return Row(what, stats.text(unit), target, stats.median <= bound)


def at_least(what: str, stats: Stats, bound: float, unit: str = "") -> Row:
    """Return a row whose target is a lower bound on the median."""
    target = f"at least {bound:g} {unit}".rstrip()
    return Row(what, stats.text(unit), target, stats.median >= bound)


def shown(what: str, stats: Stats, unit: str = "s") -> Row:
    """Return a row without a target."""
    return Row(what, stats.text(unit))


def seconds(function: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def cpu_seconds(function: Callable[[], object]) -> float:
    """Return the processor time of one call, all threads of this process together."""
    start = time.process_time()
    function()
    return time.process_time() - start


def paired(rounds: int, **functions: Callable[[], float]) -> dict[str, Stats]:
    """Ask each function for a figure in turn, A B A B ..., after one round that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            figure = function()
            if number:
                found[name].append(figure)
    return {name: Stats(tuple(values)) for name, values in found.items()}


def publish(name: str, question: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print a benchmark's table and keep it below `RESULTS`."""
    lines = [f"### {name}: {question}", "", machine(), ""]
    lines += ["| what | measured | target | |", "| --- | --- | --- | --- |"]
    for row in rows:
        verdict = "" if row.met is None else "met" if row.met else "**missed**"
        lines.append(f"| {row.what} | {row.found} | {row.target} | {verdict} |")
    lines += ["", *notes] if notes else []
    text = "\n".join(lines) + "\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    plain = [[row.what, row.found, row.target, row.met] for row in rows]
    (RESULTS / f"{name}.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")
    print(text)


def machine() -> str:
    """Return one line: date, processor, cores, versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("bpy", "ray", "mlflow", "pyarrow"))
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    return (
        f"{now}, {_processor()}, {os.process_cpu_count()} cores, "
        f"Python {platform.python_version()}, {packages}"
    )


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say on the terminal what is at work and how long it took."""
    print(f"... {what}", flush=True)
    start = time.perf_counter()
    yield
    print(f"    {time.perf_counter() - start:.1f} s", flush=True)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
