from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., list[str]]:
    """Run Python code in a process of its own, which has to end in order and silently.

    Blender gets a thread of its own there; here, other tests use it on the main thread.
    """

    def run(code: str, *arguments: object) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
            cwd=tmp_path,
            env=dict(os.environ),  # not what native code has set in this process
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout.splitlines()

    return run
