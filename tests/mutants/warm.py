"""A process that has imported what all tests need, and forks for each call of pytest.

Reads lines from stdin, each a JSON list: a file for the output, seconds, pytest's arguments.
Answers each with a line: pytest's exit code, or ``null`` where it took longer.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time

# Nothing of the project itself, which is what mutations change, and nothing that starts a thread,
# which a fork would lose.
LIBRARIES = (
    "hydra.core.override_parser.overrides_parser", "hypothesis.extra.numpy", "hypothesis.stateful",
    "numpy", "omegaconf", "PIL.Image", "psutil", "pydantic", "pytest", "tifffile", "yaml",
)  # fmt: skip


def answer(output: str, seconds: float, arguments: list[str]) -> int | None:
    """Run pytest in a child, its whole process group ended where it takes longer."""
    child = os.fork()
    if child == 0:
        os.setsid()
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(descriptor, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        import pytest

        code = pytest.main(arguments)
        sys.stdout.flush()
        os._exit(int(code))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), flush=True)


main()
