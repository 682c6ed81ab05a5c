"""What a person sees of a long export, on stderr; and where Ctrl-C stops it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, final

from orchestrator.common.interruption import Interruption

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


LINE_SECONDS = 10.0
"""Least time between two lines, where there is no terminal."""


@final
class RunCounter:
    """Counts runs: a bar on a terminal, a line every few seconds elsewhere.

    Ctrl-C and SIGTERM take effect between two runs, never inside an upload, which they would
    publish half done.

    Parameters
    ----------
    interruption
        Takes the signals.
    """

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption
        self._bar: Bar | None = None
        self._done = self._total = 0
        self._said_at = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[Self]:
        """Show the counts while the block lasts."""
        if not sys.stderr.isatty():
            yield self
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Bar(*columns, console=Console(stderr=True), transient=True) as self._bar:
            self._bar.add_task("runs", total=None)
            yield self

    def expect(self, runs: int) -> None:
        """Add to the number of runs that are to be exported."""
        self._total += runs
        self._show()

    def check(self) -> None:
        """Raise where an end was asked for.

        Raises
        ------
        KeyboardInterrupt
            If it was.
        """
        if self._interruption.requested:
            raise KeyboardInterrupt

    def advance(self) -> None:
        """Count one run; raise as `check` does."""
        self.check()
        self._done += 1
        self._show()

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done, total=self._total)
        elif time.monotonic() - self._said_at > LINE_SECONDS:
            self._said_at = time.monotonic()
            print(f"{self._done}/{self._total} runs exported", file=sys.stderr, flush=True)
