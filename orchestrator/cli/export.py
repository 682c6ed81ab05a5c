"""The command ``export``, one subcommand a format: arguments and exit codes, nothing else."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from orchestrator.cli.terminal import AsJson, Debug, Output, errors_as_sentences, print_result
from orchestrator.common.commands import program

HELP = f"""Export a data set for training. Of its last sweep, all succeeded runs are taken.

\b
Examples:
  {program()} export coco outputs/sem --to sem.json
  {program()} export yolo outputs/sem --to sem-yolo --split train=0.8,val=0.2
  {program()} export webdataset outputs/sem --to s3://bucket/sem-shards --shard-mb 500
  {program()} export hf outputs/sem --to sem-hf

The sweep may still be running, and OUTPUT and --to may be on an object store. The same command
again goes on where it stopped and adds what is new. docs/exports.md shows how to load each format.
"""

EXIT_CODES = """Exit codes: 0 exported; 1 a run's files are missing or damaged; 2 usage or
configuration error, nothing written, or a place that can't be read or written; 130 interrupted,
resumable."""

export_app = typer.Typer(
    help=HELP,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _options(to: object, **own: tuple[object, object]) -> dict[str, tuple[object, object]]:
    """Return the options of a format by name, each with its declaration and default."""
    return {
        "to": (to, inspect.Parameter.empty),
        "split": (
            Annotated[
                str | None,
                typer.Option(
                    metavar="FRACTIONS",
                    help="Splits and their fractions, for instance train=0.8,val=0.1,test=0.1. "
                    "Runs of one seed stay together, whatever their look_seed, so that no two "
                    "splits show the same particles. [default: all in train]",
                ),
            ],
            None,
        ),
        "image": (
            Annotated[
                str,
                typer.Option(
                    metavar="NAME", help="The rendering mode to learn from, e.g. stylized."
                ),
            ],
            "real",
        ),
        **own,
        "all_runs": (
            Annotated[
                bool,
                typer.Option(
                    "--all-runs",
                    help="Also runs that the last sweep does not ask for: of other recipes, "
                    "values, sizes.",
                ),
            ],
            False,
        ),
        "as_json": (AsJson, False),
        "debug": (Debug, False),
    }


_FILE = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FILE.json",
        help="File or URI of one; with --split, a folder that gets one JSON file a split.",
    ),
]
_FOLDER = Annotated[
    str, typer.Option("--to", metavar="FOLDER", help="New folder or URI, or one to go on with.")
]
_LICENSE = Annotated[
    str | None,
    typer.Option(
        "--license", metavar="NAME", help="The images' licence, e.g. CC-BY-4.0, or its address."
    ),
]
_SHARD_MB = Annotated[
    float, typer.Option(metavar="MB", help="Most a shard holds, in 10^6 bytes; from 0.001.")
]


def _add(name: str, summary: str, options: dict[str, tuple[object, object]]) -> None:
    """Add the command of a format."""

    def command(output: str, *, as_json: bool, debug: bool, **given: Any) -> None:
        with errors_as_sentences(debug=debug):
            from orchestrator.export.exporting import export_output

            exported = export_output(name, output, given.pop("to"), **given)
            print_result(exported, as_json=as_json)

    parameters = [
        inspect.Parameter("output", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Output)
    ]
    for option, (declaration, default) in options.items():
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(option, kind, annotation=declaration, default=default))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    export_app.command(name, help=summary, epilog=EXIT_CODES)(command)


_add(
    "coco",
    "COCO: masks as run lengths in JSON; images stay in OUTPUT.",
    _options(_FILE, license_name=(_LICENSE, None)),
)
_add(
    "yolo",
    "Ultralytics YOLO: images, outlines as text, data.yaml.",
    _options(_FOLDER),
)
_add(
    "webdataset",
    "WebDataset: tar shards with all images, features, particles.",
    _options(_FOLDER, shard_mb=(_SHARD_MB, 256)),
)
_add(
    "hf",
    "Hugging Face datasets: Parquet shards with images in them.",
    _options(_FOLDER, shard_mb=(_SHARD_MB, 256)),
)
