"""``python -m orchestrator``."""

from __future__ import annotations

import sys

from orchestrator.cli import app, with_default_command
from orchestrator.commands import program
from orchestrator.redaction import guarded, remember


def main() -> None:
    """Run the command line."""
    for argument in sys.argv:
        remember(argument)
    # Whoever writes there: a library's traceback, or the message on a word too many.
    sys.stdout, sys.stderr = guarded(sys.stdout), guarded(sys.stderr)
    app(with_default_command(sys.argv[1:]), prog_name=program())


if __name__ == "__main__":
    main()
