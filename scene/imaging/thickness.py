"""The ways through particles, of straight rays along the view axis.

They are found on a grid finer than the pixels, as what passes through a particle changes steeply
at its rim. Of a sphere they are chords. A ray enters and leaves a closed surface in turns, so its
way inside is the sum of the depths at which it leaves less those at which it enters, in whichever
order they come. Along a row of pixels that sum is linear from one edge of the surface's triangles
to the next, so that what changes at edges, added up, is the whole of it (scanline conversion with
differences; Foley et al., Computer Graphics, section 3.6).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from scene.imaging.footprint import Topology
from scene.microscopy.thickness import FINER

_SMALLEST_AREA = 1e-9
"""Area of a triangle, in places squared, below which it is seen edge-on and covers none."""


_MOST_PIXELS = 200_000
"""Pixels that are worked on at once, which bounds memory to some tens of MiB."""


@final
@dataclass(frozen=True, slots=True)
class Window:
    """Pixels of a view that a particle may cover.

    Parameters
    ----------
    top, left, rows, columns
        Where they are; there may be none.
    """

    top: int
    left: int
    rows: int
    columns: int

    @classmethod
    def of(cls, lower: NDArray[Any], upper: NDArray[Any], shape: tuple[int, int]) -> Self:
        """Return those between two corners (x, y) in pixels, as far as a view of `shape` goes."""
        # A pixel's outermost places lie a third of it from its centre, so its own edges suffice.
        left, top = np.floor(lower).astype(int)
        right, bottom = np.ceil(upper).astype(int)
        height, width = shape
        top, left = min(max(top, 0), height), min(max(left, 0), width)
        rows, columns = min(bottom, height) - top, min(right, width) - left
        return cls(int(top), int(left), max(int(rows), 0), max(int(columns), 0))

    def bands(self) -> Iterator[Self]:
        """Yield windows one below the other that together are this one, none of them large."""
        height = max(1, _MOST_PIXELS // max(1, self.columns))
        for below in range(0, self.rows if self.columns else 0, height):
            yield replace(self, top=self.top + below, rows=min(height, self.rows - below))

    @property
    def places(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the finer grid lies in the view, along x and along y, in pixels."""
        columns = (np.arange(self.columns * FINER) + 0.5) / FINER + self.left
        rows = (np.arange(self.rows * FINER) + 0.5) / FINER + self.top
        return columns, rows

    def folded(self, lengths: NDArray[Any]) -> NDArray[np.float32]:
        """Return lengths at the `places`, (rows, columns) of them, by pixels."""
        folded = lengths.reshape(self.rows, FINER, self.columns, FINER)
        return folded.astype(np.float32, copy=False)


def through_sphere(
    centre: tuple[float, float], depth: float, radius: float, scale: float, window: Window
) -> NDArray[np.float32]:
    """Return how long the ways through a sphere are, in scene units.

    Parameters
    ----------
    centre
        (x, y) in pixels of the view.
    depth
        Of its centre below the camera, in scene units; nothing is seen above that.
    radius
        In scene units.
    scale
        Side of a pixel in scene units.
    window
        The pixels.
    """
    x, y = window.places
    across = ((x - centre[0]) * scale).astype(np.float32)
    along = ((y - centre[1]) * scale).astype(np.float32)
    half = np.subtract.outer(np.float32(radius**2) - along * along, across * across)
    np.sqrt(np.maximum(half, 0, out=half), out=half)
    if depth >= radius:
        half *= 2
    else:
        half = np.maximum(half + np.float32(depth), 0) - np.maximum(np.float32(depth) - half, 0)
    return window.folded(half)


def through_surface(
    vertices: NDArray[np.float64], topology: Topology, window: Window
) -> NDArray[np.float32]:
    """Return how long the ways inside a closed surface are, in scene units.

    Parameters
    ----------
    vertices
        (V, 3): x and y in pixels of the view, and the depth below the camera in scene units.
    topology
        The surface's triangles.
    window
        The pixels.
    """
    rows, columns = window.rows * FINER, window.columns * FINER
    seen = vertices.copy()
    # In steps of the finer grid, whose places are at whole numbers.
    seen[:, :2] = (seen[:, :2] - (window.left, window.top)) * FINER - 0.5
    slope, offset = _planes(seen[topology.triangles])
    # The edge's own direction decides where it crosses a row, for both of its triangles alike.
    tail, head = seen[topology.edges[:, 0]], seen[topology.edges[:, 1]]
    upper, lower = np.minimum(tail[:, 1], head[:, 1]), np.maximum(tail[:, 1], head[:, 1])
    begin = np.clip(np.ceil(upper), 0, rows).astype(np.intp)
    end = np.clip(np.ceil(lower), 0, rows).astype(np.intp)
    crossed = end - begin
    which = np.repeat(np.arange(len(crossed)), crossed)
    row = np.arange(len(which)) - np.repeat(np.cumsum(crossed) - crossed - begin, crossed)
    rise = head[:, 1] - tail[:, 1]
    sides = topology.half_edges // 3
    turn = -topology.directions * np.sign(np.repeat(rise, np.diff([*topology.starts, len(sides)])))

    def changes(of: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(turn * of[sides], topology.starts)

    steepness = (head[:, 0] - tail[:, 0]) / np.where(rise, rise, 1.0)
    crossing = tail[which, 0] + (row - tail[which, 1]) * steepness[which]
    column = np.clip(np.ceil(crossing), 0, columns).astype(np.intp)
    place = row * (columns + 1) + column
    across, along, start = (changes(of)[which] for of in (slope[:, 0], slope[:, 1], offset))
    size = rows * (columns + 1)
    grids = (
        np.bincount(place, weights, minlength=size).reshape(rows, columns + 1)[:, :-1]
        for weights in (across, along * row + start)
    )
    linear, constant = (np.cumsum(grid, axis=1) for grid in grids)
    linear *= np.arange(columns)
    lengths = linear + constant
    return window.folded(np.maximum(lengths, 0.0))


def _planes(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return depth as a linear function of x and y on triangles: (T, 2) slopes, (T,) offsets.

    All 0 for triangles that are seen edge-on.
    """
    origin = corners[:, 0]
    one, two = corners[:, 1] - origin, corners[:, 2] - origin
    area = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    flat = np.abs(area) < _SMALLEST_AREA
    scale = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, area))
    x = (one[:, 2] * two[:, 1] - two[:, 2] * one[:, 1]) * scale
    y = (two[:, 2] * one[:, 0] - one[:, 2] * two[:, 0]) * scale
    offset = np.where(flat, 0.0, origin[:, 2] - x * origin[:, 0] - y * origin[:, 1])
    return np.stack([x, y], axis=1), offset
