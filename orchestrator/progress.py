"""What a person sees while a sweep runs: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import os
import sys
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self, final

from orchestrator.scheduler import Counts

if TYPE_CHECKING:
    from rich.progress import TaskID

LINE_SECONDS = 10.0
"""Least time between two plain lines about the counts."""


class Progress(ABC):
    """Told by the driver what happens; shows it while its block runs."""

    def __init__(self) -> None:
        self._pace = Pace()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    @abstractmethod
    def update(self, counts: Counts, workers: int) -> None:
        """Show counts and the number of warm workers."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Show one line that stays."""


@final
class Pace:
    """How fast runs are settled, and how long the rest will take at that pace."""

    def __init__(self) -> None:
        self._first: float | None = None

    def text(self, counts: Counts) -> str:
        """Return rate and time left in words; empty as long as nothing is settled."""
        now = time.monotonic()
        settled = counts.done + counts.failed
        if self._first is None:
            if counts.in_flight == 0:
                return ""
            # Workers are warm and the first runs have just been handed out.
            self._first = now
        elapsed = now - self._first
        if settled == 0 or elapsed <= 0:
            return ""
        per_minute = 60 * settled / elapsed
        rate = f"{per_minute:.1f} runs/min" if per_minute < 600 else f"{per_minute / 60:.0f} runs/s"
        if counts.left == 0:
            return rate
        return f"{rate}, {duration(counts.left * elapsed / settled)} left"


@final
class PlainProgress(Progress):
    """One line about the counts every few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._stream = _own_stdout()
        self._shown: Counts | None = None
        self._shown_at = float("-inf")

    def update(self, counts: Counts, workers: int) -> None:
        """Print a line if the last is old enough and something has changed."""
        pace = self._pace.text(counts)
        now = time.monotonic()
        if counts == self._shown or (counts.left > 0 and now - self._shown_at < LINE_SECONDS):
            return
        self._shown, self._shown_at = counts, now
        parts = [f"{_settled(counts)}/{counts.total} runs done"]
        if counts.skipped:
            parts.append(f"{counts.skipped} of them before")
        parts += [f"{counts.failed + counts.failed_before} failed", f"{counts.in_flight} in flight"]
        if counts.left:
            parts.append(_workers(workers))
        self.note(", ".join([*parts, pace] if pace else parts))

    def note(self, text: str) -> None:
        """Print the line at once."""
        print(text, file=self._stream, flush=True)


@final
class TerminalProgress(Progress):
    """A bar with counts, rate and time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        super().__init__()
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("[red]{task.fields[failed]}[/]{task.fields[state]}"),
            console=Console(file=_own_stdout()),
            # Blender's messages in this process belong into its log, not above the bar.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def update(self, counts: Counts, workers: int) -> None:
        """Bring the bar up to the counts."""
        failed = counts.failed + counts.failed_before
        state = [f"{counts.in_flight} in flight"]
        if counts.left:
            state.append(_workers(workers))
        pace = self._pace.text(counts)
        if pace:
            state.append(pace)
        if self._task is None:
            self._task = self._bar.add_task("runs", total=counts.total, failed="", state="")
        self._bar.update(
            self._task,
            completed=_settled(counts),
            failed=f"{failed} failed, " if failed else "",
            state=", ".join(state),
        )

    def note(self, text: str) -> None:
        """Print the line above the bar."""
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)


def make_progress() -> Progress:
    """Return the progress that suits standard output."""
    return TerminalProgress() if sys.stdout.isatty() else PlainProgress()


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    >>> duration(42.4), duration(200), duration(7500)
    ('42 s', '3 min', '2 h 5 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _workers(count: int) -> str:
    if count == 0:
        return "starting workers"
    return f"{count} worker" if count == 1 else f"{count} workers"


def _settled(counts: Counts) -> int:
    return counts.total - counts.left


def _own_stdout() -> IO[str]:
    """Return a stream of its own on standard output.

    While Blender renders in this process, file descriptor 1 leads into its log.
    """
    sys.stdout.flush()
    return os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")
