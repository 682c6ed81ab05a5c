"""One run alone: ``python -m scene RECIPE.yaml --output DIR [OVERRIDE ...]``, without Ray."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from scene.errors import COMMAND_LINE, BlendsweepError, ConfigurationError, Problem
from scene.execution.alone import PREVIEW_SAMPLES, PREVIEW_SIDE, execute_alone, written_paths
from scene.execution.record import RunRecord
from scene.execution.run_summary import drawn_features, outcome, timings
from scene.imaging.files import PREVIEW_FILE
from scene.machine.resources import Resources
from scene.recipe.schema import Recipe

_HELP = """Render one run of a recipe, in this process.

\b
  # How does it look? Small and grainy, in seconds, as often as you like
  python -m scene spheres_sem --preview look.jpg
  # The whole run; overrides are in Hydra's grammar
  python -m scene spheres_sem --output out blueprints.particles.Bead.number=50
  python -m scene recipes/mine.yaml --output small render.resolution_percentage=25

DIR receives the images, the scene, preview.jpg (all images side by side), recipe.yaml (the
resolved recipe) and record.json (every value that was sampled, the files, where the time went).
"""

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)


@app.command(help=_HELP)
def run(
    recipe: Annotated[
        Path,
        typer.Argument(
            metavar="RECIPE.yaml",
            show_default=False,
            help="The recipe, or the name of one that ships, such as spheres_sem or powder_sem.",
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OVERRIDE", show_default=False, help="Values of recipe keys, one for each."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", show_default=False, help="The run's folder; must be new or empty."
        ),
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jpg",
            show_default=False,
            help=f"Instead of a folder, only all images side by side, rendered {PREVIEW_SIDE} "
            f"pixels long with {PREVIEW_SAMPLES} samples; replaces the file.",
        ),
    ] = None,
    plugins: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Folder of plugin packages.")
    ] = None,
    prototypes: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Library of prototypes: a folder with geometries/, materials/ or "
            "measurement_techniques/.",
        ),
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
    resources = Resources(cpus=cpus or len(os.sched_getaffinity(0)), gpus=gpus)
    job = partial(
        execute_alone,
        recipe,
        overrides or [],
        plugins=plugins or [],
        prototypes=prototypes or [],
        resources=resources,
        small=preview is not None,
    )
    try:
        if (output is None) == (preview is None):
            message = "give either --output DIR or --preview FILE.jpg"
            raise ConfigurationError([Problem(COMMAND_LINE, "", message)])
        if preview is not None:
            resolved, record = preview_alone(preview, job)
            place = str(preview)
        else:
            assert output is not None
            resolved, record = job(output)
            place = f"{len(record.files)} files in {output}, all images in {output / PREVIEW_FILE}"
    except BlendsweepError as error:
        if debug:
            raise
        print(error, file=sys.stderr)
        raise typer.Exit(2 if isinstance(error, ConfigurationError) else 1) from error
    for line in (*timings(record), "", *drawn_features(resolved, record), ""):
        print(line)
    print(outcome(record, place))


def preview_alone(
    file: Path, job: Callable[[Path], tuple[Recipe, RunRecord]]
) -> tuple[Recipe, RunRecord]:
    """Execute a recipe into a folder by `job`, and keep its preview alone.

    Raises
    ------
    ConfigurationError
        If `file` is no name of a JPEG that can be written, or the recipe makes no image.
    """
    (file,) = written_paths([file])
    problem = None
    if file.suffix.lower() not in {".jpg", ".jpeg"}:
        problem = f"{file} names no JPEG: a name ends with .jpg"
    elif not file.resolve().parent.is_dir():
        problem = f"there is no folder {file.resolve().parent}"
    if problem:
        raise ConfigurationError([Problem(COMMAND_LINE, "--preview", problem)])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "run")
        recipe, record = job(folder)
        made = folder / PREVIEW_FILE
        if not made.exists():
            message = "the recipe renders no image that a preview could show"
            raise ConfigurationError([Problem(COMMAND_LINE, "--preview", message)])
        try:
            file.write_bytes(made.read_bytes())
        except OSError as error:
            message = f"{file} can't be written: {error.strerror}"
            raise ConfigurationError([Problem(COMMAND_LINE, "--preview", message)]) from error
    return recipe, record


if __name__ == "__main__":
    app()
