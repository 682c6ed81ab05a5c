"""Rotations, as matrices and as XYZ Euler angles."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

type Matrix = NDArray[np.float64]
type Points = NDArray[np.float64]

_LOCKED = 1e-7


def turned(turn: Matrix, points: Points) -> Points:
    """Return points (..., 3), turned by a matrix (3, 3).

    The sums are written out, so that they do not depend on a library's threads.
    """
    x, y, z = np.moveaxis(points, -1, 0)
    return np.stack([row[0] * x + row[1] * y + row[2] * z for row in turn], axis=-1)


def then_turned(earlier: Matrix, turn: Matrix) -> Matrix:
    """Return what earlier rotations (..., 3, 3) are when another one (3, 3) follows."""
    return turned(turn, earlier.swapaxes(-1, -2)).swapaxes(-1, -2)


def random_turn(rng: np.random.Generator) -> Matrix:
    """Draw a rotation by uniform angles about x, y and z in turn.

    That is not uniform over all rotations. An angle's cosine and sine come from a point in the unit
    disc by von Neumann's method, which needs no function that differs between processors.
    """
    turn = np.eye(3)
    for axis in range(3):
        cosine, sine = _cosine_and_sine(rng)
        turn = then_turned(turn, _about(axis, cosine, sine))
    return turn


def _cosine_and_sine(rng: np.random.Generator) -> tuple[float, float]:
    while True:
        x, y = rng.uniform(-1.0, 1.0, 2).tolist()
        square = x * x + y * y
        if 0.0 < square <= 1.0:
            return (x * x - y * y) / square, 2.0 * x * y / square


def _about(axis: int, cosine: float, sine: float) -> Matrix:
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[second, first], matrix[first, second] = sine, -sine
    return matrix


def matrix_of(angles: tuple[float, ...]) -> Matrix:
    """Return the matrix of XYZ Euler angles in radians: about x first, then y, then z."""
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = then_turned(turn, _about(axis, math.cos(angle), math.sin(angle)))
    return turn


def angles_of(turn: Matrix) -> tuple[float, float, float]:
    """Return the XYZ Euler angles (x, y, z) in radians of a rotation matrix.

    Where y is a quarter turn, only the sum or the difference of x and z is known; z is 0 then.
    """
    (m00, m01, _), (m10, m11, _), (m20, m21, m22) = turn.tolist()
    level = math.hypot(m00, m10)
    if level > _LOCKED:
        return math.atan2(m21, m22), math.atan2(-m20, level), math.atan2(m10, m00)
    x = math.atan2(m01, m11) if m20 < 0 else math.atan2(-m01, m11)
    return x, math.atan2(-m20, level), 0.0
