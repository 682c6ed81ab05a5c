"""How an image's pixels lie on the specimen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from numpy.typing import NDArray


@final
@dataclass(frozen=True, slots=True)
class Raster:
    """The pixels of a frame, with a margin of further pixels on each side.

    Parameters
    ----------
    width, height
        Pixels of the frame, the margin not counted.
    margin
        Pixels on each of its four sides whose content still matters inside.
    pixel_nm
        Side of a pixel on the specimen in nm.
    """

    width: int
    height: int
    margin: int
    pixel_nm: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of an array that covers the frame and its margin."""
        return self.height + 2 * self.margin, self.width + 2 * self.margin

    def inner(self, whole: NDArray[Any]) -> NDArray[Any]:
        """Return the frame's part of an array of `shape`, whatever further axes it has."""
        rows = slice(self.margin, self.margin + self.height)
        columns = slice(self.margin, self.margin + self.width)
        return whole[rows, columns]
