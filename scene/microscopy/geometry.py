"""Geometry buffers: what every pixel shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class GeometryBuffers:
    """What every pixel shows, from one render.

    Parameters
    ----------
    depth
        (height, width) float32, distance along the view axis in scene units, inf where nothing is.
    normal
        (height, width, 3) float32, camera-space unit normal, zero where nothing is.
    instance
        (height, width) uint16, the particle's id, 0 where nothing is.
    """

    depth: NDArray[np.float32]
    normal: NDArray[np.float32]
    instance: NDArray[np.uint16]

    def read_only(self) -> GeometryBuffers:
        """Return the same arrays for others to look at, who can't change them."""
        seen = GeometryBuffers(self.depth.view(), self.normal.view(), self.instance.view())
        for array in (seen.depth, seen.normal, seen.instance):
            array.flags.writeable = False
        return seen
