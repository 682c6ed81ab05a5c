"""A process that outlives its parent by a moment, to end what the parent can't end any more.

It runs as a script, so that it starts without loading the project: its standard input is a pipe
that closes with the parent, however the parent ends. Processes are recognized by a variable of
the environment that they inherit, so that one which starts meanwhile is found as well, and one
which reuses a process id is not. Ray's agents rename themselves, which wipes their environment; so
all are noted while Ray starts, until a line comes through the pipe.
"""

from __future__ import annotations

import select
import sys
import time
from contextlib import suppress

import psutil

MARK = "BLENDSWEEP_ENDS_WITH"

QUIET_SECONDS = 2.0
"""After this long without a process found, all have ended."""

MOST_SECONDS = 30.0

LOOK_SECONDS = 0.1
"""Time between two looks; a process of Ray's lives for longer before it renames itself."""


def marked(value: str) -> set[psutil.Process]:
    """Return the processes that show a mark."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == value:
                found.add(process)
    return found


def note(value: str) -> set[psutil.Process]:
    """Return the processes that show a mark between now and the first line of the input."""
    noted = marked(value)
    while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
        noted |= marked(value)
    sys.stdin.readline()
    return noted | marked(value)


def end(value: str, noted: set[psutil.Process]) -> None:
    """Kill the processes noted, those with a mark, and those that they start meanwhile."""
    begun = quiet_since = time.monotonic()
    left = noted
    while (now := time.monotonic()) - quiet_since < QUIET_SECONDS and now - begun < MOST_SECONDS:
        for process in left:
            quiet_since = now
            with suppress(psutil.Error):
                process.kill()  # unless its id has gone to another
        time.sleep(LOOK_SECONDS)
        left = {process for process in marked(value) if process.is_running()}


if __name__ == "__main__":
    noted = note(sys.argv[1])
    sys.stdin.read()
    end(sys.argv[1], noted)
