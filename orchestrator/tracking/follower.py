"""Passing results to a place that may be slow or away, without ever waiting for it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, final

from orchestrator.dataset.arrow import Row
from orchestrator.dataset.results import RunResult
from orchestrator.tracking.mlflow_errors import sentence

QUEUE_LENGTH = 2_000
"""Most results kept in memory; others are fetched from the manifest later."""

CROWDED_QUEUE = 200
"""With so many results waiting, runs end faster than the target takes them."""

LAGGING_PAUSE = 9.0
"""A target that lags pauses so many times as long as it worked. It will be done after the sweep
anyway, and till then leaves it nine tenths of a processor core."""

LONGEST_PAUSE_S = 30.0
"""Longest time between two tries to reach a target that is away."""

LASTING_PAUSE_S = 300.0
"""Time between two tries where something has to be changed by hand first."""

SHOWN_REFUSALS = 3
"""So many refused rows are named; the rest is counted."""

_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """The target will never take this row, however often it is tried."""


class LastingError(Exception):
    """Nothing can be logged until something is changed by hand; the message says what."""


class Target(Protocol):
    """Where rows are logged; other exceptions than those of this module count as being away."""

    def log(self, row: Row) -> str:
        """Log one run, new or again, and return the target's own name for it."""

    def finish(self) -> None:
        """Sum up: all that could be logged is."""


@final
@dataclass(frozen=True, slots=True)
class Backlog:
    """What connects the target with the manifest.

    Parameters
    ----------
    row
        Gives a result as the manifest's row, without nulls.
    unlogged
        Yields the rows on disk that were not logged yet.
    logged
        Called with the run id and the target's name for it once a run is logged.
    """

    row: Callable[[RunResult], Row]
    unlogged: Callable[[], Iterator[Row]]
    logged: Callable[[str, str], None]


@final
class CatchUp:
    """A thread that logs results as they come, and from the manifest what was missed.

    Parameters
    ----------
    name
        The target's name, for messages.
    connect
        Makes the target; called on the thread, again after every failure of it.
    backlog
        The manifest's side.
    close_timeout_s
        How long `close` waits for what is not logged yet.
    """

    def __init__(
        self, name: str, connect: Callable[[], Target], backlog: Backlog, close_timeout_s: float
    ) -> None:
        self._name = name
        self._connect = connect
        self._backlog = backlog
        self._close_timeout_s = close_timeout_s
        self._queue: deque[RunResult] = deque()
        self._logged: set[str] = set()
        self._changed = threading.Condition()
        self._behind = True
        self._busy = False
        self._deadline: float | None = None
        self._failures = 0
        self._fault = ""
        self._refused = 0
        self._target: Target | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with what earlier starts left."""
        self._thread.start()

    def add(self, result: RunResult) -> None:
        """Queue one result."""
        with self._changed:
            if len(self._queue) < QUEUE_LENGTH:
                self._queue.append(result)
            else:
                self._behind = True
            self._changed.notify_all()

    def close(self) -> None:
        """Wait a bounded time for what is left, then end."""
        with self._changed:
            self._deadline = time.monotonic() + self._close_timeout_s
            self._changed.notify_all()
        self._thread.join(self._close_timeout_s + 1.0)
        with self._changed:
            left = bool(self._queue or self._behind or self._busy)
        if self._refused > SHOWN_REFUSALS:
            _log.warning("%s refused %d runs in all", self._name, self._refused)
        if left and self._fault:
            _log.warning(
                "%s lacks some runs, which the manifest holds; once it is mended that %s, the next "
                "start of this sweep adds them",
                *(self._name, self._fault),
            )
        elif left:
            _log.warning("%s lacks some runs; the next start of this sweep adds them", self._name)

    def _work(self) -> None:
        while (source := self._next()) is not None:
            try:
                if self._target is None:
                    self._target = self._connect()
                if isinstance(source, RunResult):
                    self._pass_on(self._target, self._backlog.row(source))
                else:
                    self._catch_up(self._target)
                self._failures, self._fault = 0, ""
            except Exception as error:  # noqa: BLE001 (no fault of a target may reach the sweep)
                self._back_off(source, error)
        if self._target is not None and self._failures == 0:
            try:
                self._target.finish()
            except Exception as error:  # noqa: BLE001
                _log.warning("%s: %s", self._name, sentence(error))

    def _next(self) -> RunResult | bool | None:
        """Return what to log next: a result, True for what the manifest lists, None to end."""
        with self._changed:
            self._busy = False
            while True:
                if self._overdue:
                    return None
                if self._queue:
                    self._busy = True
                    return self._queue.popleft()
                if self._behind:
                    self._behind, self._busy = False, True
                    return True
                if self._deadline is not None:
                    return None
                self._changed.wait()

    @property
    def _overdue(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _catch_up(self, target: Target) -> None:
        for row in self._backlog.unlogged():
            if self._overdue:
                self._behind = True
                return
            if row["run_id"] not in self._logged:
                self._pass_on(target, row)

    def _pass_on(self, target: Target, row: Row) -> None:
        run_id = row["run_id"]
        start = time.monotonic()
        try:
            name = target.log(row)
        except RefusedError as error:
            self._refused += 1
            if self._refused <= SHOWN_REFUSALS:
                _log.warning("%s refuses run %s: %s", self._name, run_id, error)
            return
        self._logged.add(run_id)
        self._backlog.logged(run_id, name)
        pause = LAGGING_PAUSE * (time.monotonic() - start)
        with self._changed:
            if len(self._queue) >= CROWDED_QUEUE:
                self._changed.wait_for(lambda: self._deadline is not None, pause)

    def _back_off(self, source: RunResult | bool, error: Exception) -> None:
        self._target = None  # what it knew may be gone
        pause = min(LONGEST_PAUSE_S, 2.0**self._failures)
        with self._changed:
            if isinstance(source, RunResult):
                self._queue.appendleft(source)
            else:
                self._behind = True
            self._failures += 1
            if isinstance(error, LastingError):
                pause = LASTING_PAUSE_S
                if str(error) != self._fault:
                    self._fault = str(error)
                    _log.warning("%s can't record: %s", self._name, self._fault)
            elif self._failures == 1 or self._fault:
                self._fault = ""
                _log.warning(
                    "%s can't be reached, it catches up later: %s", self._name, sentence(error)
                )
            if self._deadline is not None:
                self._deadline = 0.0
            else:
                self._changed.wait_for(lambda: self._deadline is not None, pause)
