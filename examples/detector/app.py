"""The command line: arguments, what is printed and exit codes, nothing else."""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import blendsweep as bs
from examples.detector.prediction import Detect, Prediction

PROGRAM = "python -m examples.detector"

HELP = f"""Train a detector of particles on data sets alone; use and measure it on micrographs.

\b
Examples:
  # Train on data sets; the same command again goes on where it stopped
  {PROGRAM} train outputs/powder outputs/spheres --to outputs/detector.pt
  # Find particles: a label image of each micrograph, and a table of their sizes
  {PROGRAM} predict outputs/detector.pt micrographs/ --to outputs/found
  # The same by a classical method, to compare
  {PROGRAM} baseline hough micrographs/ --to outputs/hough
  # How good that is, where MINE has images/ and masks/ by hand
  {PROGRAM} evaluate MINE outputs/found --per-image
  # What was found, missed and invented, as pictures
  {PROGRAM} overlay outputs/found MINE/images --truth MINE --to outputs/looks

Put `uv run --group detector` in front, from the repository's root.
"""

EXIT_CODES = """Exit codes: 0 done; 1 it failed on the way; 2 wrong input, nothing written;
130 interrupted."""

FIGURES = """Say how many particles were found, and how well.

\b
AP50, AP75       TP / (TP + FP + FN), pairs overlap by an IoU of 0.5, 0.75 or more
AP50-95          its mean over 0.5, 0.55, ..., 0.95
count error      mean over images of |found - true| / true
wasserstein      between the two distributions of diameters, relative to the true mean
mean d error     of the mean diameter, relative, with its sign; abs: without
matched d error  median over pairs of the diameter's relative error

Diameters are those of circles of the same area. Wasserstein and mean d error, too, are means over
images; particles that touch the border do not count there, as their size is not known.
"""

app = typer.Typer(
    help=HELP,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
)

Images = Annotated[
    list[Path],
    typer.Argument(
        metavar="IMAGES",
        help="Gray PNG, TIFF or JPEG files of 8 or 16 bits, or folders of them.",
    ),
]
To = Annotated[
    Path, typer.Option("--to", metavar="FOLDER", help="New folder, or one of the same command.")
]
Predicted = Annotated[
    Path, typer.Argument(metavar="PREDICTION", help="Folder of label images of the same names.")
]
Steps = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Batches of 8 crops to learn. [default: 2500]"),
]
MinDiameter = Annotated[
    float, typer.Option(metavar="PX", min=0.0, help="Annotated particles below are not judged.")
]


class Method(StrEnum):
    """What finds particles without training."""

    hough = "hough"
    watershed = "watershed"


def main() -> None:
    """Run the command line; an error that a user can mend is a sentence."""
    try:
        app(prog_name=PROGRAM)
    except bs.BlendsweepError as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("torch", "numba", "skimage"):
            raise
        command = f"uv run --group detector {PROGRAM}"
        print(f"error: {package} is not installed; `{command}` installs it", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


@app.command(epilog=EXIT_CODES)
def train(
    outputs: Annotated[
        list[str],
        typer.Argument(metavar="OUTPUT", help="Outputs of sweeps: folders or URIs."),
    ],
    to: Annotated[
        Path,
        typer.Option(
            "--to", metavar="FILE", help="The checkpoint: a new file, or one of the same command."
        ),
    ],
    *,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of the first weights and of all crops.")
    ] = 0,
    steps: Steps = None,
) -> None:
    """Train a detector on data sets, and on nothing else.

    It learns from their images `real` and their masks. A GPU is used where there is one. The
    checkpoint is written every minute: after an interruption the same command goes on from it.
    """
    from examples.detector import training
    from examples.detector.tables import number_of

    defaults = training.Training()
    settings = training.Training(seed=seed, steps=defaults.steps if steps is None else steps)
    detector = training.train(outputs, to, settings)
    images = number_of(sum(data["runs"] for data in detector.about["data"]), "image")
    steps_done, seconds = number_of(settings.steps, "step"), detector.about["seconds"]
    typer.echo(f"{images}, {steps_done}, {seconds:.0f} s: {to}")


@app.command(epilog=EXIT_CODES)
def predict(
    detector: Annotated[Path, typer.Argument(metavar="DETECTOR", help="What `train` has saved.")],
    images: Images,
    to: To,
) -> None:
    """Find particles in micrographs of any size.

    For each micrograph, FOLDER gets a label image of 16 bits, STEM.png, 0 where no particle is,
    and a table, STEM.csv: label, centre, diameter and score of each particle.
    """
    from examples.detector.detector import Detector

    loaded = Detector.load(detector)
    digest = hashlib.sha256(detector.read_bytes()).hexdigest()[:8]
    _write_predictions(loaded.predict, f"predictions of {detector.name} ({digest})", images, to)


@app.command(epilog=EXIT_CODES)
def baseline(
    method: Annotated[
        Method, typer.Argument(metavar="METHOD", help="Circles by Hough, or a watershed.")
    ],
    images: Images,
    to: To,
) -> None:
    """Find particles by a classical method, to compare with.

    FOLDER gets what `predict` writes. Their settings suit particles on dark ground.
    """
    from examples.detector import baselines

    _write_predictions(getattr(baselines, method), f"predictions of {method}", images, to)


