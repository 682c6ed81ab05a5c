"""The command line: arguments and exit codes, nothing else.

Importing this module loads none of bpy, ray, mlflow, and as little as possible besides, so that
``--help`` answers at once.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.command_group import SweepOrCommand, check_meant_as_sweep
from orchestrator.cli.export import export_app
from orchestrator.cli.terminal import AsJson, Debug, Output, errors_told, print_json
from orchestrator.common.commands import program, this_command

if TYPE_CHECKING:
    from orchestrator.plan.expansion import Expansion
    from orchestrator.plan.sweep import Sweep

COST = (
    "The full sweeps/sem.yaml is 180 runs of 100 to 600 beads at 960 x 960 pixels. Almost all of "
    "its time goes into the mode 'real': 1 to 2 minutes a run on 2 CPU cores, an estimated 5 hours "
    "in all. On a GPU it has not been measured."
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

The same command again resumes: nothing is rendered twice, and a sweep with more values extends
the same data set.

{COST} For a first look, render it smaller: render.resolution_percentage=25 takes about a
sixteenth of the time, --limit N takes the first N runs.
"""

EXIT_CODES = """Exit codes: 0 every run succeeded; 1 some failed, the rest is intact; 2 usage or
configuration error, nothing started; 130 interrupted, resumable."""

app = typer.Typer(
    cls=SweepOrCommand,
    help=HELP,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)


class ExecutorName(StrEnum):
    """Where runs are executed."""

    RAY = "ray"
    INLINE = "inline"


def _print_version(wanted: bool) -> None:
    if wanted:
        from orchestrator.common.versions import versions

        found = versions()
        others = ", ".join(f"{name} {found[name]}" for name in found if name != "blendsweep")
        typer.echo(f"blendsweep {found['blendsweep']} ({others})")
        raise typer.Exit


@app.callback()
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


@app.command(epilog=EXIT_CODES)
def run(
    context: typer.Context,
    sweep: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP.yaml", help="The sweep file, or the name of one that ships: quickstart."
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OVERRIDE",
            show_default=False,
            help="Overrides of recipe keys in Hydra's multirun grammar; they win over the sweep "
            "file's entry for the same key.",
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the runs; start nothing, write nothing.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="URI", help="Folder or object-store URI. [default: outputs/<sweep name>]"
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the first N runs.")] = None,
    executor: Annotated[
        ExecutorName | None,
        typer.Option(help="inline runs in this process without Ray. [default: ray]"),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="A",
            help="Ray cluster to join: auto or host:port. [default: a local Ray that ends with "
            "the sweep]",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Most workers at once. [default: what the resources allow]"),
    ] = None,
    cpus_per_worker: Annotated[
        float | None, typer.Option(metavar="X", help="CPU cores of a worker. [default: 1]")
    ] = None,
    gpus_per_worker: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="GPUs of a worker, fractions allowed. [default: a share where the cluster has "
            "GPUs]",
        ),
    ] = None,
    shared_output: Annotated[
        bool,
        typer.Option(
            "--shared-output",
            help="A local output is a folder that all machines of the cluster see; checked by a "
            "probe file.",
        ),
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="An attempt that takes longer is ended and the run tried again. [default: 3600]",
        ),
    ] = None,
    max_attempts: Annotated[
        int | None,
        typer.Option(metavar="N", help="How often a run is tried. [default: 3]"),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also take runs recorded as failed.")
    ] = False,
    accept_versions: Annotated[
        bool,
        typer.Option(
            "--accept-versions",
            help="Go on with a data set that another version of Blendsweep, Blender or a plugin "
            "began; every row says which made it.",
        ),
    ] = False,
    plugins: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="Folder whose packages resolve $plugins.<package>.<Class>; may be repeated.",
        ),
    ] = None,
    tracking_uri: Annotated[
        str | None,
        typer.Option(
            metavar="URI", help="MLflow tracking URI. [default: sqlite:///<output>/mlflow.db]"
        ),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="MLflow experiment. [default: the sweep's name]"),
    ] = None,
    multirun: Annotated[
        bool,
        typer.Option(
            "--multirun", "-m", help="Accepted and without effect: a sweep always is a multirun."
        ),
    ] = False,
    no_mlflow: Annotated[bool, typer.Option("--no-mlflow", help="Do without MLflow.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Execute a sweep; the default command."""
    del multirun
    with errors_told(debug=debug):
        check_meant_as_sweep(sweep, _commands(context))

        from orchestrator.plan.expansion import expand
        from orchestrator.plan.loading import load_sweep

        loaded = load_sweep(
            sweep,
            overrides or (),
            command_line=True,
            output=output,
            limit=limit,
            executor=executor,
            address=address,
            workers=workers,
            cpus_per_worker=cpus_per_worker,
            gpus_per_worker=gpus_per_worker,
            shared_output=shared_output or None,
            timeout=timeout,
            max_attempts=max_attempts,
            retry_failed=retry_failed or None,
            accept_versions=accept_versions,
            plugins=plugins,
            tracking_uri=tracking_uri,
            experiment=experiment,
            mlflow=False if no_mlflow else None,
        )
        runs = expand(loaded)
        if dry_run:
            _print_runs(loaded, runs, as_json=as_json)
            return
        from orchestrator.execution.launch import run_sweep
        from orchestrator.execution.summary import Commands

        commands = Commands(resume=this_command(), retry=this_command("--retry-failed"))
        summary = run_sweep(loaded, runs, progress="auto", commands=commands, handle_signals=True)
        for line in summary.lines():
            typer.echo(line)
        if as_json:
            print_json(summary.as_json())
    raise typer.Exit(summary.exit_code)


@app.command()
def status(
    output: Output,
    *,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tell how far a sweep is, and why runs failed."""
    with errors_told(debug=debug):
        from orchestrator.dataset.dataset import DataSet

        found = DataSet.open(output).status()
        for line in found.lines():
            typer.echo(line)
        if as_json:
            print_json(found.as_json())


@app.command()
def verify(
    output: Output,
    *,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare every file with its checksum. Damaged runs are set aside, to be made again."""
    with errors_told(debug=debug):
        from orchestrator.dataset.dataset import DataSet
        from orchestrator.dataset.integrity import verify as verified

        found = verified(DataSet.open(output))
        for line in found.lines():
            typer.echo(line)
        if as_json:
            print_json(found.as_json())
    raise typer.Exit(0 if found.whole else 1)


@app.command()
def report(
    output: Output,
    *,
    to: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Folder or URI to write to. [default: OUTPUT/report]"),
    ] = None,
    runs: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="Most runs on the contact sheet.")
    ] = 9,
    debug: Debug = False,
) -> None:
    """Write a page on a data set, in HTML. It shows images, features, coverage and times."""
    with errors_told(debug=debug):
        from orchestrator.report.report import write_report

        typer.echo(write_report(output, to, runs))


