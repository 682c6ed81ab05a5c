"""Footprints of spheres, exact: a pixel is covered where the ray through its centre meets one.

A point of that ray is a linear function of p = (x, y, t, 1): where it is seen in pixels, and its
depth t between the camera's planes at -1 and 1. In these coordinates a sphere is a quadric,
pᵀ Q p = 0, whatever the projection (Hartley and Zisserman, Multiple View Geometry, section 8.3).
So is the discriminant of its equation in t, over (x, y, 1); inside the outline it is not negative.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scene.imaging.footprint import Footprint

_MOST_PIXELS = 500_000
"""Pixels that are decided at once, which bounds memory to some tens of MiB."""

_PLANE = [0, 1, 3]
"""Where x, y and 1 stand in p."""


def sphere_footprints(
    to_pixels: NDArray[np.float64],
    centres: NDArray[np.floating],
    radii: NDArray[np.floating],
    width: int,
    height: int,
) -> Iterator[Footprint]:
    """Yield the footprints of spheres, one by one.

    A renderer shows the near side of a sphere alone: what of that lies beyond the camera's planes
    is not covered, and a camera inside a sphere does not see it.

    Parameters
    ----------
    to_pixels
        (4, 4) from the spheres' space to homogeneous pixels (x to the right, y downwards, depth):
        what a camera sees has -w <= depth <= w.
    centres
        (N, 3).
    radii
        (N,).
    width, height
        The frame's size in pixels. What lies outside is cut off.
    """
    from_pixels = np.linalg.inv(to_pixels)
    for centre, radius in zip(centres, radii, strict=True):
        # |x - c w|² - (r w)² = 0 for the homogeneous point (x, w).
        offset = from_pixels[:3] - np.outer(centre, from_pixels[3])
        reach = radius * from_pixels[3]
        yield _footprint(offset.T @ offset - np.outer(reach, reach), width, height)


def _footprint(quadric: NDArray[np.float64], width: int, height: int) -> Footprint:
    square, half = quadric[2, 2], quadric[2, _PLANE]
    outline = np.outer(half, half) - square * quadric[np.ix_(_PLANE, _PLANE)]
    left, right = _extent(outline, 0, width)
    top, bottom = _extent(outline, 1, height)
    mask = np.zeros((bottom - top, right - left), dtype=bool)
    if square <= 0:  # the camera is inside
        return Footprint(top, left, mask)
    x = np.arange(left, right) + 0.5
    band = max(1, _MOST_PIXELS // max(1, right - left))
    for begin in range(top, bottom, band):
        y = np.arange(begin, min(begin + band, bottom))[:, np.newaxis] + 0.5
        (xx, xy, x1), (_, yy, y1), (_, _, one) = outline
        inside = xx * x * x + 2 * x1 * x + 2 * xy * y * x + (yy * y * y + 2 * y1 * y + one)
        near = -(half[0] * x + half[1] * y + half[2]) - np.sqrt(np.maximum(inside, 0.0))
        covered = (inside >= 0) & (np.abs(near) <= square)
        mask[begin - top : begin - top + band] = covered
    return Footprint(top, left, mask)


def _extent(outline: NDArray[np.float64], axis: int, size: int) -> tuple[int, int]:
    """Return the first pixel along an axis that an outline may cover, and the one after the last.

    An ellipse lies between its two tangents across the axis, which its dual conic gives. An outline
    that is no ellipse is of a sphere that reaches behind the camera: it may be anywhere.
    """
    other = 1 - axis
    a, b, c = outline[axis, axis], outline[axis, other], outline[other, other]
    d, e, f = outline[axis, 2], outline[other, 2], outline[2, 2]
    bounded = a * c - b * b
    if bounded <= 0 or c >= 0:
        return 0, size
    middle = (b * e - d * c) / bounded
    reach = np.sqrt(max(0.0, middle * middle - (c * f - e * e) / bounded))
    # A pixel more than that, for what rounding may do.
    first = np.clip(np.floor(middle - reach - 1.5), 0, size)
    last = np.clip(np.ceil(middle + reach + 1.5), 0, size)
    return int(first), int(last)
