"""What all commands of the command line share: arguments, errors as sentences, JSON.

Like `orchestrator.cli.app`, it loads next to nothing by itself.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

import typer

from orchestrator.common.redaction import guarded
from scene.errors import BlendsweepError, ConfigurationError, MissingLibraryError

Output = Annotated[str, typer.Argument(metavar="OUTPUT", help="Output of a sweep.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Last line on stdout: the result as one JSON object.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


class Result(Protocol):
    """What a command found or did."""

    def lines(self) -> Iterable[str]:
        """Return it as people read it."""

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""


def print_result(result: Result, *, as_json: bool) -> None:
    """Print a result, and once more for programs if that is asked for."""
    for line in result.lines():
        typer.echo(line)
    if as_json:
        print_json(result.as_json())


def print_json(content: dict[str, Any]) -> None:
    """Print the line that programs read."""
    typer.echo(json.dumps(content))


@contextmanager
def errors_as_sentences(*, debug: bool) -> Iterator[None]:
    """Turn errors into sentences on stderr and exit codes."""
    if not logging.getLogger().handlers:
        # While Blender renders in this process, descriptor 2 leads into its log.
        own_stderr = guarded(os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace"))
        logging.basicConfig(
            format="%(levelname)s: %(message)s", level=logging.WARNING, stream=own_stderr
        )
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command resumes", err=True)
        raise typer.Exit(130) from None
    except (typer.Exit, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 (a person at a terminal gets a sentence)
        if debug:
            traceback.print_exc()
        else:
            typer.echo(_sentence(error), err=True)
        raise typer.Exit(_exit_code(error)) from None


def _sentence(error: Exception) -> str:
    if isinstance(error, BlendsweepError):
        return "\n".join(f"error: {line}" for line in str(error).splitlines())
    if isinstance(error, OSError):
        return f"error: {error}"
    return f"internal error: {type(error).__name__}: {error}; --debug shows where"


def _exit_code(error: Exception) -> int:
    from orchestrator.common.interruption import INTERRUPTED
    from orchestrator.dataset.storage.locking import OutputLockedError
    from orchestrator.dataset.storage.storage import OutputError
    from orchestrator.execution.errors import WorkersLostError, WorkerStartError

    if isinstance(error, (OutputError, WorkersLostError)):
        return INTERRUPTED

    nothing_started = (
        ConfigurationError,
        MissingLibraryError,
        OutputLockedError,
        WorkerStartError,
    )
    return 2 if isinstance(error, nothing_started) else 1
