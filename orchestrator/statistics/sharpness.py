"""How sharp edges are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from orchestrator.statistics.gray import Floats, Levels, gray_levels

SCALES = (1, 2, 4)
"""Standard deviations in pixels of the finer blur; the coarser one is twice that."""

EDGES = 2000
"""At most this many of the steepest places count."""

LEAST_EDGES = 30
_STEEP = 4.0
"""An edge is this many times steeper than the median place of the image."""

_FROM_20_TO_80 = 1.6832
"""Distance between 20 and 80 % of a step that a Gaussian of standard deviation 1 has blurred."""


def edge_width(image: NDArray[Any], quantile: float = 0.5) -> float:
    """Return how wide the steepest edges are, from 20 to 80 % of the step, in pixels.

    In the middle of a step that a Gaussian of standard deviation s has blurred, the gradient after
    another blur of standard deviation t is proportional to 1 / sqrt(s^2 + t^2). Two blurs therefore
    give s (after Zhuo and Sim 2011, Pattern Recognition 44, 1852), at each of the steepest places;
    the width is 1.68 s. Blurs of 1 and 2 pixels tell little of wide edges, which are measured with
    coarser ones.

    Of the microscope and the thing together: a slope of some pixels is as good as blur, a bright
    line along the edge makes it look sharper, down to 0. What is below about half a pixel is not
    told from a step between two pixels.

    Parameters
    ----------
    image
        As for `gray_levels`.
    quantile
        Which of the edges' widths, in [0, 1]; edges at different heights are not all in focus.

    Returns
    -------
    float
        In pixels; NaN if there are no edges that stand out.
    """
    levels = gray_levels(image)
    blur = float("nan")
    for scale in SCALES:
        found = _blur(levels, scale, quantile)
        if not np.isnan(found):
            blur = found
        if blur <= 1.5 * scale:
            break
    return _FROM_20_TO_80 * blur


def _blur(levels: Levels, scale: int, quantile: float) -> float:
    """Return the standard deviation of what has blurred the edges, in pixels."""
    reach = 4 * scale
    if min(levels.shape) < 8 * reach:
        return float("nan")
    smooth = ndimage.gaussian_filter(levels, 2 * scale, mode="nearest")
    coarse = np.hypot(smooth[2:, 1:-1] - smooth[:-2, 1:-1], smooth[1:-1, 2:] - smooth[1:-1, :-2])
    coarse /= 2
    inner = coarse[reach - 1 : 1 - reach, reach - 1 : 1 - reach]
    steep = inner > max(_STEEP * float(np.median(inner)), 0.5)
    down, across = np.nonzero(steep & (inner >= ndimage.maximum_filter(inner, 3)))
    order = np.argsort(-inner[down, across], kind="stable")[:EDGES]
    if len(order) < LEAST_EDGES:
        return float("nan")
    down, across = down[order], across[order]
    fine = _gradient(levels, down + reach, across + reach, scale)
    ratio = (fine / inner[down, across]) ** 2
    # The difference over two pixels, by which the coarser gradient is taken, blurs it, too.
    coarser = (2 * scale) ** 2 + 1 / 3
    # At a ratio of 1 an edge may be of any width; beyond the other limit it is sharper than a step.
    squared = (coarser - ratio * scale**2) / np.maximum(ratio - 1, 1e-3)
    return float(np.sqrt(max(0.0, np.quantile(squared, quantile))))


def _gradient(
    levels: Levels, down: NDArray[np.intp], across: NDArray[np.intp], blur: float
) -> Floats:
    """Return the gradient at some places, after a blur."""
    reach = int(4 * blur)
    steps = np.arange(-reach, reach + 1)
    bell = np.exp(-(steps**2) / (2 * blur**2))
    bell /= bell.sum()
    slope = bell * steps / (bell * steps**2).sum()
    patch = levels[down[:, None, None] + steps[:, None], across[:, None, None] + steps]
    along = np.einsum("nij,j->ni", patch, bell), np.einsum("nij,j->ni", patch, slope)
    return np.asarray(
        np.hypot(np.einsum("ni,i->n", along[0], slope), np.einsum("ni,i->n", along[1], bell))
    )
