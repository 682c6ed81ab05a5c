"""The micrographs that a recipe is matched to: read, cut, measured, and doubted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from orchestrator.common.words import counted
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.micrographs import Micrograph, image_files, read_micrograph
from orchestrator.statistics.summary import summary
from scene.errors import ConfigurationError, Problem

FEWEST, MOST = 5, 50
"""Fewer images make ranges doubtful; of more than the most, that many are used."""

SMALLEST = 96
"""Pixels; a smaller piece shows too little for statistics."""

_PIECES = 9
"""Most pieces of one image that are measured."""

_ALIKE = 1.2
"""Pixels whose sizes differ by a smaller factor are of one scale."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What is measured of a folder of micrographs.

    Parameters
    ----------
    names
        Of the images.
    side
        Pixels along each side of the pieces that were measured.
    statistics
        Of each piece, a row; see `STATISTICS`.
    owners
        Number of the image that each piece is of.
    pixel_nm
        Side of a pixel in nm, if the instrument says it and it is the same in all images.
    doubts
        What the reader has to know, in sentences.
    """

    names: Sequence[str]
    side: int
    statistics: Floats
    owners: NDArray[np.int64]
    pixel_nm: float | None
    doubts: Sequence[str]


def measured(folder: str, side: int) -> Measured:
    """Read the images of a folder and measure pieces of them.

    Parameters
    ----------
    side
        Pixels along each side of a piece; less if an image is smaller.

    Raises
    ------
    ConfigurationError
        If there is no such folder, or no usable image in it.
    """
    files = image_files(folder)
    doubts = []
    if len(files) > MOST:
        doubts.append(f"{MOST} of the {len(files)} images are used.")
        files = [files[int(n)] for n in np.linspace(0, len(files) - 1, MOST).round()]
    images: list[Micrograph] = []
    problems: list[Problem] = []
    for path in files:
        try:
            image = read_micrograph(path)
            if min(image.image.shape) < SMALLEST:
                height, width = image.image.shape
                message = f"is {width} x {height} pixels, fewer than {SMALLEST} x {SMALLEST}"
                raise ConfigurationError([Problem(str(path), "", message)])
            images.append(image)
        except ConfigurationError as error:
            problems += error.problems
    if not images:
        raise ConfigurationError(problems)
    if len(images) < FEWEST:
        doubts.append(
            f"There {'is' if len(images) == 1 else 'are'} only {counted(len(images), 'image')}; "
            f"with fewer than {FEWEST}, others may well lie outside of the ranges."
        )
    doubts += [f"{problem}; it is left out." for problem in problems]
    side = min(side, *(min(image.image.shape) for image in images)) // 16 * 16
    rows, owners = [], []
    for number, image in enumerate(images):
        for piece in pieces(image.image, side):
            rows.append(summary(piece).vector)
            owners.append(number)
    statistics, of_image = np.array(rows), np.array(owners)
    pixel_nm, scale_doubts = _scale(images)
    doubts += [*_of_files(images), *scale_doubts]
    return Measured([image.name for image in images], side, statistics, of_image, pixel_nm, doubts)


def pieces(image: NDArray[Any], side: int) -> list[NDArray[Any]]:
    """Return square pieces of an image, which do not overlap, at most nine, evenly chosen."""
    height, width = image.shape
    across, down = width // side, height // side
    chosen = np.unique(np.linspace(0, across * down - 1, _PIECES).round().astype(int))
    found = []
    for number in chosen.tolist():
        row, column = divmod(number, across)
        top = (height - side) * row // max(1, down - 1)
        left = (width - side) * column // max(1, across - 1)
        found.append(image[top : top + side, left : left + side])
    return found


def _of_files(images: Sequence[Micrograph]) -> list[str]:
    bars = sum(image.bar_rows > 0 for image in images)
    found = [f"A data bar was found in {counted(bars, 'image')} and left out."] if bars else []
    remarks: dict[str, list[str]] = {}
    for image in images:
        for remark in image.remarks:
            remarks.setdefault(remark, []).append(image.name)
    for remark, names in remarks.items():
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        found.append(f"{names[0]}{more} {remark}.")
    return found


def _scale(images: Sequence[Micrograph]) -> tuple[float | None, list[str]]:
    """Return the size of a pixel if all images have one, and what is doubtful about scales."""
    known = [image.pixel_nm for image in images if image.pixel_nm]
    if not known:
        return None, []
    low, high = min(known), max(known)
    if high > _ALIKE * low:
        return None, [
            (
                f"The images are of different scales, with pixels of {low:.3g} to {high:.3g} nm: "
                "ranges of sizes and of the magnification cover all of them."
            )
        ]
    return (float(np.median(known)) if len(known) == len(images) else None), []
