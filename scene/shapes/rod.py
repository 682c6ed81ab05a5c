"""Spherocylinders: cylinders with round caps."""

from __future__ import annotations

import math

import numpy as np

from scene.shapes.mesh import TriangleMesh, unit

_SEGMENTS = 32
"""Around the axis, a multiple of four, so that the bounding box is exact."""

_CAP_RINGS = 8


def spherocylinder(length: float, width: float, height: float) -> TriangleMesh:
    """Return the rod along x that fills a box round the origin.

    Its caps are half spheres; where width and height differ, half ellipsoids as long as the mean of
    both radii. If it is shorter than its caps, it is an ellipsoid.
    """
    cap = cap_length(length, width, height)
    turns = np.arange(_CAP_RINGS - 1, -1, -1) * (math.pi / 2 / _CAP_RINGS)
    back = turns[::-1][0 if length > 2 * cap else 1 :]  # whose middle ring is the front's, too
    side = np.repeat([1.0, -1.0], [len(turns), len(back)])
    turns = np.concatenate([turns, back])
    x = side * (length / 2 - cap + cap * np.sin(turns))
    angle = np.arange(_SEGMENTS) * (2 * math.pi / _SEGMENTS)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    around[np.abs(around) < 1e-15] = 0.0
    radii = np.cos(turns)[:, np.newaxis, np.newaxis] * (around * (width / 2, height / 2))
    rings = np.concatenate(
        [np.broadcast_to(x[:, np.newaxis, np.newaxis], (*radii.shape[:2], 1)), radii], axis=-1
    )
    slope = np.cos(turns)[:, np.newaxis, np.newaxis] * (around / (width / 2, height / 2))
    lean = np.broadcast_to(
        (side * np.sin(turns) / cap)[:, np.newaxis, np.newaxis], (*slope.shape[:2], 1)
    )
    poles = np.array([[length / 2, 0.0, 0.0], [-length / 2, 0.0, 0.0]])
    vertices = np.concatenate([rings.reshape(-1, 3), poles])
    leaning = np.concatenate([lean, slope], axis=-1).reshape(-1, 3)
    normals = np.concatenate([unit(leaning), np.sign(poles)])
    return TriangleMesh(vertices, tube(len(x), _SEGMENTS), normals)


def cap_length(length: float, width: float, height: float) -> float:
    """Return how long each cap is."""
    return min(length / 2, (width + height) / 4)


def filled(length: float, width: float, height: float) -> float:
    """Return which fraction of its box the rod fills: of a cylinder pi / 4, of its caps pi / 6."""
    caps = 2 * cap_length(length, width, height) / length
    return math.pi / 4 * (1 - caps) + math.pi / 6 * caps


def tube(rings: int, segments: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return the triangles of rings of vertices, one after the other, and two poles.

    Vertex ``ring * segments + segment``; then the pole before the first ring and that behind the
    last. Turns from one segment to the next run counter-clockwise as seen from the first pole.
    """
    ring, here = np.divmod(np.arange((rings - 1) * segments), segments)
    after = (here + 1) % segments
    a, b = ring * segments + here, ring * segments + after
    c, d = a + segments, b + segments
    walls = np.concatenate([np.stack([a, c, d], axis=1), np.stack([a, d, b], axis=1)])
    here = np.arange(segments)
    after = (here + 1) % segments
    first, last = np.full(segments, rings * segments), np.full(segments, rings * segments + 1)
    end = (rings - 1) * segments
    caps = [
        np.stack([first, here, after], axis=1),
        np.stack([last, end + after, end + here], axis=1),
    ]
    return np.concatenate([walls, *caps])
