"""How large things are, without labels. Three answers to three different questions.

- `inscribed_diameters`: of the largest discs that fit into the bright class, one a particle where
  particles are compact. By number, as a count of particles would.
- `granulometry`: of squares that fit under the image as a landscape, whatever the threshold,
  weighted by how much light they hold; so large and bright particles count most.
- `autocorrelation_length` (module `spectrum`): one length for all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from orchestrator.statistics.gray import Floats, binned, gray_levels
from orchestrator.statistics.regions import SIDE, Regions

LEAST_DIAMETER = 4
"""What is smaller, in pixels of the binned image, is taken for noise."""

OPENINGS = (3, 4, 6, 8, 11, 16, 22, 32, 45, 64, 91, 128, 182, 256, 363, 512)
"""Sides of the squares in pixels, in steps of half an octave."""

_SMOOTH = 1.5

_OWN = 2 / 3
"""Within this fraction of a disc's radius a smaller disc is of the same particle."""


def inscribed_diameters(regions: Regions) -> Floats:
    """Return the diameters of the largest discs inside the bright class, in pixels of the image.

    The maxima of the distance to the ground (Serra 1982, Image Analysis and Mathematical
    Morphology), twice. Of discs and spheres, also if they touch, these are the diameters, some
    pixels less where an edge is dark. Of particles that lie over each other, of elongated ones, of
    those with dark centres and in images full of particles they are not. Discs cut off by the
    border are left out.

    Parameters
    ----------
    regions
        The image, parted.

    Returns
    -------
    numpy.ndarray
        (n,), from the upper left to the lower right.
    """
    _, radii = inscribed_discs(regions)
    return np.asarray(2 * radii * regions.factor)


def inscribed_discs(regions: Regions) -> tuple[Floats, Floats]:
    """Return centres (n, 2), down and across, and radii (n,) of discs, in pixels of `levels`."""
    depths = regions.depths
    smooth = ndimage.gaussian_filter(depths, 1.0, mode="nearest")
    top = (smooth >= ndimage.maximum_filter(smooth, 5, mode="nearest")) & regions.particles
    down, across = np.nonzero(top)
    radii = depths[down, across].astype(np.float64)
    wide = 2 * radii >= LEAST_DIAMETER
    down, across, radii = down[wide], across[wide], radii[wide]
    taken = np.zeros(depths.shape, dtype=np.bool_)
    height, width = depths.shape
    kept = []
    for number in np.argsort(-radii, kind="stable"):
        y, x, reach = int(down[number]), int(across[number]), radii[number] * _OWN
        if taken[y, x]:
            continue
        kept.append(number)
        span = int(np.ceil(reach))
        rows = np.arange(max(0, y - span), min(height, y + span + 1))[:, None]
        columns = np.arange(max(0, x - span), min(width, x + span + 1))
        taken[rows, columns] |= (rows - y) ** 2 + (columns - x) ** 2 <= reach**2
    chosen = np.sort(np.array(kept, dtype=np.int64))
    down, across, radii = down[chosen], across[chosen], radii[chosen]
    inside = (down - radii >= 0) & (across - radii >= 0)
    inside &= (down + radii <= height - 1) & (across + radii <= width - 1)
    return np.stack([down, across], axis=1).astype(np.float64)[inside], radii[inside]


def granulometry(image: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return sizes in pixels, and which fraction of the light is held by things of each size.

    The image is opened with growing squares: an opening takes away what is bright and does not hold
    the square. What goes between two sizes is of a size between them (pattern spectrum: Maragos
    1989, IEEE Transactions on Pattern Analysis and Machine Intelligence 11, 701). A disc of
    diameter D holds a square of side 0.71 D, so sides are given as the diameters of such discs.
    Sizes above 16 pixels, and all in large images, are measured on a coarser image.

    Parameters
    ----------
    image
        As for `gray_levels`.

    Returns
    -------
    sizes : numpy.ndarray
        (n,), in pixels, rising: the middle, on a logarithmic scale, of each interval.
    fractions : numpy.ndarray
        (n,), of sum 1, or zeros for an image of one gray level. What is larger than the largest
        square that fits into the image is no thing and does not count.
    """
    levels = gray_levels(image)
    factor = -(-max(levels.shape) // SIDE)
    sides = [side for side in OPENINGS if 3 * factor <= side <= min(levels.shape) // 2]
    levels = ndimage.gaussian_filter(binned(levels, factor), _SMOOTH, mode="nearest")
    volumes, actual = [float(levels.mean(dtype=np.float64))], [0.0]
    for side in sides:
        while side / factor > 16:
            levels, factor = binned(levels, 2), 2 * factor
        size = max(2, round(side / factor))
        opened = ndimage.maximum_filter(
            ndimage.minimum_filter(levels, size, mode="nearest"),
            size, mode="nearest", origin=0 if size % 2 else -1,
        )  # fmt: skip
        volumes.append(float(np.minimum(opened, levels).mean(dtype=np.float64)))
        actual.append(float(size * factor))
    lost = np.maximum(0.0, -np.diff(volumes))[1:]
    edges = np.array(actual[1:]) * np.sqrt(2)
    sizes = np.sqrt(edges[:-1] * edges[1:])
    total = float(lost.sum())
    return sizes, lost / total if total > 0 else np.zeros_like(lost)


def mean_size(sizes: Floats, fractions: Floats) -> tuple[float, float]:
    """Return the geometric mean and the geometric standard deviation of sizes by their fractions.

    NaN if the fractions are all 0.
    """
    if not fractions.sum():
        return float("nan"), float("nan")
    logs = np.log(sizes)
    middle = float(np.average(logs, weights=fractions))
    spread = float(np.sqrt(np.average((logs - middle) ** 2, weights=fractions)))
    return float(np.exp(middle)), float(np.exp(spread))
