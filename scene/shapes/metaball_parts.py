"""The part of each ball in a family of metaballs, as a mesh of its own.

A net of triangles round a ball's centre is blown up until it meets the surface or a neighbour's
part. Where it goes over from one to the other, its triangles are cut along that seam, so that
neighbours' seams fall together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scene.shapes.fused import FusedPart
from scene.shapes.mesh import TriangleMesh
from scene.shapes.metaballs import Ball
from scene.shapes.sphere import directions as net

_SEAM_POINTS = np.array([0.25, 0.5, 0.75])
"""Where within a triangle a seam is looked for, beside its ends on two of the sides."""

_HALVINGS = 14
"""They leave less than 1e-4 of a triangle's side."""


def ball_part(ball: Ball, cells: int) -> FusedPart:
    """Return a ball's part of the fused body, round its own centre.

    Parameters
    ----------
    ball
        The ball and its neighbours.
    cells
        Along each edge of the cube that the net is made from, an even number; see
        :func:`scene.shapes.sphere.cube_sphere`.
    """
    sphere = net(cells)
    directions, triangles = sphere.vertices, sphere.triangles
    places = ball.places(directions)
    seam, triangles, is_outer = _cut(ball, directions, triangles, places.wall < 0)
    distances = ball.distances(directions, places)
    wall = places.wall
    if len(seam):
        directions = np.concatenate([directions, seam])
        distances = np.concatenate([distances, ball.distances(seam, ball.places(seam))])
        wall = np.concatenate([wall, np.full(len(seam), -1)])
    vertices = distances[:, None] * directions
    normals = ball.normals(vertices, wall)
    return FusedPart(TriangleMesh(vertices, triangles, normals), is_outer)


def _cut(
    ball: Ball,
    directions: NDArray[np.float64],
    triangles: NDArray[np.int64],
    is_free: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Cut the triangles that a seam runs through.

    Returns
    -------
    seam
        (S, 3), the new directions, which come after the given ones.
    triangles
        (T, 3).
    is_outer
        (T,) whether a triangle lies on the surface.
    """
    corners = is_free[triangles]
    free = corners.sum(axis=1)
    is_whole = (free == 0) | (free == 3)
    mixed = np.flatnonzero(~is_whole)
    # Turn each triangle so that the corner that is alone on its side of the seam comes first.
    first = np.argmax(corners[mixed] == (free[mixed] == 1)[:, None], axis=1)
    a, b, c = triangles[mixed[:, None], (first[:, None] + np.arange(3)) % 3].T
    tips = np.stack([np.concatenate([a, a]), np.concatenate([b, c])], axis=1)
    sides, side = np.unique(np.sort(tips, axis=1), axis=0, return_inverse=True)
    one, two = directions[sides[:, 0]], directions[sides[:, 1]]
    across = _mixed(directions[b, None], directions[c, None], _SEAM_POINTS[:, None])
    inner = len(_SEAM_POINTS)
    one = np.concatenate([one, np.repeat(directions[a], inner, axis=0)])
    two = np.concatenate([two, across.reshape(-1, 3)])
    starts_free = np.concatenate([is_free[sides[:, 0]], np.repeat(is_free[a], inner)])[:, None]
    seam = _between(ball, np.where(starts_free, one, two), np.where(starts_free, two, one))

    number = len(directions)
    line = np.empty((inner + 2, len(mixed)), dtype=np.int64)  # from side a b to side a c
    line[0], line[-1] = number + side.reshape(2, -1)
    line[1:-1] = (number + len(sides) + np.arange(inner * len(mixed))).reshape(-1, inner).T
    # A side may look the same at both ends and not in between; nothing is found from there.
    lost = (ball.places(seam[len(sides) :]).wall >= 0).reshape(-1, inner).T
    for k in range(inner):
        line[k + 1] = np.where(lost[k], line[k], line[k + 1])
    steps = range(inner + 1)
    middle = (inner + 1) // 2
    tip = [(a, line[k], line[k + 1]) for k in steps]
    base = [(line[k], b if k < middle else c, line[k + 1]) for k in steps]
    base.append((line[middle], b, c))
    parts = [triangles[is_whole], *(np.stack(part, axis=1) for part in (*tip, *base))]
    outer = [free[is_whole] == 3, *([is_free[a]] * len(tip)), *([~is_free[a]] * len(base))]
    every = np.concatenate(parts)
    has_area = (every != np.roll(every, 1, axis=1)).all(axis=1)
    return seam, every[has_area], np.concatenate(outer)[has_area]


def _between(
    ball: Ball, free: NDArray[np.float64], walled: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the last directions on the surface between two, of which the second meets a wall."""
    low, high = np.zeros(len(free)), np.ones(len(free))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_free = ball.places(_mixed(free, walled, middle[:, None])).wall < 0
        low, high = np.where(is_free, middle, low), np.where(is_free, high, middle)
    return _mixed(free, walled, low[:, None])


def _mixed(
    one: NDArray[np.float64], two: NDArray[np.float64], fraction: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return directions on the way from one to two, of length 1."""
    mixed = one + fraction * (two - one)
    mixed /= np.sqrt(np.einsum("...i,...i->...", mixed, mixed))[..., None]
    return mixed
