"""The command ``export``, one subcommand a format: arguments and exit codes, nothing else."""

from __future__ import annotations

from typing import Annotated

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
_To = Annotated[
    str, typer.Option("--to", metavar="FOLDER", help="New folder or URI, or one to go on with.")
]
_Split = Annotated[
    str | None,
    typer.Option(
        metavar="FRACTIONS",
        help="Splits and their fractions, for instance train=0.8,val=0.1,test=0.1. Runs of one "
        "seed stay together, so that no two splits show the same particles. [default: all in "
        "train]",
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
    float, typer.Option(metavar="MB", help="Most a shard holds, in 10^6 bytes; from 0.001.")
]


@export_app.command("coco", epilog=EXIT_CODES)
def export_coco(
    output: Output,
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
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """COCO: masks as run lengths in JSON; images stay in OUTPUT."""
    _export(
        "coco", output, to, split, image, license_name=license_name,
        all_runs=all_runs, as_json=as_json, debug=debug,
    )  # fmt: skip


@export_app.command("yolo", epilog=EXIT_CODES)
def export_yolo(
    output: Output,
    *,
    to: _To,
    split: _Split = None,
    image: _Image = "real",
    all_runs: _AllRuns = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Ultralytics YOLO: images, outlines as text, data.yaml."""
    _export("yolo", output, to, split, image, all_runs=all_runs, as_json=as_json, debug=debug)


@export_app.command("webdataset", epilog=EXIT_CODES)
def export_webdataset(
    output: Output,
    *,
    to: _To,
    split: _Split = None,
    image: _Image = "real",
    shard_mb: _ShardMb = 256,
    all_runs: _AllRuns = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """WebDataset: tar shards with all images, features, particles."""
    _export(
        "webdataset", output, to, split, image, shard_mb,
        all_runs=all_runs, as_json=as_json, debug=debug,
    )  # fmt: skip


@export_app.command("hf", epilog=EXIT_CODES)
def export_hf(
    output: Output,
    *,
    to: _To,
    split: _Split = None,
    image: _Image = "real",
    shard_mb: _ShardMb = 256,
    all_runs: _AllRuns = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Hugging Face datasets: Parquet shards with images in them."""
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
    with errors_as_sentences(debug=debug):
        from orchestrator.export.exporting import export_output

        exported = export_output(
            *(name, output, to),
            split=split,
            image=image,
            all_runs=all_runs,
            shard_mb=shard_mb,
            license_name=license_name,
        )
        print_result(exported, as_json=as_json)
