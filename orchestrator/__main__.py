"""``python -m orchestrator``."""

from __future__ import annotations

import sys

from orchestrator.cli.app import app
from orchestrator.cli.pasted import paste_problem
from orchestrator.common.commands import SCRIPT, program
from orchestrator.common.redaction import guarded, remember
from scene.errors import Problem


def main() -> None:
    """Run the command line."""
    for argument in sys.argv:
        remember(argument)
    # Whoever writes there: a library's traceback, or the message on a word too many.
    sys.stdout, sys.stderr = guarded(sys.stdout), guarded(sys.stderr)
    if problem := paste_problem(sys.argv[1:]):
        sys.exit(_refused(problem))
    # Shells complete the console script alone, however this was started.
    completion = any("-completion" in argument for argument in sys.argv[1:2])
    app(prog_name=SCRIPT if completion else program(), complete_var=f"_{SCRIPT.upper()}_COMPLETE")


def _refused(problem: Problem) -> int:
    print(f"error: {problem}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
