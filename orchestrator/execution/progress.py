"""What a person sees while a sweep runs: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import logging
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Literal, Self, final

from orchestrator.common.redaction import guarded
from orchestrator.dataset.results import AttemptOutcome
from orchestrator.execution.pace import Pace
from orchestrator.execution.scheduler import Counts
from scene.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from rich.progress import TaskID

    from orchestrator.execution.time_left import TimeLeft

LINE_SECONDS = 10.0
"""Least time between two plain lines about the counts."""

BAR_SECONDS = 0.5
"""Least time between two looks at the pace for the bar."""

LINE_COLUMNS = 119
"""No plain line is longer."""

_log = logging.getLogger(__name__)


class Progress(ABC):
    """Shows what happens in a sweep, as the driver reports it, while its block runs.

    Parameters
    ----------
    time_left
        Estimates how long the rest takes; None for no estimate.
    """

    def __init__(self, time_left: TimeLeft | None = None) -> None:
        self._pace = Pace(time_left)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def outcome(self, outcome: AttemptOutcome) -> None:
        """Learn from how long an attempt took."""
        self._pace.add(outcome)

    def _state(self, now: float, counts: Counts, workers: int) -> list[str]:
        parts = [f"{counts.in_flight} in flight"]
        if counts.left:
            number = f"{workers} worker{'' if workers == 1 else 's'}"
            parts.append(number if workers else "starting workers")
        pace = self._pace.text(now, counts, workers)
        return [*parts, pace] if pace else parts

    @abstractmethod
    def update(self, counts: Counts, workers: int) -> None:
        """Show counts and the number of warm workers."""

    @abstractmethod
    def note(self, text: str) -> None:
        """Show one line that stays."""


@final
class PlainProgress(Progress):
    """One line about the counts every few seconds."""

    def __init__(self, time_left: TimeLeft | None = None) -> None:
        super().__init__(time_left)
        self._stream = _own_stdout()
        self._shown: Counts | None = None
        self._shown_at = float("-inf")

    def update(self, counts: Counts, workers: int) -> None:
        """Print a line if the last is old enough and something has changed."""
        now = time.monotonic()
        self._pace.see(now, counts, workers)
        if counts == self._shown or (counts.left > 0 and now - self._shown_at < LINE_SECONDS):
            return
        self._shown, self._shown_at = counts, now
        parts = [f"{counts.total - counts.left}/{counts.total} runs done"]
        if counts.skipped:
            parts.append(f"{counts.skipped} of them before")
        parts.append(f"{counts.failed + counts.failed_before} failed")
        line = ", ".join([*parts, *self._state(now, counts, workers)])
        times = self._pace.steps(LINE_COLUMNS - len(line) - len("; "))
        self.note(f"{line}; {times}" if times else line)

    def note(self, text: str) -> None:
        """Print the line at once."""
        print(text, file=self._stream, flush=True)


@final
class TerminalProgress(Progress):
    """A bar with counts, rate and time left, and a line on where the time goes."""

    def __init__(self, time_left: TimeLeft | None = None) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar
        from rich.text import Text

        super().__init__(time_left)
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("[red]{task.fields[failed]}[/]{task.fields[state]}"),
        )
        self._below = Text(style="dim", no_wrap=True, overflow="ellipsis")
        self._live = Live(
            Group(self._bar, self._below),
            console=Console(file=_own_stdout()),
            # Blender's messages in this process belong into its log, not above the bar.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: TaskID | None = None
        self._beside = ""
        self._looked_at = float("-inf")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def update(self, counts: Counts, workers: int) -> None:
        """Bring the bar up to the counts."""
        now = time.monotonic()
        self._pace.see(now, counts, workers)
        if now - self._looked_at >= BAR_SECONDS or counts.left == 0:
            self._looked_at = now
            self._beside = ", ".join(self._state(now, counts, workers))
            times = self._pace.steps(LINE_COLUMNS)
            self._below.plain = f"time: {times}" if times else ""
        failed = counts.failed + counts.failed_before
        if self._task is None:
            self._task = self._bar.add_task("runs", total=counts.total, failed="", state="")
        self._bar.update(
            self._task,
            completed=counts.total - counts.left,
            failed=f"{failed} failed, " if failed else "",
            state=self._beside,
        )

    def note(self, text: str) -> None:
        """Print the line above the bar."""
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)


@final
class Called(Progress):
    """Passes the counts to a function, each time they have changed.

    Parameters
    ----------
    function
        Called on the thread that the sweep runs on, once for each run that starts or ends.
    """

    def __init__(self, function: Callable[[Counts], object]) -> None:
        super().__init__()
        self._function = function
        self._shown: Counts | None = None

    def update(self, counts: Counts, workers: int) -> None:  # noqa: ARG002
        """Call the function if something has changed."""
        if counts != self._shown:
            self._shown = counts
            self._function(counts)

    def note(self, text: str) -> None:
        """Log the line, for whoever looks at the log."""
        _log.info(text)


type Shown = Progress | Callable[[Counts], object] | Literal["auto"] | None
"""How to show progress, by an object, a function of the counts, ``auto`` for what standard output
allows, or None for nothing."""


def make_progress(shown: Shown, time_left: TimeLeft | None = None) -> Progress:
    """Return what shows a sweep's progress.

    Raises
    ------
    ConfigurationError
        If that is not a way to show it.
    """
    if isinstance(shown, Progress):
        return shown
    if shown is None:
        return Called(lambda _: None)
    if callable(shown):
        return Called(shown)
    if shown != "auto":
        message = f"expected 'auto', a function of the counts, or None, got {shown!r}"
        raise ConfigurationError([Problem("arguments", "progress", message)])
    return TerminalProgress(time_left) if sys.stdout.isatty() else PlainProgress(time_left)


def _own_stdout() -> IO[str]:
    """Return a stream of its own on standard output, where that is a file of the system.

    While Blender renders in this process, file descriptor 1 leads into its log.
    """
    sys.stdout.flush()
    try:
        sys.stdout.fileno()
    except OSError:  # a notebook's
        return guarded(sys.stdout)
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")
    return guarded(own)
