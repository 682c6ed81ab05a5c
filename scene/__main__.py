"""One run alone: ``python -m scene RECIPE.yaml --output DIR [OVERRIDE ...]``, without Ray."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from scene.compose import Composition, recipe_file
from scene.errors import COMMAND_LINE, BlendsweepError, ConfigurationError, Problem
from scene.override_texts import override_problem
from scene.parsing import parse
from scene.paths import shown_path, written_path
from scene.record import RunRecord
from scene.registry import Registry
from scene.reservation import Reservation

_HELP = """Render one run of a recipe, in this process.

Overrides are in Hydra's grammar:

    python -m scene recipes/spheres_sem.yaml --output out blueprints.particles.Bead.number=50
    python -m scene recipes/spheres_sem.yaml --output small render.resolution_percentage=25

DIR receives the images, the scene, recipe.yaml (the resolved recipe) and record.json (every value
that was sampled, the files and where the time went).
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=_HELP)
def run(
    recipe: Annotated[
        Path,
        typer.Argument(
            metavar="RECIPE.yaml",
            show_default=False,
            help="The recipe, or the name of one that ships: spheres_sem.",
        ),
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[OVERRIDE ...]", show_default=False)
    ] = None,
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="The run's folder; must be new or empty.")
    ] = ...,  # type: ignore[assignment]  # required, but after an argument with a default
    plugins: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Folder of plugin packages.")
    ] = None,
    cpus: Annotated[
        int | None, typer.Option(min=1, help="Threads for Cycles; default: all cores.")
    ] = None,
    gpus: Annotated[float, typer.Option(min=0, help="Above 0: render on a GPU, or fail.")] = 0.0,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Render one run."""
    # A duplicate, since Blender's own chatter on descriptors 1 and 2 is captured during the run.
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w")
    logging.basicConfig(
        stream=terminal, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO
    )
    cores = cpus or len(os.sched_getaffinity(0))
    try:
        record = execute_alone(
            recipe, overrides or [], output, plugins or [], Reservation(cpus=cores, gpus=gpus)
        )
    except BlendsweepError as error:
        if debug:
            raise
        print(error, file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, ConfigurationError) else 1) from error
    _summarize(record, output)


def execute_alone(
    path: Path, overrides: list[str], output: Path, plugins: list[Path], reservation: Reservation
) -> RunRecord:
    """Compose, check and execute one recipe; `output` appears whole or not at all.

    Raises
    ------
    ConfigurationError
        If the recipe, an override or the output folder is not usable.
    BlendsweepError
        If a step fails.
    """
    path, output, *plugins = _written([path, output, *plugins])
    output = output.absolute()
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigurationError([Problem("--output", "", f"{output} exists and is not empty")])
    unclear = [(text, override_problem(text)) for text in overrides]
    if problems := [Problem(COMMAND_LINE, text, found) for text, found in unclear if found]:
        raise ConfigurationError(problems)
    registry = Registry(plugins)
    path = recipe_file(path)
    recipe = parse(Composition(path).resolve(overrides), str(path), registry)

    from scene.blender.libraries import load_libraries
    from scene.blender.session import Session
    from scene.chain import execute

    load_libraries()
    # A name of its own, since the folder's may be as long as names can be.
    partial = output.resolve().with_name(f".partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        message = f"{output} can't be written: {error.strerror}"
        raise ConfigurationError([Problem("--output", "", message)]) from error
    try:
        session = Session(reservation)
        with session.captured():
            record = execute(recipe, session, partial, registry)
        partial.replace(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return record


def _written(given: list[Path]) -> list[Path]:
    problems, paths = [], []
    for text in given:
        try:
            paths.append(written_path(text))
        except ValueError as error:
            problems.append(Problem(shown_path(text), "", str(error)))
    if problems:
        raise ConfigurationError(problems)
    return paths


def _summarize(record: RunRecord, output: Path) -> None:
    for label, seconds in record.timings.items():
        print(f"{seconds:8.2f} s  {label}")
    seen = "" if record.visible_particles is None else f", {record.visible_particles} visible"
    count = len(record.particles["particle_id"])
    print(f"{count} particles{seen}; {len(record.files)} files in {output}")


if __name__ == "__main__":
    app()
