"""The command ``match``: from unlabelled micrographs to the ranges of a recipe."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from orchestrator.cli.terminal import Debug, errors_as_sentences

EXIT_CODES = """Exit codes: 0 the recipe is written; 2 usage or configuration error; 130
interrupted, resumable."""

_UNITS = {"s": 1, "m": 60, "h": 3600}


def match(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER", help="From 5 to 50 micrographs of one kind: PNG, TIFF, JPEG, BMP."
        ),
    ],
    *,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="RECIPE",
            help="The recipe whose ranges are narrowed: a file, or the name of one that ships, "
            "such as spheres_sem_physical.",
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="MY.yaml",
            help="The recipe to write, of narrower ranges. It derives from the other one; beside "
            "it are MY_draws.yaml, which draws values that go together, and MY.match with "
            "renders, statistics and report.",
        ),
    ],
    budget: Annotated[
        str, typer.Option(metavar="TIME", help="About how long it may take: 90s, 20m, 1.5h.")
    ] = "20m",
    simulations: Annotated[
        int,
        typer.Option(metavar="N", min=50, max=100_000, help="Most renders; more tell more."),
    ] = 2000,
    size: Annotated[
        int,
        typer.Option(
            metavar="PIXELS",
            min=96,
            max=1024,
            help="Side of the renders, and of the pieces of the images that they are compared "
            "with.",
        ),
    ] = 320,
    executor: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where renders are made, as for run. [default: ray]"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Most workers at once. [default: what resources allow]"),
    ] = None,
    plugins: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", help="Folder of plugin packages; may be repeated."),
    ] = None,
    prototypes: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", help="Library of prototypes; may be repeated."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Narrow a recipe's ranges to what unlabelled micrographs show.

    Draws of the recipe are rendered small and compared with the images by their statistics; what
    draws that look alike have in common becomes the ranges of a new recipe. Its comments and the
    report say how sure each range is, and what images do not tell. A second new recipe takes whole
    draws that look most like the images, so that values go together as they do there. The same
    command goes on where it was interrupted.
    """
    with errors_as_sentences(debug=debug):
        seconds = _seconds(budget)

        from orchestrator.matching.matching import match as matched

        given: dict[str, Any] = {
            "executor": executor,
            "workers": workers,
            "plugins": plugins,
            "prototypes": prototypes,
        }
        written = matched(
            folder,
            recipe,
            to,
            seconds=seconds,
            simulations=simulations,
            side=size,
            say=lambda text: typer.echo(text, err=True),
            progress="auto",
            **{name: value for name, value in given.items() if value is not None},
        )
        found = written.matched
        for sentence in found.outside[:3]:
            typer.echo(sentence)
        typer.echo(f"{len(found.narrowed)} of {len(found.findings)} ranges narrowed")
        typer.echo(f"recipe: {written.recipe}")
        typer.echo(f"        {written.draws}, {len(found.draws)} draws that look most like them")
        typer.echo(f"report: {written.report}")


def _seconds(budget: str) -> float:
    """Return a time in seconds.

    >>> _seconds("90s"), _seconds("20m"), _seconds("1.5h")
    (90.0, 1200.0, 5400.0)
    """
    from scene.errors import COMMAND_LINE, ConfigurationError, Problem

    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", budget.strip())
    if found is None or not float(found[1]):
        message = f"expected a time such as 90s, 20m or 1.5h, got {budget!r}"
        raise ConfigurationError([Problem(COMMAND_LINE, "--budget", message)])
    return float(found[1]) * _UNITS[found[2]]
