"""Pictures that show what was found, missed and invented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from examples.detector.errors import DetectorError
from examples.detector.evaluation import Compared
from examples.detector.micrographs import (
    LABEL_SUFFIXES,
    check_same_size,
    read_labels,
    read_micrograph,
    stems,
)
from examples.detector.progress import shown
from examples.detector.scores import judge

FOUND, MISSED, INVENTED = (40, 220, 60), (255, 50, 50), (255, 220, 0)
_WIDTH_PX = 2
_DARK = 0.25
"""The brightest gray, up to which a micrograph is shown brighter: such as 12 bits saved in 16."""

type Integers = NDArray[np.integer]


def overlay(
    gray: NDArray[np.float32],
    found: Integers,
    true: Integers | None = None,
    *,
    ignore: NDArray[np.bool_] | None = None,
    min_diameter: float = 8.0,
) -> NDArray[np.uint8]:
    """Return a micrograph with the outlines of its particles.

    Found ones are green. Where annotated ones are given, those that were missed are red, and found
    ones that match none of them yellow; particles that are not judged have no outline.

    Parameters
    ----------
    gray
        (height, width) in 0 to 1.
    found, true
        (height, width) labels, 0 where no particle is.
    ignore, min_diameter
        As for `judge`.

    Returns
    -------
    ndarray
        (height, width, 3) uint8.
    """
    brightest = float(gray.max())
    white = brightest if 0 < brightest <= _DARK else 1.0
    picture = np.repeat(np.rint(gray[..., None] * (255 / white)).astype(np.uint8), 3, axis=2)
    if true is None:
        picture[_outlines(found)] = FOUND
        return picture
    judged = judge(true, found, ignore, min_diameter)
    hits, misses = judged.pairs[:, 1], judged.pairs[:, 0]
    picture[_outlines(_only(found, np.delete(judged.found.labels, hits)))] = INVENTED
    picture[_outlines(_only(true, np.delete(judged.true.labels, misses)))] = MISSED
    picture[_outlines(_only(found, judged.found.labels[hits]))] = FOUND
    return picture


def overlays(
    images: Mapping[str, Path], predicted: Path, true: Path | None, min_diameter: float
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Return the picture of each micrograph with its stem, drawn when asked for.

    Parameters
    ----------
    images
        Files of micrographs by their stems.
    predicted, true
        As for `Compared.in_folders`.

    Raises
    ------
    DetectorError
        If a prediction or an annotation is missing, or can't be used.
    """
    found = stems(predicted, LABEL_SUFFIXES)
    compared = Compared.in_folders(true, predicted) if true is not None else None
    for stem, image in images.items():
        for folder, files in ((predicted, found), (true, compared.true if compared else images)):
            if stem not in files:
                raise DetectorError(f"{folder} has nothing for {image}")
            check_same_size(image, files[stem])

    def drawn() -> Iterator[tuple[str, NDArray[np.uint8]]]:
        for stem, image in shown(images.items(), "overlays"):
            gray = read_micrograph(image)
            if compared is None:
                yield stem, overlay(gray, read_labels(found[stem]))
            else:
                labels, its_found, ignore = compared.read(stem)
                yield (
                    stem,
                    overlay(gray, its_found, labels, ignore=ignore, min_diameter=min_diameter),
                )

    return drawn()


def _only(labels: Integers, kept: Integers) -> Integers:
    return np.where(np.isin(labels, kept), labels, 0)


def _outlines(labels: Integers) -> NDArray[np.bool_]:
    """Return the pixels of particles that lie within `_WIDTH_PX` of something else."""
    size = 2 * _WIDTH_PX + 1
    low, high = ndimage.minimum_filter(labels, size), ndimage.maximum_filter(labels, size)
    outlines: NDArray[np.bool_] = (labels > 0) & (low != high)
    return outlines
