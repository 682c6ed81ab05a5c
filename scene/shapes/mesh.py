"""A closed surface as triangles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray


@final
@dataclass(frozen=True, slots=True)
class TriangleMesh:
    """A closed surface.

    Parameters
    ----------
    vertices
        (V, 3) float64.
    triangles
        (T, 3) int64, indices of vertices, counter-clockwise seen from outside.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]

    @property
    def volume(self) -> float:
        """The enclosed volume, summed over tetrahedra between the origin and each triangle."""
        a, b, c = np.moveaxis(self.vertices[self.triangles], 1, 0)
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)
