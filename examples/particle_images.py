"""Images, instance masks and boxes of a data set, as arrays: what every framework starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import blendsweep as bs


@dataclass(frozen=True)
class Example:
    """One image and its labels.

    Parameters
    ----------
    image
        (height, width) uint8, or uint16 where the recipe says `render.bit_depth: 16`.
    instances
        (height, width) uint16, the particle's id, 0 elsewhere.
    ids
        (n,) int64, the particles that can be seen.
    boxes
        (n, 4) float32: left, top, right, bottom in pixels; right and bottom are exclusive.
    """

    image: NDArray[np.uint8] | NDArray[np.uint16]
    instances: NDArray[np.uint16]
    ids: NDArray[np.int64]
    boxes: NDArray[np.float32]


def read_example(run: bs.RecordedRun) -> Example:
    """Read one run's image and its labels."""
    return labelled(run.image("real"), run.instances)


def labelled(
    image: NDArray[np.uint8] | NDArray[np.uint16], instances: NDArray[np.uint16]
) -> Example:
    """Return an image with the boxes that its instance mask implies."""
    rows, columns = np.nonzero(instances)
    ids, particle = np.unique(instances[rows, columns], return_inverse=True)
    boxes = np.empty((len(ids), 4), dtype=np.float32)
    boxes[:, :2], boxes[:, 2:] = np.inf, -np.inf
    for side, positions in enumerate((columns, rows)):
        np.minimum.at(boxes[:, side], particle, positions)
        np.maximum.at(boxes[:, side + 2], particle, positions + 1)
    return Example(image, instances, ids.astype(np.int64), boxes)


def random_crop(
    example: Example, size: int, rng: np.random.Generator, least_share: float = 0.25
) -> Example:
    """Cut the same square out of image and labels.

    Parameters
    ----------
    size
        Pixels of a side; smaller where the image is.
    least_share
        A particle of whose visible pixels less than this share is left is no particle any more: it
        loses its box and becomes background in the mask.
    """
    height, width = example.instances.shape
    top = int(rng.integers(max(height - size, 0), endpoint=True))
    left = int(rng.integers(max(width - size, 0), endpoint=True))
    window = np.s_[top : top + size, left : left + size]
    instances = example.instances[window]
    number = int(example.ids.max(initial=0)) + 1
    before = np.bincount(example.instances.ravel(), minlength=number)
    after = np.bincount(instances.ravel(), minlength=number)
    kept = after >= least_share * before
    return labelled(example.image[window], np.where(kept[instances], instances, np.uint16(0)))
