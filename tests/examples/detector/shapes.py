"""Label images of known shapes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def discs(shape: tuple[int, int], *placed: tuple[float, float, float]) -> NDArray[np.uint16]:
    """Return labels 1 to n of discs (row, column, radius in pixels), later ones in front."""
    rows, columns = np.indices(shape)
    labels = np.zeros(shape, np.uint16)
    for label, (row, column, radius) in enumerate(placed, start=1):
        labels[np.hypot(rows - row, columns - column) <= radius] = label
    return labels


def drop(shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Return one particle that no flip or turn leaves as it is: a disc with a long snout."""
    labels = discs(shape, (0.45 * shape[0], 0.4 * shape[1], 0.2 * shape[0]))
    rows, columns = np.indices(shape)
    along = columns - 0.4 * shape[1]
    snout = (along > 0) & (along < 0.4 * shape[1])
    snout &= abs(rows - 0.45 * shape[0] - 0.3 * along) < 0.06 * shape[0]
    labels[snout] = 1
    return labels


def picture_of(labels: NDArray[np.uint16], seed: int = 0) -> NDArray[np.uint8]:
    """Return an image of the particles: bright on dark ground, with noise."""
    noise = np.random.default_rng(seed).normal(0, 6, labels.shape)
    return np.clip(np.where(labels, 150, 30) + noise, 0, 255).astype(np.uint8)
