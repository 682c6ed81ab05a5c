"""Passing results on to something that may be slow or away, without ever waiting for it."""

from __future__ import annotations

import logging
import re
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from itertools import batched
from typing import Protocol, override

import numpy as np

from orchestrator.dataset.arrow import Row
from orchestrator.dataset.plan_table import Plan
from orchestrator.dataset.reader import Reader
from orchestrator.dataset.results import RunResult
from orchestrator.dataset.rows import Origin, manifest_row
from orchestrator.dataset.sink import Sink
from orchestrator.dataset.storage.storage import Storage

QUEUE_LENGTH = 2_000
"""Most results kept in memory; the others are read from the manifest later."""

CROWDED_QUEUE = 200
"""With this many results waiting, runs end faster than the target takes them."""

LAGGING_PAUSE = 9.0
"""A target that lags pauses this many times as long as it worked. It will be done after the sweep
anyway, and till then leaves it nine tenths of a processor core."""

LONGEST_PAUSE_S = 30.0
"""Longest time between two tries to reach a target that is away."""

LASTING_PAUSE_S = 300.0
"""Time between two tries where something has to be changed by hand first."""

SHOWN_REFUSALS = 3
"""Most refused runs that are named; the others are counted."""

_BATCH = 256
_APPENDIX = re.compile(r"\[SQL: |\(Background on this error|<!doctype|<html", re.IGNORECASE)
_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """The target will never take this row, however often it is tried."""


class LastingError(Exception):
    """Nothing can be logged until something is changed by hand; the message says what."""


class Target(Protocol):
    """Where rows are logged; other exceptions than those of this module count as being away."""

    def holds(self, run_id: str, finished_at: datetime) -> bool:
        """Return whether this very result of a run is logged, all of it."""

    def log(self, row: Row) -> None:
        """Log one run, new or again.

        Parameters
        ----------
        row
            The manifest's row, without nulls.
        """

    def finish(self, plan: Plan) -> None:
        """Sum up, once all that could be logged is.

        Parameters
        ----------
        plan
            Which runs were asked for.
        """


