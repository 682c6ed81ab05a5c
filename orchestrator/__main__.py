"""``python -m orchestrator``."""

from __future__ import annotations

import sys

from orchestrator.cli import app, with_default_command


def main() -> None:
    """Run the command line."""
    app(with_default_command(sys.argv[1:]), prog_name="python -m orchestrator")


if __name__ == "__main__":
    main()
