"""From what lies under a microscope's beam to what its image shows.

Everything is rendered with a margin and without distortion. An image shows the part inside the
margin and, where the scan distorts it, other places. What is seen and what is known of it move
alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from scene.imaging.footprint import Footprint
from scene.microscopy.raster import Raster
from scene.microscopy.scan import Positions


@final
@dataclass(frozen=True)
class Sampling:
    """Which place each of the frame's pixels shows.

    Parameters
    ----------
    raster
        The frame and its margin.
    positions
        Where each pixel's content comes from; None for an image without distortion.
    """

    raster: Raster
    positions: Positions | None = None

    def image(self, whole: NDArray[Any]) -> NDArray[Any]:
        """Return what the frame shows of an array of ``raster.shape``, each pixel the nearest.

        Further axes, such as those of normals, go along.
        """
        if self.positions is None:
            return self.raster.inner(whole)
        rows, columns = self._nearest
        # A fifth of the time of indexing with rows and columns.
        places = rows * self.raster.shape[1] + columns
        return whole.reshape(-1, *whole.shape[2:]).take(places, axis=0)

    def footprint(self, whole: Footprint) -> Footprint:
        """Return which of the frame's pixels show a particle.

        Parameters
        ----------
        whole
            What it covers of the margin-extended grid.
        """
        if self.positions is None:
            return self._cropped(whole)
        height, width = whole.mask.shape
        lines = self._lines
        # Lines that may show the footprint's rows, and among their pixels those of its columns.
        top = int(np.searchsorted(lines.lowest, whole.top))
        bottom = max(top, int(np.searchsorted(lines.highest, whole.top + height)))
        most = int(lines.right[top:bottom].max(initial=0))
        least = int(lines.left[top:bottom].min(initial=0))
        left = min(max(0, whole.left - most), self.raster.width)
        right = min(max(left, whole.left + width - least), self.raster.width)
        rows, columns = (axis[top:bottom, left:right] for axis in self._nearest)
        row, column = rows - whole.top, columns - whole.left
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        mask = np.zeros(inside.shape, dtype=bool)
        mask[inside] = whole.mask[row[inside], column[inside]]
        return Footprint(top, left, mask)

    def _cropped(self, whole: Footprint) -> Footprint:
        margin = self.raster.margin
        top, left = max(0, whole.top - margin), max(0, whole.left - margin)
        rows = slice(margin + top - whole.top, max(0, margin + self.raster.height - whole.top))
        columns = slice(margin + left - whole.left, max(0, margin + self.raster.width - whole.left))
        return Footprint(top, left, whole.mask[rows, columns])

    @cached_property
    def _nearest(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows and columns in whole numbers; beyond the edges the view goes on as it is there."""
        assert self.positions is not None
        rows, columns = (
            np.clip(np.rint(axis), 0, last - 1).astype(np.intp)
            for axis, last in zip(self.positions, self.raster.shape, strict=True)
        )
        return rows, columns

    @cached_property
    def _lines(self) -> _Lines:
        rows, columns = self._nearest
        shift = columns - np.arange(self.raster.width)
        return _Lines(
            lowest=np.maximum.accumulate(rows.max(axis=1)),
            highest=np.minimum.accumulate(rows.min(axis=1)[::-1])[::-1],
            left=shift.min(axis=1),
            right=shift.max(axis=1),
        )


@final
@dataclass(frozen=True, slots=True)
class _Lines:
    """What the frame's lines show at most, (height,) each.

    Parameters
    ----------
    lowest
        The lowest row that a line or one above it shows.
    highest
        The highest row that a line or one below it shows.
    left, right
        The least and the largest number that leads from a pixel's column to the one that it shows.
    """

    lowest: NDArray[np.intp]
    highest: NDArray[np.intp]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