class Follower(Sink):
    """Logs results as they come, on a thread, and from the manifest what the target lacks.

    What it lacks are the runs of the sweep's plan that the manifest has and the target does not
    hold. They are looked for after every connection, and whenever results did not fit into the
    queue or the plan has changed, so that nothing has to be remembered about what was logged, not
    even from one start to the next.

    Parameters
    ----------
    name
        The target's name, for messages.
    storage
        The data set.
    origin
        Where the runs come from, for their rows.
    close_timeout_s
        How long `close` waits for what is not logged yet.
    """

    def __init__(
        self, name: str, storage: Storage, origin: Origin, close_timeout_s: float = 60.0
    ) -> None:
        self._name = name
        self._storage = storage
        self._origin = origin
        self._close_timeout_s = close_timeout_s
        self._queue: deque[RunResult] = deque()
        self._refused: set[str] = set()
        self._changed = threading.Condition()
        self._behind = False
        self._complete = False
        self._deadline: float | None = None
        self._failures = 0
        self._fault = ""
        self._target: Target | None = None
        self._plan: Plan | None = None
        self._thread: threading.Thread | None = None

    @abstractmethod
    def connect(self) -> Target:
        """Return the target; called on the thread, again after every failure of it."""

    @override
    def open(self) -> None:
        """Start the thread, which begins with what earlier starts left."""
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    @override
    def record(self, result: RunResult) -> None:
        """Queue one run's final result."""
        with self._changed:
            if len(self._queue) < QUEUE_LENGTH:
                self._queue.append(result)
            else:
                self._behind = True
            self._changed.notify_all()

    @override
    def flush(self) -> None:
        """Do nothing: what is queued is durable in the manifest already."""

    @override
    def close(self) -> None:
        """Wait a bounded time for what is left; the rest is for the next start."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._changed:
            self._deadline = time.monotonic() + self._close_timeout_s
            # What was not on disk at the last look is by now: the look may have found results of an
            # earlier start, and logged them over newer ones from the queue.
            self._behind = True
            self._changed.notify_all()
        thread.join(self._close_timeout_s + 1.0)
        if len(self._refused) > SHOWN_REFUSALS:
            _log.warning("%s refused %d runs in all", self._name, len(self._refused))
        if not self._complete:
            condition = f", once this is fixed: {self._fault}" if self._fault else ""
            _log.warning(
                "%s lacks some runs, which the manifest holds; the next start of this sweep adds "
                "them%s",
                *(self._name, condition),
            )

    def _work(self) -> None:
        while not (self._complete or self._overdue):
            try:
                self._turn()
                self._failures, self._fault = 0, ""
            except Exception as error:  # noqa: BLE001 (no fault of a target may reach the sweep)
                self._back_off(error)
        if self._target is not None and self._plan is not None:
            try:
                self._target.finish(self._plan)
            except Exception as error:  # noqa: BLE001
                _log.warning("%s: %s", self._name, sentence(error))

    def _turn(self) -> None:
        """Log a queued result, or else what was missed, or else note that nothing is left."""
        if self._target is None:
            self._target, self._behind = self.connect(), True
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._behind or self._closing)
        if self._queue:
            self._pass_on(self._target, manifest_row(self._queue[0], self._origin))
            self._queue.popleft()  # not before: what fails is tried again
        elif self._behind:
            self._behind = False
            self._catch_up(self._target)
        else:
            # A long plan may still have been being written at the last look.
            self._behind = not _same(self._plan, Reader(self._storage).plan)
            self._complete = not self._behind

    @property
    def _closing(self) -> bool:
        return self._deadline is not None

    @property
    def _overdue(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _catch_up(self, target: Target) -> None:
        data = Reader(self._storage)
        self._plan = data.plan
        for row in _missing(data, target):
            if self._overdue:
                return
            self._pass_on(target, row)

    def _pass_on(self, target: Target, row: Row) -> None:
        run_id = row["run_id"]
        if run_id in self._refused:
            return
        start = time.monotonic()
        try:
            target.log({name: value for name, value in row.items() if value is not None})
        except RefusedError as error:
            self._refused.add(run_id)
            if len(self._refused) <= SHOWN_REFUSALS:
                _log.warning("%s refuses run %s: %s", self._name, run_id, error)
            return
        pause = LAGGING_PAUSE * (time.monotonic() - start)
        with self._changed:
            if len(self._queue) >= CROWDED_QUEUE:
                self._changed.wait_for(lambda: self._closing, pause)

    def _back_off(self, error: Exception) -> None:
        self._target = None  # what it knew may be gone
        pause = min(LONGEST_PAUSE_S, 2.0**self._failures)
        self._failures += 1
        if isinstance(error, LastingError):
            pause = LASTING_PAUSE_S
            if str(error) != self._fault:
                self._fault = str(error)
                _log.warning("%s can't record: %s", self._name, self._fault)
        elif self._failures == 1 or self._fault:
            self._fault = ""
            _log.warning(
                "%s can't be reached; it catches up later: %s", self._name, sentence(error)
            )
        with self._changed:
            if self._closing:
                self._deadline = 0.0
            else:
                self._changed.wait_for(lambda: self._closing, pause)


def _same(one: Plan | None, other: Plan) -> bool:
    return one is not None and np.array_equal(one.ids, other.ids)  # type: ignore[arg-type]


def _missing(data: Reader, target: Target) -> Iterator[Row]:
    """Yield the manifest's rows of the runs that were asked for and that the target lacks."""
    columns = ("run_id", "recipe_hash", "finished_at")
    missing: list[str] = []
    for part, asked_for in data.recorded(columns, damaged=[]):
        rows = part.filter(asked_for)
        ends = zip(rows["run_id"].to_pylist(), rows["finished_at"].to_pylist(), strict=True)
        missing += [run_id for run_id, end in ends if not target.holds(run_id, end)]
    for batch in batched(missing, _BATCH, strict=False):
        for found in data.rows(batch).values():
            yield from found.to_pylist()


def sentence(error: BaseException) -> str:
    """Return an error in one line, whole, without the SQL or HTML that may be in it."""
    text = str(getattr(error, "orig", None) or error)
    text = " ".join(_APPENDIX.split(text)[0].split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
