"""``python -m orchestrator``."""

from __future__ import annotations

import sys

from orchestrator.cli import app, with_default_command
from orchestrator.commands import program
from orchestrator.pasted import paste_problem
from orchestrator.redaction import guarded, remember
from scene.errors import Problem


def main() -> None:
    """Run the command line."""
    for argument in sys.argv:
        remember(argument)
    # Whoever writes there: a library's traceback, or the message on a word too many.
    sys.stdout, sys.stderr = guarded(sys.stdout), guarded(sys.stderr)
    if problem := paste_problem(sys.argv[1:]):
        sys.exit(_refused(problem))
    app(with_default_command(sys.argv[1:]), prog_name=program())


def _refused(problem: Problem) -> int:
    print(f"error: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
