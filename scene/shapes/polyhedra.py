"""Regular and truncated polyhedra, by their corners.

All of them fit a cube: their bounding boxes have three equal sides.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

_GOLDEN = (1 + 5**0.5) / 2


@cache
def corners(kind: str) -> NDArray[np.float64]:
    """Return the corners, (N, 3), of a polyhedron of `KINDS`, on the sphere of radius 1."""
    patterns, order, only_even = KINDS[kind]
    points = {
        tuple(sign * number for sign, number in zip(signs, place, strict=True))
        for pattern in patterns
        for place in (permutations(pattern) if order == "any" else _turned(pattern))
        for signs in product((1.0, -1.0), repeat=3)
        if not only_even or np.prod(signs) > 0
    }
    found = np.array(sorted({tuple(number + 0.0 for number in point) for point in points}))
    radius = float(np.linalg.norm(found[0]))
    return found / radius


def _turned(pattern: tuple[float, ...]) -> list[tuple[float, ...]]:
    """Return its even permutations."""
    return [pattern[step:] + pattern[:step] for step in range(3)]


type _Pattern = tuple[float, float, float]

KINDS: dict[str, tuple[tuple[_Pattern, ...], str, bool]] = {
    "tetrahedron": (((1, 1, 1),), "any", True),
    "cube": (((1, 1, 1),), "any", False),
    "octahedron": (((0, 0, 1),), "any", False),
    "dodecahedron": (((1, 1, 1), (0, 1 / _GOLDEN, _GOLDEN)), "even", False),
    "icosahedron": (((0, 1, _GOLDEN),), "even", False),
    "truncated_tetrahedron": (((3, 1, 1),), "any", True),
    "truncated_cube": (((2**0.5 - 1, 1, 1),), "any", False),
    "cuboctahedron": (((0, 1, 1),), "any", False),
    "truncated_octahedron": (((0, 1, 2),), "any", False),
    "truncated_icosahedron": (
        (
            (0, 1, 3 * _GOLDEN),
            (1, 2 + _GOLDEN, 2 * _GOLDEN),
            (_GOLDEN, 2, 2 * _GOLDEN + 1),
        ),
        "even",
        False,
    ),
}
"""Coordinates of the corners, with all signs and in any order, or in even permutations alone.

The last says whether only those with an even number of minus signs are corners."""
