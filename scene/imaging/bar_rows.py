"""The rows of an image that show the specimen, and those of a data bar, which do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scene.imaging.footprint import Footprint
from scene.microscopy.data_bar import SMALLEST_WIDTH, rows

type DataBarPlace = Literal["none", "overlay", "below"]
"""Where a data bar is, over the image's lowest rows or below them in rows of its own."""


@final
@dataclass(frozen=True, slots=True)
class BarRows:
    """How an image is divided.

    Parameters
    ----------
    specimen
        Rows from the top that show the specimen.
    bar
        Rows below them.
    """

    specimen: int
    bar: int = 0

    @staticmethod
    def fit(size: tuple[int, int]) -> bool:
        """Return whether images of this width and height can have a data bar."""
        width, height = size
        return width >= SMALLEST_WIDTH and rows(width) < height

    @classmethod
    def of(cls, size: tuple[int, int], place: DataBarPlace) -> Self:
        """Return those of images whose width and height, without rows of a bar's own, are `size`.

        Raises
        ------
        ValueError
            If they are too narrow for a data bar.
        """
        width, height = size
        if place == "none":
            return cls(height)
        bar = rows(width)
        return cls(height if place == "below" else height - bar, bar)

    def image(self, shown: NDArray[Any], nothing: ArrayLike) -> NDArray[Any]:
        """Return an image with a bar that shows nothing.

        Parameters
        ----------
        shown
            (height, width, ...) what is to be seen without a bar.
        nothing
            Value of what shows nothing.
        """
        if not self.bar:
            return shown
        return self.with_bar(shown, np.full((self.bar, *shown.shape[1:]), nothing, shown.dtype))

    def with_bar(self, shown: NDArray[Any], bar: NDArray[Any]) -> NDArray[Any]:
        """Return an image over or above a bar, (`bar`, width, ...)."""
        return np.concatenate([shown[: self.specimen], bar])

    def footprint(self, whole: Footprint) -> Footprint:
        """Return what a footprint has above the bar."""
        kept = max(0, self.specimen - whole.top)
        return (
            whole
            if kept >= len(whole.mask)
            else Footprint(whole.top, whole.left, whole.mask[:kept])
        )
