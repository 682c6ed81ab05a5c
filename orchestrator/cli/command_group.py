"""Whether an argument is a sweep or a command, and what to say about one that is neither."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path
from typing import Any, override

from typer.core import TyperGroup

from orchestrator.common.commands import program
from orchestrator.dataset.layout import SWEEP
from scene.errors import COMMAND_LINE, ConfigurationError, Problem
from scene.language.paths import is_file, is_there

DEFAULT_COMMAND = "run"


class SweepOrCommand(TyperGroup):
    """The program's commands, of which ``run`` need not be named.

    What begins with neither a command nor an option of the program itself is a sweep to run.
    """

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command in front of arguments that name none."""
        return super().parse_args(ctx, with_default_command(args, self.commands, self._own(ctx)))

    def _own(self, ctx: Any) -> set[str]:
        return {spelling for parameter in self.get_params(ctx) for spelling in parameter.opts}


def with_default_command(
    arguments: list[str], commands: Collection[str], options: Collection[str]
) -> list[str]:
    """Return the arguments with the command ``run`` in front if they begin with none.

    >>> with_default_command(["sweeps/sem.yaml", "--dry-run"], ["run", "status"], ["--help"])
    ['run', 'sweeps/sem.yaml', '--dry-run']
    >>> with_default_command(["--help"], ["run", "status"], ["--help"])
    ['--help']
    """
    if not arguments or arguments[0] in commands or arguments[0].partition("=")[0] in options:
        return arguments
    return [DEFAULT_COMMAND, *arguments]


def check_meant_as_sweep(sweep: str, commands: Collection[str]) -> None:
    """Reject a misspelt command, and a data set where a sweep is expected.

    Raises
    ------
    ConfigurationError
        With the command that was meant.
    """
    path = Path(sweep)
    if is_file(path / SWEEP):
        meant = program("status", sweep)
        _refuse(f"{sweep} is the output of a sweep, not a sweep file; did you mean: {meant}")
    if is_there(path) or not sweep.isalpha():
        return
    for command in difflib.get_close_matches(sweep.lower(), commands, n=1, cutoff=0.7):
        _refuse(f"unknown command {sweep!r}; did you mean {command!r}?")


def _refuse(message: str) -> None:
    raise ConfigurationError([Problem(COMMAND_LINE, "", message)])
