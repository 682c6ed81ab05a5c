"""Motion of a rigid body, carried over to what hangs on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self, final

import numpy as np
from numpy.typing import NDArray

from scene.shapes.agglomeration.turns import angles_of, matrix_of, then_turned, turned


@final
@dataclass(frozen=True, slots=True)
class Motion:
    """A turn about a point, and where that point goes.

    Parameters
    ----------
    start, end
        (3,) the point before and after.
    turn
        (3, 3) rotation matrix.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    turn: NDArray[np.float64]

    @classmethod
    def by_quaternion(
        cls, start: NDArray[np.float64], end: NDArray[np.float64], turn: NDArray[np.float64]
    ) -> Self:
        """Return the motion whose turn is a quaternion (w, x, y, z), of any length but 0."""
        length = math.hypot(*turn.tolist())
        w, x, y, z = (part / length for part in turn.tolist())
        matrix = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
        return cls(start, end, np.array(matrix))

    def carried(
        self, location: tuple[float, ...], rotation: tuple[float, ...]
    ) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Return where and how something lies afterwards: location, and XYZ Euler angles."""
        x, y, z = (self.end + turned(self.turn, np.array(location) - self.start)).tolist()
        return (x, y, z), angles_of(then_turned(matrix_of(rotation), self.turn))
