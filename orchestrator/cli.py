"""The command line: arguments and exit codes, nothing else.

Importing this module loads none of bpy, ray, mlflow, and as little as possible besides, so that
``--help`` answers at once.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scene.errors import BlendsweepError, ConfigurationError, MissingLibraryError

if TYPE_CHECKING:
    from orchestrator.expansion import Expansion

COST = (
    "The full sweeps/sem.yaml is 180 runs of 100 to 600 beads at 960 x 960 pixels. Almost all of "
    "its time goes into the mode 'real': 1 to 2 minutes a run on 2 CPU cores, an estimated 5 hours "
    "in all. On a GPU it has not been measured."
)

HELP = f"""Sweep a recipe for a synthetic microscopy image into a labelled data set.

\b
Examples:
  python -m orchestrator sweeps/quickstart.yaml
  python -m orchestrator sweeps/sem.yaml --dry-run
  python -m orchestrator sweeps/sem.yaml render.resolution_percentage=25 --limit 4
  python -m orchestrator sweeps/sem.yaml initial_runtime_state.seed='range(100)'
  python -m orchestrator status outputs/sem
  python -m orchestrator export coco outputs/sem --to sem.json

The same command again resumes: nothing is rendered twice, and a sweep with more values extends
the same data set. "python -m orchestrator run --help" tells all options.

{COST} For a first look, render it smaller: render.resolution_percentage=25 takes about a
sixteenth of the time, --limit N takes the first N runs.
"""

EXIT_CODES = """Exit codes: 0 every run succeeded; 1 some failed, the rest is intact; 2 usage or
configuration error, nothing started; 130 interrupted, resumable."""

app = typer.Typer(
    help=HELP,
    epilog=EXIT_CODES,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)


class ExecutorName(StrEnum):
    """Where runs are executed."""

    RAY = "ray"
    INLINE = "inline"


@app.callback()
def blendsweep() -> None:
    """Give the command line its commands; the help text is `HELP`."""


@app.command(epilog=EXIT_CODES)
def run(
    sweep: Annotated[str, typer.Argument(metavar="SWEEP.yaml", help="The sweep file.")],
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
    no_mlflow: Annotated[bool, typer.Option("--no-mlflow", help="Do without MLflow.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line on stdout: the summary as one JSON object.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Execute a sweep; the default command."""
    with _errors_told(debug=debug):
        from orchestrator.expansion import expand
        from orchestrator.loading import load_sweep

        loaded = load_sweep(
            sweep,
            overrides or (),
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
            plugins=plugins,
            tracking_uri=tracking_uri,
            experiment=experiment,
            mlflow=False if no_mlflow else None,
        )
        runs = expand(loaded)
        if dry_run:
            _print_runs(runs)
            if as_json:
                _print_json({"sweep": loaded.name, "output": loaded.output, "runs": len(runs)})
            return
        from orchestrator.launch import run_sweep

        summary = run_sweep(loaded, runs, _this_command())
        for line in summary.lines():
            typer.echo(line)
        if as_json:
            _print_json(summary.as_json())
    raise typer.Exit(summary.exit_code)


@app.command()
def status(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="Output of a sweep.")],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line on stdout: the status as one JSON object.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Tell how far a sweep is, and why runs failed."""
    with _errors_told(debug=debug):
        from orchestrator.status import read_status

        found = read_status(output)
        for line in found.lines():
            typer.echo(line)
        if as_json:
            _print_json(found.as_json())


@app.command()
def verify(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="Output of a sweep.")],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Last line on stdout: the result as one JSON object.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Compare every file with its checksum; set damaged runs aside, to be made again."""
    with _errors_told(debug=debug):
        from orchestrator.verification import verify_output

        found = verify_output(output)
        for line in found.lines():
            typer.echo(line)
        if as_json:
            _print_json(found.as_json())
    raise typer.Exit(1 if found.damaged else 0)


@app.command()
def report(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="Output of a sweep.")],
    *,
    to: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Folder or URI to write to. [default: OUTPUT/report]"),
    ] = None,
    runs: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="Most runs on the contact sheet.")
    ] = 9,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Write one HTML page on a data set, and its pictures: contact sheet, features, times."""
    with _errors_told(debug=debug):
        from orchestrator.report.build import write_report

        typer.echo(write_report(output, to, runs))


@app.command()
def compact(
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help="Output of a sweep.")],
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Merge the manifest's and the particles table's part files."""
    with _errors_told(debug=debug):
        from orchestrator.compaction import compact_output

        for table, files in compact_output(output).items():
            typer.echo(f"{table}: {files} part file" + ("s" if files != 1 else ""))


_EXPORT_HELP = """Export a data set for training: the succeeded runs of its last sweep.

\b
Examples:
  python -m orchestrator export coco outputs/sem --to sem.json
  python -m orchestrator export yolo outputs/sem --to sem-yolo --split train=0.8,val=0.2
  python -m orchestrator export webdataset outputs/sem --to s3://bucket/sem-shards --shard-mb 500
  python -m orchestrator export hf outputs/sem --to sem-hf

The sweep may still be running, and OUTPUT and --to may be on an object store. The same command
again goes on where it stopped and adds what is new. docs/exports.md tells how to load each format.
"""

_EXPORT_CODES = """Exit codes: 0 exported; 1 a run's files are missing or damaged; 2 usage or
configuration error, nothing written; 130 interrupted, resumable."""

