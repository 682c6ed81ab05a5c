"""Footprints: which pixels of a frame a particle covers, whatever lies in front of it.

A pixel belongs to a particle where the line of sight through its centre meets the particle's mesh,
as in the geometry buffers. The faces that meet it are counted without looking at every face. Turned
to face the camera, all faces run counter-clockwise, and along an edge between two faces their
contributions cancel unless the edge belongs to the outline. The count at a pixel is thus the
winding number of the outline round it, which a scan along the pixel rows gives exactly (scanline
conversion with the non-zero winding rule; Foley et al., Computer Graphics, section 3.6).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

_MOST_CORNERS = 500_000
"""Corners of triangles that are worked on at once."""

_MOST_PIXELS = 1_000_000
"""Pixels that are filled at once. Both bound memory to some tens of MiB, whatever a frame shows."""


@final
@dataclass(frozen=True, slots=True)
class Topology:
    """The triangles of a mesh and the edges between them.

    Parameters
    ----------
    triangles
        (T, 3) int, indices of vertices.
    edges
        (E, 2) int, indices of vertices, each pair once.
    half_edges
        (3 T,) int, the sides of all triangles, as ``3 * triangle + side``, sorted by edge.
    directions
        (3 T,) int8, 1 where the side runs along its edge, -1 where it runs against it.
    starts
        (E,) int, where each edge's sides begin in `half_edges`.
    """

    triangles: NDArray[np.intp]
    edges: NDArray[np.intp]
    half_edges: NDArray[np.intp]
    directions: NDArray[np.int8]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, triangles: NDArray[np.intp]) -> Self:
        """Return the topology of a mesh given by its triangles, (T, 3) indices of vertices."""
        tails = triangles.ravel()
        heads = np.roll(triangles, -1, axis=1).ravel()
        low, high = np.minimum(tails, heads), np.maximum(tails, heads)
        order = np.lexsort((high, low))
        low, high = low[order], high[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
        starts = np.flatnonzero(first)
        return cls(
            triangles=triangles,
            edges=np.stack([low[starts], high[starts]], axis=1),
            half_edges=order,
            directions=np.where(tails[order] == low, 1, -1).astype(np.int8),
            starts=starts,
        )


@final
@dataclass(frozen=True, slots=True)
class Footprint:
    """The pixels that one particle covers.

    Parameters
    ----------
    top, left
        Row and column of the mask's first pixel in the frame.
    mask
        (height, width) bool.
    """

    top: int
    left: int
    mask: NDArray[np.bool_]


def between_planes(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what of triangles lies between a camera's near and far plane.

    Sutherland and Hodgman's clipping, a plane at a time.

    Parameters
    ----------
    corners
        (T, 3, 4) homogeneous coordinates after projection: -w <= z <= w is seen.

    Returns
    -------
    ndarray
        (U, 3, 4) the triangles that are left, cut at the planes.
    """
    for sign in (1.0, -1.0):
        corners = _on_near_side(corners, corners[..., 3] + sign * corners[..., 2])
    return corners