@app.command()
def show(
    output: Annotated[
        str, typer.Argument(metavar="OUTPUT", help="Output of a sweep, or the folder of one run.")
    ],
    run_name: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            show_default=False,
            help="One run of the output: its id, the start of it, or its index. Without it, "
            "several runs are shown on one sheet.",
        ),
    ] = None,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Picture to write: .png, .jpg or .webp. [default: a PNG in OUTPUT/show, which "
            "is told]",
        ),
    ] = None,
    layers: Annotated[
        str, typer.Option(metavar="NAMES", help="What is drawn, separated by commas.")
    ] = "outlines,ids,boxes",
    image: Annotated[
        str, typer.Option(metavar="NAME", help="The image under it, e.g. stylized.")
    ] = "real",
    scale: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=16,
            help="Enlarge the picture of one run. [default: so that ids can be read]",
        ),
    ] = None,
    runs: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="Most runs on the sheet.")
    ] = 9,
    debug: Debug = False,
) -> None:
    """Draw outlines, ids and boxes of particles over images."""
    with errors_told(debug=debug):
        from orchestrator.report.show.show import parsed_layers
        from orchestrator.report.show.show import show as show_labels

        shown = show_labels(
            output,
            run_name,
            to=to,
            layers=parsed_layers(layers),
            image=image,
            scale=scale,
            runs=runs,
        )
        typer.echo(shown.path)
        for note in shown.notes:
            typer.echo(note, err=True)


@app.command()
def compact(
    output: Output,
    *,
    debug: Debug = False,
) -> None:
    """Merge the manifest's and the particles table's part files."""
    with errors_told(debug=debug):
        from orchestrator.dataset.compaction import compacted
        from orchestrator.dataset.dataset import DataSet

        for table, files in compacted(DataSet.open(output)).items():
            typer.echo(f"{table}: {files} part file" + ("s" if files != 1 else ""))


app.add_typer(export_app, name="export")


def _commands(context: typer.Context) -> Collection[str]:
    group: Any = context.find_root().command
    return list(group.commands)


def _print_runs(sweep: Sweep, runs: Expansion, *, as_json: bool) -> None:
    from orchestrator.dataset.provenance import code_of_sweep, settled
    from orchestrator.dataset.storage.opening import open_storage
    from orchestrator.dataset.tables import read_errors_told
    from orchestrator.execution.dry_run import listed, recorded

    storage = open_storage(sweep.output)
    with read_errors_told(storage):
        settled(storage, code_of_sweep(sweep, runs), accept=sweep.accept_versions)
        found = recorded(sweep, runs, storage)
    for line in listed(runs):
        typer.echo(line)
    for line in found.lines():
        typer.echo(line)
    if as_json:
        content = {"sweep": sweep.name, "output": sweep.output, "runs": len(runs)}
        print_json(content | {"recorded": found.as_json()})
