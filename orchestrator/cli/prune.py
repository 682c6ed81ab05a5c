"""The command ``prune``: show what the plan does not ask for, ask, remove."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestrator.cli.terminal import AsJson, Debug, Output, errors_as_sentences, print_json

EXIT_CODES = """Exit codes: 0 removed, nothing to remove, or the answer was no; 2 nobody could be
asked, or usage or configuration error, nothing removed; 130 interrupted, the same command goes
on."""

REST = "MLflow's runs, reports, pictures of `show` and exports are left alone"


def prune(
    output: Output,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking, for scripts.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Remove runs and specimens that the last sweep does not ask for.

    Runs count as asked for if the sweep that was started last in OUTPUT has them, whether they are
    made yet or not. After a start with other values, or with --limit 2, all others are not asked
    for. They are shown with their number and size before you are asked. Without a terminal,
    nothing is removed unless --yes is given.
    """
    with errors_as_sentences(debug=debug):
        from orchestrator.dataset.dataset import DataSet
        from orchestrator.dataset.pruning import remove_unasked
        from orchestrator.dataset.storage.locking import changing
        from orchestrator.dataset.unasked_search import find_unasked

        data = DataSet.open(output)
        with changing(data.storage, "pruned"):
            found = find_unasked(data)
            for line in found.lines():
                typer.echo(line)
            if found:
                typer.echo(REST)
            agreed = bool(found) and (yes or _agrees())
            if agreed:
                remove_unasked(data.storage, found)
        if found:
            typer.echo("removed" if agreed else "nothing was removed")
        if as_json:
            print_json(found.as_json() | {"removed": bool(agreed)})
        if agreed is None:
            typer.echo("there is no terminal to ask at; --yes removes without asking", err=True)
            raise typer.Exit(2)


def _agrees() -> bool | None:
    """Ask whether to remove what was shown; None where nobody can be asked."""
    if not sys.stdin.isatty():
        return None
    typer.echo("Remove all of that? [y/N] ", nl=False, err=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
