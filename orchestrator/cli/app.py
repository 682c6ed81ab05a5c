"""The command line: arguments and exit codes, nothing else.

Importing this module loads none of bpy, ray, mlflow, and as little as possible besides, so that
``--help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.command_group import SweepOrCommand
from orchestrator.cli.export import export_app
from orchestrator.cli.inspect import compact, report, show, status, verify
from orchestrator.cli.match import EXIT_CODES as MATCH_EXIT_CODES
from orchestrator.cli.match import match
from orchestrator.cli.prune import EXIT_CODES as PRUNE_EXIT_CODES
from orchestrator.cli.prune import prune
from orchestrator.cli.run import EXIT_CODES, run
from orchestrator.common.commands import program

COST = (
    "The full sweeps/sem.yaml is 180 runs of 100 to 600 beads at 960 x 960 pixels: some 10 seconds "
    "a run on 2 CPU cores, an estimated half an hour in all. On a GPU it has not been measured."
)

HELP = f"""Sweep a recipe for a synthetic microscopy image into a labelled data set.

\b
  # A first look: four runs, in a minute or two, into outputs/quickstart
  {program()} quickstart
  # What came out: labels over images; one page on all of it; how far it is
  {program()} show outputs/quickstart
  {program()} report outputs/quickstart
  {program()} status outputs/quickstart
  # Another sweep: what it would run; with other values; smaller and not all
  {program()} sem --dry-run
  {program()} sem initial_runtime_state.seed='range(100)'
  {program()} sem render.resolution_percentage=25 --limit 4
  # Your own sweep file, and all options
  {program()} sweeps/mine.yaml
  {program()} run --help
  # For training
  {program()} export coco outputs/sem --to sem.json
  # Ranges of a recipe from micrographs of your own, without labels
  {program()} match real/ --recipe powder_sem --to mine.yaml
  # What the sweep no longer asks for: shown, and removed if you say yes
  {program()} prune outputs/sem

The same command again resumes: nothing is rendered twice, and a sweep with more values extends
the same data set.

{COST} For a first look, render it smaller: render.resolution_percentage=25 takes about a
sixteenth of the time, --limit N takes the first N runs.
"""


def _print_version(wanted: bool) -> None:
    if wanted:
        from orchestrator.common.versions import versions

        found = versions()
        others = ", ".join(f"{name} {found[name]}" for name in found if name != "blendsweep")
        typer.echo(f"blendsweep {found['blendsweep']} ({others})")
        raise typer.Exit


def blendsweep(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the versions of Blendsweep and of what it works with, and exit.",
        ),
    ] = False,
) -> None:
    """Give the command line its commands; the help text is `HELP`."""
    del version


app = typer.Typer(
    cls=SweepOrCommand,
    help=HELP,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)
app.callback()(blendsweep)
app.command(epilog=EXIT_CODES)(run)
for _command in (status, verify, report, show, compact):
    app.command()(_command)
app.command(epilog=MATCH_EXIT_CODES)(match)
app.command(epilog=PRUNE_EXIT_CODES)(prune)
app.add_typer(export_app, name="export")
