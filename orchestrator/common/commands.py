"""Commands for a person to paste: quoted for a shell, begun the way this program was begun."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from orchestrator.common.redaction import masked

SCRIPT = "blendsweep"
"""The console script of this program."""

MODULE = "orchestrator"


class _Start(NamedTuple):
    """How this process was started: ``uv run`` or nothing, then Python, or the console script."""

    runner: tuple[str, ...]
    python: str
    script: str | None


def program(*arguments: str) -> str:
    """Return the command that runs this program with `arguments`.

    What is secret in them is masked.
    """
    start = _start()
    own = [start.script] if start.script else [start.python, "-m", MODULE]
    return _joined([*start.runner, *own, *arguments])


def module(name: str, *arguments: str) -> str:
    """Return the command that runs another module of this environment, ``python -m NAME ...``."""
    start = _start()
    if _is_tool(start.runner):  # which would look for Python in another environment
        return _joined([sys.executable, "-m", name, *arguments])
    return _joined([*start.runner, start.python, "-m", name, *arguments])


def tool(name: str, *arguments: str) -> str:
    """Return the command that runs a console script of this environment which is a module, too."""
    start = _start()
    if _is_tool(start.runner):  # whose scripts are on this process's path alone
        return module(name, *arguments)
    if start.runner:
        return _joined([*start.runner, name, *arguments])
    if _short_name(str(Path(sys.executable).with_name(name))) == name:
        return _joined([name, *arguments])
    return module(name, *arguments)


def this_command(*options: str) -> str:
    """Return the command that was given, with further options that it lacks."""
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    more = [option for option in options if option not in given[:end]]
    return program(*given[:end], *more, *given[end:])


def _joined(words: Sequence[str]) -> str:
    return shlex.join(masked(word) for word in words)


@cache
def _start() -> _Start:
    given = sys.orig_argv
    script = Path(sys.argv[0]).name == SCRIPT
    runner = _uv(given, script=script)
    if runner:
        return _Start(runner, "python", SCRIPT if script else None)
    if script:
        return _Start((), _short_name(sys.executable), _short_name(sys.argv[0]))
    return _Start((), _short_name(sys.executable), None)


def _short_name(path: str) -> str:
    """Return a program's bare name, if that is how a shell finds it; else its path."""
    name = Path(path).name
    found = shutil.which(name)
    return name if found and os.path.abspath(found) == os.path.abspath(path) else path  # noqa: PTH100 - links must stay


def _is_tool(runner: Sequence[str]) -> bool:
    """Whether uv runs a tool in an environment of its own, and not in a project's."""
    return bool(runner) and (Path(runner[0]).name == "uvx" or "tool" in runner)


def _uv(given: Sequence[str], *, script: bool) -> tuple[str, ...]:
    """Return the words of ``uv run`` and its options, if that is this process's parent."""
    if not {"UV", "UV_RUN_RECURSION_DEPTH"} & os.environ.keys():
        return ()
    try:
        line = Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
    except OSError:  # not Linux
        return ("uv", "run")
    words = [os.fsdecode(word) for word in line.split(b"\0")[:-1]]
    if not words or Path(words[0]).name not in ("uv", "uvx"):
        return ()  # a shell that uv started, where Python is found without it
    tail = list(given[2 if script else 1 :])
    if tail:
        if words[-len(tail) :] != tail:
            return ("uv", "run")
        words = words[: -len(tail)]
    last = Path(words[-1]).name
    if last == SCRIPT or last.startswith("python"):
        words.pop()
    return _as_typed(words)


def _as_typed(words: Sequence[str]) -> tuple[str, ...]:
    """Return uv's words by the name that a shell finds; ``uvx`` becomes ``uv tool uvx``."""
    if words[1:3] == ["tool", "uvx"] and shutil.which("uvx"):
        return ("uvx", *words[3:])
    name = Path(words[0]).name
    return (name if shutil.which(name) else words[0], *words[1:])
