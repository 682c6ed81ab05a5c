"""Ctrl-C and SIGTERM as requests that the driver's loop looks at, never as exceptions."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, Self, final

TERMINATION_GRACE_S = 20.0
"""Seconds that runs in flight may take to finish after a SIGTERM."""

TERMINATION_LIMIT_S = 28.0
"""Seconds after a SIGTERM at which the process ends, whatever it waits for; shorter than the 30 s
after which stopped containers are usually killed."""

INTERRUPTED = 130
"""Exit code of what was interrupted and can be resumed."""


@final
class TerminationLimit:
    """Ends the process some time after a SIGTERM, unless this block has ended by then.

    The block holds all that may wait: workers that end, and a tracking server that does not answer.
    """

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def begin(self) -> None:
        """Start the clock."""
        if self._timer is None:
            self._timer = threading.Timer(TERMINATION_LIMIT_S, _end_process)
            self._timer.daemon = True
            self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # Whoever called for the sweep lives on, and must not be ended for its sake.
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@final
class Interruption:
    """A request to stop, made by an event or, while its block runs, by this process's signals.

    The first Ctrl-C asks to drain: let runs in flight finish and start no more. The second asks
    to drop them. A third ends the process at once. SIGTERM drains, drops after
    `TERMINATION_GRACE_S`, and ends the process after `TERMINATION_LIMIT_S`, even if it is in
    native code by then or waits for a server.

    Parameters
    ----------
    limit
        Of the process's time after a SIGTERM, held by a block around this one.
    event
        Asks to drain, too, once it is set.
    signals
        Whether to handle signals, which reach the main thread alone.

    Attributes
    ----------
    handles_signals
        Whether this handles signals: not on any other thread.
    """

    def __init__(
        self,
        limit: TerminationLimit,
        *,
        event: threading.Event | None = None,
        signals: bool = True,
    ) -> None:
        self._limit = limit
        self._event = event or threading.Event()
        self.handles_signals = signals and threading.current_thread() is threading.main_thread()
        self._previous: dict[signal.Signals, Any] = {}
        self._drop_at: float | None = None
        self._signalled = False

    @property
    def requested(self) -> bool:
        """Whether a stop has been asked for."""
        return self._signalled or self._event.is_set()

    @property
    def drop(self) -> bool:
        """Whether runs in flight are to be dropped now."""
        return self._drop_at is not None and time.monotonic() >= self._drop_at

    def __enter__(self) -> Self:
        if self.handles_signals:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._previous.items():
            # None stands for one that was not set by Python, and can't be by it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        again = self._signalled
        self._signalled = True
        if number == signal.SIGTERM:
            if self._drop_at is None:
                self._drop_at = time.monotonic() + TERMINATION_GRACE_S
                self._limit.begin()
        elif again:
            self._drop_at = time.monotonic()
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _end_process() -> None:
    # What is recorded is durable, and what is not is rendered again: nothing to tidy up.
    sys.stderr.write("terminated before everything was closed; the same command resumes\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)
