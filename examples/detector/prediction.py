"""What a detector says of a micrograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blendsweep import statistics


@dataclass(frozen=True)
class Prediction:
    """The particles found in one micrograph.

    Parameters
    ----------
    labels
        (height, width) uint16: 1 to n, 0 where no particle is.
    scores
        (n,) float32 in 0 to 1: how sure each is; that of label i is at i - 1.
    """

    labels: NDArray[np.uint16]
    scores: NDArray[np.float32]


type Detect = Callable[[NDArray[np.float32]], Prediction]
"""Finds the particles of a micrograph, (height, width), gray in 0 to 1."""


def without_data_bar(image: NDArray[np.float32], detect: Detect) -> Prediction:
    """Find the particles of a micrograph above its data bar, if it has one.

    Text is no particle, and a bar's black and white are not the specimen's.
    """
    rows = statistics.specimen_rows(image)
    found = detect(image[:rows])
    labels = np.zeros(image.shape, np.uint16)
    labels[:rows] = found.labels
    return Prediction(labels, found.scores)
