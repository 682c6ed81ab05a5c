"""What every study does: data, predictions. What is done already is left as it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from PIL import Image

import blendsweep as bs
from examples.detector.errors import DetectorError
from examples.detector.micrographs import (
    Annotated,
    annotated_folder,
    read_labels,
    read_micrograph,
)
from examples.detector.prediction import Detect
from examples.detector.prediction_folder import PredictionFolder
from examples.detector.progress import shown

CODE = tuple(
    path
    for path in Path(__file__).parent.glob("*.py")
    if path.stem in ("baselines", "crops", "detector", "merging")
)
"""What decides, besides a checkpoint, what is found."""

LEAST_DIAMETER = 8.0
"""Annotated particles below are not judged, in px."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A data set, and what it cost.

    Parameters
    ----------
    output
        Where it lies.
    images
        Number of images.
    seconds
        Time of a worker, one core by default, that its runs took all together.
    """

    output: str
    images: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A detector, and for how many seconds it was trained."""

    detect: Detect
    seconds: float


type Train = Callable[[Sequence[str], Path, int], Trained]
"""Trains on data sets, or goes on with it: where they lie, the checkpoint, the seed."""


def micrographs_of(real: Path) -> list[Annotated]:
    """Return the micrographs of a folder, after every file has been read once.

    Raises
    ------
    DetectorError
        If the folder or a file in it can't be used.
    """
    found = annotated_folder(real)
    for one in found:
        read_micrograph(one.image)
        read_labels(one.labels)
    return found


def render(
    sweep: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    progress: bool = True,
    **options: Any,
) -> Rendered:
    """Run a sweep, or what is left of it.

    Parameters
    ----------
    sweep, overrides, options
        As for `blendsweep.run`.
    progress
        Whether it is shown.

    Raises
    ------
    BlendsweepError
        If it can't be run, or no run of it succeeded.
    """
    result = bs.run(
        sweep, overrides, progress="auto" if progress else None, mlflow=False, **options
    )
    runs = result.data.manifest(["status", "time.total"])
    seconds = runs.filter(pc.equal(runs["status"], "succeeded"))["time.total"].to_pylist()
    if not seconds:
        why = f": {result.failures[0].error_message}" if result.failures else ""
        raise DetectorError(f"no run of {result.summary.sweep} succeeded{why}")
    return Rendered(result.summary.output, len(seconds), sum(seconds))


def predict(
    detect: Detect, micrographs: Sequence[Annotated], folder: Path, made_of: Sequence[Path] = ()
) -> Path:
    """Find the particles of micrographs, unless the folder holds what is found in them.

    Parameters
    ----------
    detect
        Maps an image to a `Prediction`.
    micrographs
        Where to look.
    folder
        What is to hold a label image for each; it appears when all are done.
    made_of
        Files, such as the detector's, that make predictions out of date if they are newer.
    """
    sources = [*CODE, *made_of, *(one.image for one in micrographs)]
    labels = [folder / f"{one.stem}.png" for one in micrographs]
    if all(path.exists() for path in labels):
        newest = max(path.stat().st_mtime for path in sources)
        if min(path.stat().st_mtime for path in labels) >= newest:
            return folder
    partial = folder.with_name(f"{folder.name}.partial")
    for old in (partial, folder):
        shutil.rmtree(old, ignore_errors=True)
    partial.mkdir(parents=True)
    PredictionFolder(partial).write(
        (one.stem, detect(read_micrograph(one.image))) for one in shown(micrographs, folder.name)
    )
    return partial.rename(folder)


def draw(micrographs: Sequence[Annotated], found: Path, real: Path, pictures: Path) -> None:
    """Write a picture of each micrograph that shows what was found, missed and invented."""
    from examples.detector.overlay import overlays

    pictures.mkdir(parents=True, exist_ok=True)
    images = {one.stem: one.image for one in micrographs}
    for stem, picture in overlays(images, found, real, LEAST_DIAMETER):
        Image.fromarray(picture).save(pictures / f"{stem}.png")


def trainer(steps: int | None = None, *, progress: bool = True) -> Train:
    """Return what trains detectors as `training.train` does; None for its own number of steps."""
    from examples.detector.training import Training, train

    settings = Training() if steps is None else Training(steps=steps)

    def trained(data: Sequence[str], checkpoint: Path, seed: int) -> Trained:
        detector = train(data, checkpoint, replace(settings, seed=seed), progress=progress)
        return Trained(detector.predict, detector.about["seconds"])

    return trained
