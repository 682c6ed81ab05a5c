"""Superellipsoids: between octahedron, ellipsoid and box.

A. H. Barr, Superquadrics and angle-preserving transformations, IEEE Computer Graphics and
Applications 1 (1981) 11.
"""

from __future__ import annotations

from math import gamma

import numpy as np

from scene.shapes.mesh import TriangleMesh, unit
from scene.shapes.sphere import directions


def superellipsoid(cells: int, side: float, height: float) -> TriangleMesh:
    """Return the surface ``(|x|^p + |y|^p)^(q/p) + |z|^q = 1`` of diameter 1, p and q at least 1.

    Parameters
    ----------
    cells
        As of :func:`scene.shapes.sphere.directions`.
    side
        The exponent p of cuts across z: 1 a square on its corner, 2 a circle, large a square.
    height
        The exponent q of cuts along z.
    """
    sphere = directions(cells)
    across, up = np.abs(sphere.vertices[:, :2]), np.abs(sphere.vertices[:, 2])
    powers = across**side
    ring = powers.sum(axis=1) ** (height / side)
    level = (ring + up**height) ** (1 / height)
    flat = np.maximum(powers.sum(axis=1), np.finfo(float).tiny)
    outer = (ring / flat)[:, np.newaxis] * across ** (side - 1)
    slopes = np.column_stack([outer, up ** (height - 1)])
    # On an edge, which exponents of 1 give, the normal lies between those of both faces.
    normals = unit(slopes * np.sign(sphere.vertices))
    vertices = 0.5 * sphere.vertices / level[:, np.newaxis]
    return TriangleMesh(vertices, sphere.triangles, normals)


def volume(side: float, height: float) -> float:
    """Return the volume of such a superellipsoid of diameter 1.

    >>> round(volume(2.0, 2.0) * 6 / 3.141592653589793, 12), round(volume(1.0, 1.0) * 6, 12)
    (1.0, 1.0)
    """
    a, b = 2 / height, 2 / side
    return a * b / 4 * _beta(a / 2 + 1, a) * _beta(b / 2, b / 2)


def _beta(x: float, y: float) -> float:
    return gamma(x) * gamma(y) / gamma(x + y)
