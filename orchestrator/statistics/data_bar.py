"""The data bar: the strip with text that instruments write at the bottom of an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.statistics.gray import Floats, gray_levels

HIGHEST = 0.35
"""Fraction of an image's height that a bar takes at most."""

LEAST_ROWS = 6
_NEAR = 2
"""Gray levels that count as one, for images that were compressed with loss."""

_JUMP = 0.3
"""Fraction of a row's pixels that take the background's level at once where the bar begins."""

_WINDOW = 3
_UNDER = 0.06
"""Fraction of the height that may show the specimen again under a bar."""

_PLAIN = 0.9


def specimen_rows(image: NDArray[Any]) -> int:
    """Return how many rows, from the top, show the specimen; those below hold a data bar.

    A bar has a background of one gray level, across a third of the width or more, which begins in
    all columns at the same row: nothing that a microscope shows does. Boxes with some image beside
    and under them are found, too; text and lines written into the image itself are not.

    Parameters
    ----------
    image
        As for `gray_levels`.

    Returns
    -------
    int
        The image's height if it has no data bar.
    """
    levels = np.rint(gray_levels(image)).astype(np.int64)
    height = len(levels)
    start = int(height * (1 - HIGHEST))
    lower = levels[start:]
    found = _portions(lower)
    if len(found) < 2 * _WINDOW + 1:
        return height
    sums = np.concatenate([np.zeros((1, 256)), np.cumsum(found, axis=0)])
    means = (sums[_WINDOW:] - sums[:-_WINDOW]) / _WINDOW
    jumps = means[_WINDOW:] - means[:-_WINDOW]
    # Of the rows around a bar's first one the first has the sharpest step of its own.
    steps = found[_WINDOW : 1 - _WINDOW or None] - found[_WINDOW - 1 : -_WINDOW]
    best = np.where(jumps >= _JUMP, steps[: len(jumps)], 0.0)
    for place in np.argsort(-best, axis=None, kind="stable")[:32]:
        row, level = (int(n) for n in np.unravel_index(place, best.shape))
        if best[row, level] < _JUMP / 2:
            break
        top = row + _WINDOW
        bottom = _bottom(found[top:, level]) + top
        if bottom - top >= LEAST_ROWS and len(lower) - bottom <= _UNDER * height:
            return start + _with_frame(found, top)
    return height


def _portions(levels: NDArray[np.int64]) -> Floats:
    """Return for each row which fraction of its pixels is at, or near, each gray level."""
    height, width = levels.shape
    flat = (levels + 256 * np.arange(height)[:, None]).ravel()
    counts = np.bincount(flat, minlength=256 * height).reshape(height, 256)
    padded = np.cumsum(np.pad(counts, ((0, 0), (_NEAR + 1, _NEAR))), axis=1)
    near = padded[:, 2 * _NEAR + 1 :] - padded[:, : -2 * _NEAR - 1]
    return np.asarray(near / width, dtype=np.float64)


def _bottom(portions: Floats) -> int:
    """Return after how many rows a bar ends whose background has such portions; text hides it."""
    gone = portions < _JUMP / 2
    run = 0
    for row, away in enumerate(gone):
        run = run + 1 if away else 0
        if run > 2:
            return row - run + 1
    return len(portions) - run


def _with_frame(portions: Floats, top: int) -> int:
    """Return where the bar begins if lines of one gray level above it belong to it."""
    while top > 0 and portions[top - 1].max() >= _PLAIN:
        top -= 1
    return top