def _on_near_side(
    corners: NDArray[np.float64], distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Cut triangles where `distance`, (T, 3), which is linear on each, falls below 0."""
    inside = distance >= 0
    number = inside.sum(axis=1)
    parts = [corners[number == 3]]
    for count in (1, 2):
        cut = np.flatnonzero(number == count)
        # Turn each triangle so that the corner that is alone on its side comes first.
        first = np.argmax(inside[cut] == (count == 1), axis=1)
        order = (first[:, None] + np.arange(3)) % 3
        a, b, c = np.moveaxis(corners[cut[:, None], order], 1, 0)
        da, db, dc = distance[cut[:, None], order].T[..., None]
        ab, ac = a + (b - a) * (da / (da - db)), a + (c - a) * (da / (da - dc))
        if count == 1:
            parts.append(np.stack([a, ab, ac], axis=1))
        else:
            parts += [np.stack([ab, b, c], axis=1), np.stack([ab, c, ac], axis=1)]
    return np.concatenate(parts)


def footprints(
    topology: Topology, vertices: NDArray[np.float64], width: int, height: int
) -> Iterator[Footprint]:
    """Yield the footprints of particles whose meshes have the same triangles, one by one.

    All of them together may be many times the frame.

    Parameters
    ----------
    topology
        The triangles.
    vertices
        (particles, V, 2) where vertices are seen: x to the right and y downwards in pixels, 0 at
        the frame's left and upper edge, so that the first pixel's centre is at 0.5.
    width, height
        The frame's size in pixels. What lies outside is cut off.
    """
    at_once = max(1, _MOST_CORNERS // max(1, topology.triangles.size))
    for begin in range(0, len(vertices), at_once):
        yield from _footprints(topology, vertices[begin : begin + at_once], width, height)


def _footprints(
    topology: Topology, vertices: NDArray[np.float64], width: int, height: int
) -> Iterator[Footprint]:
    count = len(vertices)
    particle, edge, weight = _outlines(topology, vertices)
    x, y = (vertices[particle[:, None], topology.edges[edge], axis].T for axis in (0, 1))
    # Rows whose centres the edge crosses, its upper end included and its lower one not.
    upper, lower = np.minimum(*y), np.maximum(*y)
    begin = np.clip(np.ceil(upper - 0.5), 0, height).astype(np.intp)
    end = np.clip(np.ceil(lower - 0.5), 0, height).astype(np.intp)
    rows_crossed = end - begin
    which = np.repeat(np.arange(len(edge)), rows_crossed)
    row = np.arange(len(which)) - np.repeat(np.cumsum(rows_crossed) - rows_crossed, rows_crossed)
    row += begin[which]
    along = (row + 0.5 - y[0, which]) / (y[1, which] - y[0, which])
    crossing = x[0, which] + along * (x[1, which] - x[0, which])
    column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.intp)
    step = np.where(y[1, which] > y[0, which], -weight[which], weight[which])

    owner = particle[which]
    first, last = boxes(owner, column, row, count)
    (left, top), (right, bottom) = np.where(last < 0, 0, first), last
    # One more column than pixels: a step behind the last pixel changes nothing.
    columns = right - left + 1
    rows = bottom - top + 1
    row -= top[owner]
    column -= left[owner]
    # Edges were found particle by particle, so those of one particle lie together.
    begins = np.searchsorted(owner, np.arange(count + 1))
    for index in range(count):
        own = slice(begins[index], begins[index + 1])
        mask = _filled(row[own], column[own], step[own], int(rows[index]), int(columns[index]))
        yield Footprint(int(top[index]), int(left[index]), mask)


def _filled(
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    step: NDArray[np.int64],
    rows: int,
    columns: int,
) -> NDArray[np.bool_]:
    """Return where the steps, added up along each row, are positive: (rows, columns - 1)."""
    band = max(1, _MOST_PIXELS // max(1, columns))
    if rows <= band:
        place = row * columns + column
        steps = np.bincount(place, weights=step, minlength=rows * columns)
        grid = steps.reshape(-1, max(1, columns))
        return np.cumsum(grid, axis=1)[:, :-1] > 0.5
    mask = np.empty((rows, columns - 1), dtype=bool)
    for begin in range(0, rows, band):
        height = min(band, rows - begin)
        inside = (row >= begin) & (row < begin + height)
        mask[begin : begin + height] = _filled(
            row[inside] - begin, column[inside], step[inside], height, columns
        )
    return mask


def _outlines(
    topology: Topology, vertices: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
    """Return particle, edge and weight of all edges whose faces do not cancel."""
    corners = vertices[:, topology.triangles]
    one, two = corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
    facing = np.sign(one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0]).astype(np.int8)
    sides = facing[:, topology.half_edges // 3] * topology.directions
    weights = np.add.reduceat(sides, topology.starts, axis=1, dtype=np.int64)
    particle, edge = np.nonzero(weights)
    return particle, edge, weights[particle, edge]


def boxes(
    owner: NDArray[np.integer[Any]], xs: NDArray[np.intp], ys: NDArray[np.intp], number: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the least and the largest x and y of the pixels of each of `number` owners.

    Parameters
    ----------
    owner, xs, ys
        (pixels,) whose each pixel is, from 0 on, and where it lies.

    Returns
    -------
    tuple of ndarray
        Two of (2, number); for an owner without a pixel, the least lies above the largest.
    """
    low, high = np.full((2, number), np.iinfo(np.intp).max), np.full((2, number), -1)
    for axis, positions in enumerate((xs, ys)):
        np.minimum.at(low[axis], owner, positions)
        np.maximum.at(high[axis], owner, positions)
    return low, high
