"""What the report needs of each image: its statistics, and two small pictures of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.run_files import RunFilesError
from orchestrator.report.contact_sheet import TILE
from orchestrator.report.sample import Sample
from orchestrator.statistics.brightness import histogram
from orchestrator.statistics.data_bar import specimen_rows
from orchestrator.statistics.gray import LEAST, WHITE, Floats, gray_levels
from orchestrator.statistics.micrographs import Micrograph, as_gray, image_files, read_micrograph
from orchestrator.statistics.noise import NoiseCurve
from orchestrator.statistics.profiles import RadialProfile
from orchestrator.statistics.spectrum import Spectrum
from orchestrator.statistics.summary import Measurements, Summary
from scene.errors import ConfigurationError, Problem

MODE = "real"
"""The mode whose images are compared."""

MOST_RUNS = 30
MOST_REAL = 60


@final
@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One image, synthetic or real.

    Parameters
    ----------
    micrograph
        Its name, its size, what was left out and done to it; without its pixels.
    size
        Its width and height in pixels, without a data bar.
    measured
        Width and height of its middle, of which the statistics are.
    summary, histogram, noise, spectrum, profile, diameters
        Its statistics.
    whole, detail
        The image, small, and its middle, a pixel a pixel.
    """

    micrograph: Micrograph
    size: tuple[int, int]
    measured: tuple[int, int]
    summary: Summary
    histogram: Floats
    noise: NoiseCurve
    spectrum: Spectrum
    profile: RadialProfile
    diameters: Floats
    whole: Image.Image
    detail: Image.Image


def looks(real: Sequence[Micrograph], synthetic: Sequence[Micrograph]) -> tuple[list[Look], ...]:
    """Return the looks of both sets of images, each measured in a frame of the same size.

    Some statistics depend on how much an image shows: the largest thing that can be in it, the
    smallest in one that is binned before it is measured. So of larger images the middle counts.
    """
    common = [
        min(
            int(np.median([image.image.shape[axis] for image in each]))
            for each in (real, synthetic)
        )
        for axis in (0, 1)
    ]
    return tuple([_look(image, common) for image in each] for each in (real, synthetic))


def synthetic_images(data: DataSet, sample: Sample) -> list[Micrograph]:
    """Return the images of some of a data set's runs, by run id: those of the smallest ids.

    Raises
    ------
    ConfigurationError
        If no run has an image to compare.
    """
    found: list[Micrograph] = []
    run_ids = sorted(sample.rows["run_id"].to_pylist())
    for run in data.runs_of(run_ids[: 4 * MOST_RUNS]):
        if len(found) == MOST_RUNS:
            break
        # Of several views the first; an image of one particle alone is none of a specimen.
        files = (f for f in run.files if f.mode == MODE and f.particle_id is None)
        if (file := next(files, None)) is None:
            continue
        try:
            image, _ = as_gray(run.pixels(file))
        except RunFilesError:
            continue  # `verify` says why
        if min(image.shape) < LEAST:
            continue
        rows = specimen_rows(image)
        pixel_nm = run.row.get("pixel_size_nm")
        found.append(Micrograph(run.run_id, image[:rows], len(image) - rows, pixel_nm, ()))
    if not found:
        message = f"has no image of the mode {MODE!r} yet to compare with real ones"
        raise ConfigurationError([Problem(data.storage.public_uri, "", message)])
    return found


def real_images(folder: str) -> tuple[list[Micrograph], list[str]]:
    """Return the images in a folder, and what can't be used, in sentences.

    Raises
    ------
    ConfigurationError
        If there is no such folder, no image in it, or none that can be read.
    """
    files = image_files(folder)
    found: list[Micrograph] = []
    left_out: list[str] = []
    problems: list[Problem] = []
    if len(files) > MOST_REAL:
        left_out.append(f"{MOST_REAL} of the {len(files)} real images are compared.")
    for path in _spread(files, MOST_REAL):
        try:
            found.append(read_micrograph(path))
        except ConfigurationError as error:
            problems += error.problems
    if not found:
        raise ConfigurationError(problems)
    left_out += [
        f"{Path(problem.source).name} {problem.message}; it is left out." for problem in problems
    ]
    return found, left_out


def _look(micrograph: Micrograph, most: Sequence[int]) -> Look:
    image = _middle(micrograph.image, most)
    measured = Measurements(image)
    levels = np.rint(gray_levels(micrograph.image)).clip(0, WHITE).astype(np.uint8)
    height, width = levels.shape
    whole = Image.fromarray(levels)
    factor = min(1.0, TILE / max(whole.size))
    small = max(1, round(width * factor)), max(1, round(height * factor))
    return Look(
        micrograph=Micrograph(
            micrograph.name,
            image[:0],
            micrograph.bar_rows,
            micrograph.pixel_nm,
            micrograph.remarks,
        ),
        size=(width, height),
        measured=(image.shape[1], image.shape[0]),
        summary=measured.summary,
        histogram=histogram(image),
        noise=measured.noise.curve,
        spectrum=measured.spectrum,
        profile=measured.profile,
        diameters=measured.diameters,
        whole=whole.resize(small, Image.Resampling.LANCZOS),
        detail=Image.fromarray(_middle(levels, (TILE, TILE))),
    )


def _middle(image: NDArray[Any], most: Sequence[int]) -> NDArray[Any]:
    top, left = (max(0, have - want) // 2 for have, want in zip(image.shape, most, strict=True))
    return image[top : top + most[0], left : left + most[1]]


def _spread(files: Sequence[Path], most: int) -> Iterator[Path]:
    """Return at most so many files, evenly."""
    places = np.unique(np.linspace(0, len(files) - 1, min(most, len(files))).round().astype(int))
    return (files[int(place)] for place in places)
