"""Gaussian blur whose cost does not grow with its width."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_NARROW = 8.0
"""Standard deviation in pixels up to which every pixel is computed."""

_TRUNCATED = 3.5


def blurred(image: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    """Return an image blurred with a Gaussian; its sum stays, and nothing passes the borders.

    A wide blur is made on a coarser grid, to which pixels are spread, and from which they are
    interpolated, both linearly. These two blur by themselves; the blur between is narrower by as
    much. The result differs from a Gaussian by less than 0.5 % of the image's range.

    Parameters
    ----------
    image
        (height, width) float32.
    deviation
        Standard deviation in pixels, not negative; at most the image's larger side counts, from
        which on everything is close to the mean.
    """
    from scipy import ndimage

    deviation = min(deviation, float(max(image.shape)))

    # Mirrored at the borders, half a pixel beyond the last one: so the sum stays.
    if deviation < _NARROW:
        narrow: NDArray[np.float32] = ndimage.gaussian_filter(
            image, deviation, mode="reflect", truncate=_TRUNCATED
        )
        return narrow
    step = 2 * int(deviation / _NARROW) + 1
    coarse = image
    for axis in (0, 1):
        coarse = _coarser(coarse, step, math.ceil(_TRUNCATED * deviation), axis)
    # Each triangle has the variance (step**2 - 1) / 6.
    narrower = math.sqrt(deviation**2 - (step**2 - 1) / 3) / step
    coarse = ndimage.gaussian_filter(coarse, narrower, mode="reflect", truncate=_TRUNCATED)
    for axis in (0, 1):
        coarse = _interpolated(coarse, step, image.shape[axis], axis)
    return coarse


def _coarser(image: NDArray[np.float32], step: int, beyond: int, axis: int) -> NDArray[np.float32]:
    """Spread values along one axis, linearly, to places `step` pixels apart.

    The places go on for `beyond` pixels past the far border, behind which all is mirrored; before
    the near border it is by itself, as the first place lies half a step from it.
    """
    from scipy import ndimage

    length = image.shape[axis]
    padding = [(0, 0), (0, 0)]
    padding[axis] = (0, beyond + -(length + beyond) % step)
    spread = np.pad(image, padding, mode="symmetric")
    for _ in range(2):  # two boxes make a triangle, and cost the same however wide they are
        spread = ndimage.uniform_filter1d(spread, step, axis, mode="reflect")
    places = [slice(None), slice(None)]
    places[axis] = slice(step // 2, None, step)
    found: NDArray[np.float32] = spread[tuple(places)]
    return found


def _interpolated(
    coarse: NDArray[np.float32], step: int, length: int, axis: int
) -> NDArray[np.float32]:
    """Return values at every pixel along one axis, linear between those of a coarser grid."""
    place = (np.arange(length) + 0.5) / step - 0.5
    last = coarse.shape[axis] - 1
    below = np.clip(np.floor(place).astype(np.intp), 0, last)
    above = np.minimum(below + 1, last)
    part = np.clip(place - below, 0, 1).astype(np.float32)
    if axis == 0:
        part = part[:, np.newaxis]
    low = coarse.take(below, axis=axis)
    rise: NDArray[np.float32] = coarse.take(above, axis=axis)
    rise -= low
    rise *= part
    rise += low
    return rise
