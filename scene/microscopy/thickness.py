"""Thickness: how long the ways through a particle are, of straight rays along the view axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

FINER = 3
"""Places along a pixel's side at which lengths are known; the middle one is the pixel's centre."""


@final
@dataclass(frozen=True, slots=True)
class Thickness:
    """The ways through one particle, where it is in the image.

    Parameters
    ----------
    particle_id
        Whose they are.
    height
        Of the particle's middle above the ground in nm.
    top, left
        First row and column of the view that are covered.
    lengths
        (rows, `FINER`, columns, `FINER`) float32, in scene units; 0 beside the particle.
    """

    particle_id: int
    height: float
    top: int
    left: int
    lengths: NDArray[np.float32]

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the view that are covered."""
        rows, _, columns, _ = self.lengths.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)


def filtered(finer: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what pixels show of a quantity, as Cycles weights its samples.

    Parameters
    ----------
    finer
        (rows, `FINER`, columns, `FINER`); it is 0 beyond.

    Returns
    -------
    numpy.ndarray
        (rows + 2, columns + 2): a pixel's weights go on into its neighbours.
    """
    for axis in (0, 1):  # the first axis becomes the last each time
        rows, *others = (finer.shape[0], *finer.shape[2:])
        shown = np.zeros((rows + 2, *others), np.float32)
        for place in range(FINER):
            for neighbour in range(3):
                weight = _WEIGHTS[FINER * (2 - neighbour) + place]
                shown[neighbour : neighbour + rows] += finer[:, place] * weight
        finer = np.moveaxis(shown, 0, -1) if axis == 0 else shown
    return finer.T


def _blackman_harris() -> NDArray[np.float32]:
    """Return the weights of a pixel's places, and of those of its neighbours along one axis.

    Cycles' filter of a width of 1.5 reaches 1.5 pixels to either side.
    """
    turn = np.pi * (np.arange(3 * FINER) - (3 * FINER - 1) / 2) / (1.5 * FINER)
    weights = np.zeros(3 * FINER)
    for number, height in enumerate((0.35875, 0.48829, 0.14128, 0.01168)):
        weights += height * np.cos(number * turn)
    normalised: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return normalised


_WEIGHTS = _blackman_harris()