@app.command(help=FIGURES, epilog=EXIT_CODES)
def evaluate(
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH",
            help="Folder of label images by hand, or one with masks/ in it. A folder ignore/ "
            "beside them marks what must not be judged.",
        ),
    ],
    prediction: Predicted,
    *,
    min_diameter: MinDiameter = 8.0,
    per_image: Annotated[
        bool, typer.Option("--per-image", help="The figures of each image too.")
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all figures to a file for programs."),
    ] = None,
) -> None:
    """Judge found particles against annotated ones; `FIGURES` is the help text."""
    from examples.detector import evaluation

    if json is not None:
        evaluation.check_json_target(json)
    result = evaluation.evaluate(truth, prediction, min_diameter)
    for line in result.lines(per_image=per_image):
        typer.echo(line)
    if json is not None:
        result.write(json)
        typer.echo(f"figures: {json}")


@app.command(epilog=EXIT_CODES)
def overlay(
    prediction: Predicted,
    images: Images,
    to: To,
    *,
    truth: Annotated[
        Path | None, typer.Option(metavar="TRUTH", help="What `evaluate` takes.")
    ] = None,
    min_diameter: MinDiameter = 8.0,
) -> None:
    """Draw what was found, missed and invented.

    Outlines of found particles are green, of missed ones red, of invented ones yellow; without a
    truth to compare with, all are green. FOLDER gets STEM.png for each micrograph.
    """
    from PIL import Image

    from examples.detector.micrographs import micrograph_files
    from examples.detector.overlay import overlays
    from examples.detector.prediction_folder import claim
    from examples.detector.tables import number_of

    files = micrograph_files(images)
    pictures = overlays(files, prediction, truth, min_diameter)
    claim(to, "overlays")
    for stem, picture in pictures:
        Image.fromarray(picture).save(to / f"{stem}.png")
    typer.echo(f"{number_of(len(files), 'picture')}: {to}")


RealDir = Annotated[
    Path,
    typer.Argument(
        metavar="REAL_DIR", help="Folder of micrographs in images/ and label images in masks/."
    ),
]
Output = Annotated[
    Path, typer.Option(metavar="FOLDER", help="Where all of it is kept, and gone on with.")
]
Page = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Page to write the tables into, between its comments. [default: FOLDER/tables.md]",
    ),
]


@app.command(epilog=EXIT_CODES)
def sim2real(
    real_dir: RealDir,
    *,
    output: Output = Path("outputs/sim2real"),
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Number of detectors.")] = 3,
    steps: Steps = None,
    page: Page = None,
) -> None:
    """Train on renders alone, measure on annotated micrographs.

    Makes the data sets of examples/detector/sweeps, trains a detector for each seed, finds the
    particles of all micrographs with each and by two classical methods, and writes tables and
    overlays. The same command goes on after an interruption.
    """
    from examples.detector import baselines, stages
    from examples.detector.sim2real import sim2real as study

    classical = {"circles by Hough": baselines.hough, "watershed": baselines.watershed}
    train = stages.trainer(steps)
    command = _command("sim2real REAL_DIR", seeds=seeds, steps=steps)
    written = study(real_dir, output, seeds, train, classical, page=page, command=command)
    typer.echo(f"tables: {written}")


@app.command(epilog=EXIT_CODES)
def ablation(
    real_dir: RealDir,
    *,
    output: Output = Path("outputs/ablation"),
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Detectors a data set.")] = 1,
    images: Annotated[int, typer.Option(metavar="N", min=1, help="Images a data set.")] = 40,
    steps: Annotated[
        int, typer.Option(metavar="N", min=1, help="Batches of 8 crops to learn.")
    ] = 600,
    page: Page = None,
) -> None:
    """Say what of the data helps.

    Makes small data sets, each with one thing more than the last, trains a detector on each and
    measures it on annotated micrographs. The same command goes on after an interruption.
    """
    from examples.detector import stages
    from examples.detector.ablation import Ablation

    study = Ablation(real_dir, output, stages.trainer(steps), seeds, images)
    command = _command("ablation REAL_DIR", seeds=seeds, images=images, steps=steps)
    typer.echo(f"tables: {study.publish(page, command)}")


@app.command(epilog=EXIT_CODES)
def limits(
    detector: Annotated[Path, typer.Argument(metavar="DETECTOR", help="What `train` has saved.")],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Data set that it was not trained on, in which size, noise and overlap differ.",
        ),
    ],
    *,
    output: Output = Path("outputs/limits"),
    page: Page = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Picture of curves. [default: FOLDER/limits.png]"),
    ] = None,
) -> None:
    """Say how small, faint or hidden particles may be.

    Recall and size errors of a detector, against size, noise and overlap: all that matters of each
    particle of a data set is on record, so the data set says where detection ends. Writes a picture
    of curves and tables.
    """
    from examples.detector.detector import Detector
    from examples.detector.limits import write_limits

    command = f"{PROGRAM} limits {shlex.join([str(detector), data])}"
    page, picture = page or output / "tables.md", picture or output / "limits.png"
    write_limits(Detector.load(detector).predict, data, page, picture, command)
    typer.echo(f"tables: {page}; curves: {picture}")


def _command(start: str, **options: object) -> str:
    """Return what a table says it was made by: options that have a value are part of it."""
    given = [f"--{name} {value}" for name, value in options.items() if value is not None]
    return " ".join(["just", start, *given])


def _write_predictions(detect: Detect, content: str, images: list[Path], to: Path) -> None:
    from examples.detector.micrographs import micrograph_files, read_micrograph
    from examples.detector.prediction_folder import PredictionFolder, claim
    from examples.detector.progress import shown
    from examples.detector.tables import number_of

    files = micrograph_files(images)
    claim(to, content)

    def predictions() -> Iterator[tuple[str, Prediction]]:
        for stem, file in shown(files.items(), "images"):
            yield stem, detect(read_micrograph(file))

    number = PredictionFolder(to).write(predictions())
    typer.echo(f"{number_of(number, 'particle')} in {number_of(len(files), 'image')}: {to}")
