"""What of the data earns the result: small data sets, each with one thing more than the last.

All lines have the same number of images, so that what differs is what the images show; what they
cost stands beside them. Ways to make an image are compared at equal time instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from examples.detector.evaluation import Evaluation, evaluate
from examples.detector.prediction_folder import claim
from examples.detector.realism import FIGURES, figures
from examples.detector.scores import pooled
from examples.detector.stages import (
    LEAST_DIAMETER,
    Rendered,
    Train,
    micrographs_of,
    predict,
    render,
)
from examples.detector.tables import check_page, made, publish, table

RECIPES = Path(__file__).with_name("recipes")
PILOT = 4
"""Images from which the time of an image is known."""

TABLES = ("ablation", "equal-time")


@dataclass(frozen=True, slots=True)
class Line:
    """A data set of the comparison.

    Parameters
    ----------
    name
        Of its folder.
    change
        What it has that the line before has not.
    recipe
        A recipe's file, or the name of one that ships.
    overrides
        Besides the seed.
    """

    name: str
    change: str
    recipe: str
    overrides: tuple[str, ...] = ()

    def render(self, folder: Path, images: int, *, progress: bool) -> Rendered:
        """Make the data set, or what is left of it."""
        sweep = {
            "name": f"ablation_{self.name}",
            "recipe": self.recipe,
            "overrides": ["initial_runtime_state.seed=range(100000)", *self.overrides],
        }
        output = folder / "data" / self.name
        return render(sweep, output=output, limit=images, progress=progress)


def _own(recipe: str) -> str:
    return str(RECIPES / f"{recipe}.yaml")


LINES = (
    Line(
        "today",
        "`spheres_sem`, path-traced: beads of nearly one size on a light ground",
        "spheres_sem",
        ("render.resolution=[640,640]", "blueprints.particles.Bead.number=30,90,150,210,270"),
    ),
    Line("sizes", "+ sizes: log-normal, near and far", _own("ablation_sizes")),
    Line("look", "the same beads, computed from buffers, one setting", _own("ablation_look")),
    Line("ground", "+ ground and contrast", _own("ablation_ground")),
    Line("chain", "+ imaging chain", _own("ablation_chain")),
    Line("full", "+ shapes and satellites: `powder`", _own("powder")),
)
SIZES, LOOK = LINES[1], LINES[2]
AT_EQUAL_TIME = (
    replace(SIZES, change="path-traced, `fast`"),
    Line(
        "equal_reference",
        "path-traced, `reference`, 160 x 160 pixels",
        SIZES.recipe,
        ("render.fidelity=reference", "render.resolution_percentage=25"),
    ),
    Line("equal_buffers", "computed from buffers", LOOK.recipe),
)


@dataclass(frozen=True, slots=True)
class Ablation:
    """Small data sets, a detector trained on each, and what these find.

    Parameters
    ----------
    real
        Folder with ``images`` and ``masks``, which no training sees.
    output
        Folder of data sets, detectors and predictions.
    train
        Trains a detector; the same for each line.
    seeds
        Detectors a line.
    images
        Images a line.
    progress
        Whether it is shown.
    """

    real: Path
    output: Path
    train: Train
    seeds: int = 1
    images: int = 40
    progress: bool = True

    def publish(self, page: Path | None = None, command: str = "just ablation REAL_DIR") -> Path:
        """Make whatever is not there yet, write the tables into a page and return it.

        Raises
        ------
        BlendsweepError
            If something is wrong with the input; then nothing was started.
        """
        micrographs_of(self.real)
        page = page or self.output / "tables.md"
        check_page(page, TABLES)
        claim(self.output, "an ablation")
        columns = ["data", "images", "rendering", *FIGURES]
        parts = [self.rows(), self.rows_at_equal_time()]
        tables = [f"{made(command)}\n\n{table(columns, rows)}" for rows in parts]
        publish(page, dict(zip(TABLES, tables, strict=True)))
        return page

    def rows(self) -> Iterator[list[str]]:
        """Yield a row for each line, all of the same number of images."""
        for line in LINES:
            yield self.row(line, self.images)

    def rows_at_equal_time(self) -> Iterator[list[str]]:
        """Yield a row for each way to make images, of as many as the time of the first gives."""
        first, *others = AT_EQUAL_TIME
        budget = first.render(self.output, self.images, progress=self.progress).seconds
        yield self.row(first, self.images)
        for line in others:
            pilot = line.render(self.output, PILOT, progress=self.progress)
            yield self.row(line, max(PILOT, int(budget / pilot.seconds * pilot.images)))

    def row(self, line: Line, images: int) -> list[str]:
        """Return what a data set cost and what detectors trained on it reach."""
        rendered = line.render(self.output, images, progress=self.progress)
        scores = [pooled(list(one.judged.values())) for one in self.evaluations(line, rendered)]
        cost = [f"{rendered.images}", f"{rendered.seconds / 60:.1f} min"]
        return [line.change, *cost, *figures(scores)]

    def evaluations(self, line: Line, rendered: Rendered) -> Iterator[Evaluation]:
        """Yield how good the detector of each seed is."""
        micrographs = micrographs_of(self.real)
        for seed in range(self.seeds):
            checkpoint = self.output / f"{line.name}-{seed}.pt"
            detect = self.train([rendered.output], checkpoint, seed).detect
            folder = self.output / "predictions" / checkpoint.stem
            predict(detect, micrographs, folder, [checkpoint])
            yield evaluate(self.real, folder, LEAST_DIAMETER)