export_app = typer.Typer(
    help=_EXPORT_HELP,
    epilog=_EXPORT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(export_app, name="export")

_Output = Annotated[str, typer.Argument(metavar="OUTPUT", help="Output of a sweep.")]
_To = Annotated[
    str, typer.Option("--to", metavar="FOLDER", help="New folder or URI, or one to go on with.")
]
_Split = Annotated[
    str | None,
    typer.Option(
        metavar="SHARES",
        help="Splits and their shares, for instance train=0.8,val=0.1,test=0.1. Runs of one seed "
        "stay together, so that no two splits show the same particles. [default: all in train]",
    ),
]
_Image = Annotated[
    str, typer.Option(metavar="NAME", help="The rendering mode to learn from, e.g. stylized.")
]
_AllRuns = Annotated[
    bool,
    typer.Option(
        "--all-runs",
        help="Also runs that the last sweep does not ask for: of other recipes, values, sizes.",
    ),
]
_ShardMb = Annotated[
    float, typer.Option(metavar="MB", min=0.001, help="Most a shard holds, in 10^6 bytes.")
]
_Json = Annotated[
    bool, typer.Option("--json", help="Last line on stdout: the result as one JSON object.")
]
_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@export_app.command("coco", epilog=_EXPORT_CODES)
def export_coco(
    output: _Output,
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="FILE.json",
            help="File or URI of one; with --split, a folder that gets one JSON file a split.",
        ),
    ],
    split: _Split = None,
    image: _Image = "real",
    license_name: Annotated[
        str | None,
        typer.Option(
            "--license", metavar="NAME", help="The images' licence, e.g. CC-BY-4.0, or its address."
        ),
    ] = None,
    all_runs: _AllRuns = False,
    as_json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Instance masks as run lengths in JSON; images stay in OUTPUT."""
    _export(
        "coco", output, to, split, image, license_name=license_name,
        all_runs=all_runs, as_json=as_json, debug=debug,
    )  # fmt: skip


@export_app.command("yolo", epilog=_EXPORT_CODES)
def export_yolo(
    output: _Output,
    *,
    to: _To,
    split: _Split = None,
    image: _Image = "real",
    all_runs: _AllRuns = False,
    as_json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Images, text files of outlines and data.yaml for Ultralytics."""
    _export("yolo", output, to, split, image, all_runs=all_runs, as_json=as_json, debug=debug)


@export_app.command("webdataset", epilog=_EXPORT_CODES)
def export_webdataset(
    output: _Output,
    *,
    to: _To,
    split: _Split = None,
    image: _Image = "real",
    shard_mb: _ShardMb = 256,
    all_runs: _AllRuns = False,
    as_json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Tar shards with all images, features and particles, for WebDataset."""
    _export(
        "webdataset", output, to, split, image, shard_mb,
        all_runs=all_runs, as_json=as_json, debug=debug,
    )  # fmt: skip


@export_app.command("hf", epilog=_EXPORT_CODES)
def export_hf(
    output: _Output,
    *,
    to: _To,
    split: _Split = None,
    image: _Image = "real",
    shard_mb: _ShardMb = 256,
    all_runs: _AllRuns = False,
    as_json: _Json = False,
    debug: _Debug = False,
) -> None:
    """Parquet shards with embedded images, for Hugging Face datasets."""
    _export(
        "hf", output, to, split, image, shard_mb, all_runs=all_runs, as_json=as_json, debug=debug
    )


def _export(
    name: str,
    output: str,
    to: str,
    split: str | None,
    image: str,
    shard_mb: float | None = None,
    *,
    license_name: str | None = None,
    all_runs: bool,
    as_json: bool,
    debug: bool,
) -> None:
    with _errors_told(debug=debug):
        from orchestrator.export.launch import export_output

        exported = export_output(
            *(name, output, to),
            split=split,
            image=image,
            all_runs=all_runs,
            shard_mb=shard_mb,
            license_name=license_name,
        )
        for line in exported.lines():
            typer.echo(line)
        if as_json:
            _print_json(exported.as_json())


def with_default_command(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the command ``run`` in front if they name none.

    >>> with_default_command(["sweeps/sem.yaml", "--dry-run"])
    ['run', 'sweeps/sem.yaml', '--dry-run']
    """
    commands = {"run", "status", "verify", "report", "export", "compact", "--help", "-h"}
    if not arguments or arguments[0] in commands:
        return list(arguments)
    return ["run", *arguments]


def _print_runs(runs: Expansion) -> None:
    swept = set(runs.swept_keys)
    width = len(str(len(runs) - 1))
    for planned in runs:
        values = " ".join(f"{key}={value}" for key, value in planned.overrides if key in swept)
        typer.echo(f"{planned.index:>{width}}  {planned.run_id}  {values}".rstrip())
    typer.echo(f"{len(runs)} runs")


def _print_json(content: dict[str, Any]) -> None:
    typer.echo(json.dumps(content))


def _this_command() -> str:
    from orchestrator.storage import without_credentials

    arguments = [without_credentials(text) if "@" in text else text for text in sys.argv[1:]]
    return shlex.join(["python", "-m", "orchestrator", *arguments])


@contextmanager
def _errors_told(*, debug: bool) -> Iterator[None]:
    """Turn errors into sentences on stderr and exit codes."""
    if not logging.getLogger().handlers:
        # While Blender renders in this process, descriptor 2 leads into its log.
        own_stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
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
    except Exception as error:  # noqa: BLE001 (a person at a terminal is told in a sentence)
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
    from orchestrator.executors.base import WorkersLostError, WorkerStartError
    from orchestrator.interruption import INTERRUPTED
    from orchestrator.lock import OutputLockedError
    from orchestrator.storage import OutputError

    if isinstance(error, (OutputError, WorkersLostError)):
        return INTERRUPTED

    nothing_started = (
        ConfigurationError,
        MissingLibraryError,
        OutputLockedError,
        WorkerStartError,
    )
    return 2 if isinstance(error, nothing_started) else 1
