"""The commands that look at a data set: status, verify, report, show, compact."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.terminal import AsJson, Debug, Output, errors_as_sentences, print_result


def status(
    output: Output,
    *,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show how far a sweep is, and why runs failed."""
    with errors_as_sentences(debug=debug):
        from orchestrator.dataset.dataset import DataSet

        found = DataSet.open(output).status()
        print_result(found, as_json=as_json)


def verify(
    output: Output,
    *,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Compare every file with its checksum. Damaged runs are set aside, to be made again."""
    with errors_as_sentences(debug=debug):
        from orchestrator.dataset.dataset import DataSet
        from orchestrator.dataset.integrity import verify as verified

        found = verified(DataSet.open(output))
        print_result(found, as_json=as_json)
    raise typer.Exit(0 if found.whole else 1)


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
    real: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Real micrographs to compare the images with: what gives the synthetic ones away.",
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Write a page on a data set, in HTML. It shows images, features, coverage and times."""
    with errors_as_sentences(debug=debug):
        from orchestrator.report.report import write_report

        typer.echo(write_report(output, to, runs, real))


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
            help="Picture to write: .png, .jpg or .webp. [default: a PNG in OUTPUT/show, whose "
            "path is printed]",
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
    agglomerates: Annotated[
        bool, typer.Option("--agglomerates", help="Draw agglomerates in place of particles.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Draw outlines, ids and boxes of particles over images."""
    with errors_as_sentences(debug=debug):
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
            agglomerates=agglomerates,
        )
        typer.echo(shown.path)
        for note in shown.notes:
            typer.echo(note, err=True)


def compact(
    output: Output,
    *,
    debug: Debug = False,
) -> None:
    """Merge the manifest's and the particles table's part files."""
    with errors_as_sentences(debug=debug):
        from orchestrator.dataset.compaction import compacted
        from orchestrator.dataset.dataset import DataSet

        for table, files in compacted(DataSet.open(output)).items():
            typer.echo(f"{table}: {files} part file" + ("s" if files != 1 else ""))
