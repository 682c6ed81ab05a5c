"""Two strands that are wound about each other along a helix."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scene.shapes.mesh import TriangleMesh
from scene.shapes.rod import tube

_THICKEST = 1.6
"""Factor of the profile halfway; it is 0 at both ends."""

_BLUNTNESS = 0.3
"""Power of the sine that the profile grows by, such that a worm has its published size."""

_STRAND = 2.25
"""Radius of a strand over the distance of its axis from the middle."""

_TILT = 8.0
"""Radians that the strands turn along the edge of the base cube."""

_FEWEST_AROUND, _MOST_AROUND = 16, 24
_FEWEST_ALONG, _MOST_ALONG = 24, 60


def worm(edge: float, thickness: float, rotations: float, resolution: float) -> TriangleMesh:
    """Return the surface round the origin.

    Parameters
    ----------
    edge
        Of the base cube: the helix has a radius of a quarter of it.
    thickness
        How far the strands' axes are from the middle, over the edge.
    rotations
        Of the helix.
    resolution
        Length of the faces' edges, within bounds that keep the mesh small.
    """
    offset = thickness * edge
    height = edge - 2 * thickness
    length = math.hypot(2 * math.pi * rotations * edge / 4, height)
    widest = _THICKEST * (1 + _STRAND) * offset
    around = _between(2 * math.pi * widest / resolution, _FEWEST_AROUND, _MOST_AROUND)
    along = _between(length / resolution, _FEWEST_ALONG, _MOST_ALONG)

    # Closer to the ends, where the profile grows fastest, rings are closer.
    part = (1 - np.cos(np.arange(along + 1) / along * math.pi)) / 2
    turn = 2 * math.pi * rotations * part
    ring = edge / 4 * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    middle = np.column_stack([ring, height * (part - 0.5)])
    normal, binormal = _frames(turn, rotations, edge, height)

    inner = slice(1, along)
    grown = _THICKEST * np.sin(math.pi * part[inner]) ** _BLUNTNESS
    angle = np.arange(around) * (2 * math.pi / around)
    profile = offset * (np.abs(np.cos(angle)) + np.sqrt(_STRAND**2 - np.sin(angle) ** 2))
    tilt = _TILT * part[inner] * length / edge
    turned = angle + tilt[:, np.newaxis]
    radius = grown[:, np.newaxis] * profile
    rings = (
        middle[inner, np.newaxis]
        + (radius * np.cos(turned))[..., np.newaxis] * normal[inner, np.newaxis]
        + (radius * np.sin(turned))[..., np.newaxis] * binormal[inner, np.newaxis]
    )
    vertices = np.concatenate([rings.reshape(-1, 3), middle[[0, -1]]])
    return TriangleMesh(vertices, tube(along - 1, around)[:, ::-1]).smooth()


def _frames(
    turn: NDArray[np.float64], rotations: float, edge: float, height: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return directions across a helix, one away from its axis, and the other one."""
    outward = np.column_stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)])
    rise = np.array([2 * math.pi * rotations * edge / 4, height])
    rise = rise / np.hypot(*rise)
    tangent = np.column_stack(
        [-np.sin(turn) * rise[0], np.cos(turn) * rise[0], np.full_like(turn, rise[1])]
    )
    return outward, np.cross(tangent, outward)


def _between(number: float, fewest: int, most: int) -> int:
    return min(max(math.ceil(number), fewest), most)
