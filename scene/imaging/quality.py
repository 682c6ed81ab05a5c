"""Measures of an image's quality, of pixels and labels alone: noise, contrast, sharpness.

All are defined here once, for manifest, MLflow and report. Gray values count as fractions of the
full range, so images of 8 and 16 bits are alike. What an image does not allow to be measured is
None: no measure is ever NaN or infinite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.chain import Gray

EDGE_REACH = 4
"""Pixels on each side of an outline that `Quality.sharpness` looks at."""

_MEDIAN_OF_NORMAL = 0.6744897501960817
"""Median of the absolute value of a standard normal number."""


@final
@dataclass(frozen=True, slots=True)
class Quality:
    """How good an image is.

    Parameters
    ----------
    snr
        Signal-to-noise ratio: the standard deviation of what the image shows over that of its
        noise; the former is what remains of the image's variance without the noise (Frank and
        Al-Ali 1975, Nature 256, 376; for microscopes that scan: Thong, Sim and Phang 2001,
        Scanning 23, 328). None where no noise can be measured.
    contrast
        Michelson's contrast (P - G) / (P + G) of the mean gray values of all pixels on particles
        and on the ground, in [-1, 1]; positive where particles are brighter. None without one of
        the two.
    noise
        Standard deviation of the noise as a fraction of the full range, see `noise`.
    sharpness
        Fraction of the gray step at an outline that lies between adjacent pixels, in [0, 1], see
        `sharpness`.
    saturated
        Fraction of pixels that have the lowest or the highest gray value there is, in [0, 1].
    """

    snr: float | None
    contrast: float | None
    noise: float | None
    sharpness: float | None
    saturated: float | None


NOTHING_MEASURED = Quality(None, None, None, None, None)


def quality(image: Gray, instances: NDArray[np.uint16] | None = None) -> Quality:
    """Return the quality of a gray image.

    Parameters
    ----------
    image
        (height, width), uint8 or uint16.
    instances
        (height, width), the particle that each pixel shows, 0 for the ground; None if that is not
        known, and neither contrast nor sharpness.

    Raises
    ------
    ValueError
        If `image` is not a gray image, or `instances` is of another shape.
    """
    if image.ndim != 2 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"expected a gray image of 8 or 16 bits, got {image.dtype} {image.shape}")
    if instances is not None and instances.shape != image.shape:
        raise ValueError(f"the labels are {instances.shape}, but the image is {image.shape}")
    if not image.size:
        return NOTHING_MEASURED
    highest = np.iinfo(image.dtype).max
    counts = np.bincount(image.ravel(), minlength=highest + 1)
    level = noise(image, instances)
    return Quality(
        snr=_snr(counts / image.size, level),
        contrast=None if instances is None else contrast(image, instances),
        noise=level,
        sharpness=None if instances is None else sharpness(image, instances),
        saturated=float((counts[0] + counts[-1]) / image.size),
    )


def noise(image: Gray, instances: NDArray[np.uint16] | None = None) -> float | None:
    """Return the standard deviation of an image's noise, as a fraction of the full range.

    Where the gray value changes evenly down a column, three pixels of it, I1 - 2 I2 + I3, hold
    noise alone, with a variance of six times its own. Its standard deviation follows from the
    median of the absolute value, which the few places where something else is seen hardly change:
    the Laplacian of Immerkaer (1996, Computer Vision and Image Understanding 64, 300) in one
    direction, with the median of Donoho and Johnstone (1994, Biometrika 81, 425). Columns cross the
    lines of a scan, so noise that is correlated along a line, as a slow detector leaves it, counts
    in full. Three pixels on different particles, or with one at an end of the range, don't count.

    What lies below a third of a gray value disappears when it is rounded, and counts as none.

    Parameters
    ----------
    image, instances
        As for `quality`.

    Returns
    -------
    float or None
        Of a typical pixel, where noise depends on the gray value. None if no three pixels count.
    """
    highest = int(np.iinfo(image.dtype).max)
    whole = image.astype(np.int32)
    bend = np.abs(whole[:-2] - 2 * whole[1:-1] + whole[2:])
    inside = (image > 0) & (image < highest)
    fit = inside[:-2] & inside[1:-1] & inside[2:]
    if instances is not None:
        same = instances[:-1] == instances[1:]
        fit &= same[:-1] & same[1:]
    counts = np.bincount(bend[fit])
    if not counts.size:
        return None
    return _median(counts) / (_MEDIAN_OF_NORMAL * math.sqrt(6) * highest)


def contrast(image: Gray, instances: NDArray[np.uint16]) -> float | None:
    """Return Michelson's contrast of particles to ground; None without one of the two."""
    particle = instances > 0
    seen = np.count_nonzero(particle)
    if not 0 < seen < image.size:
        return None
    on_particles = float(image.sum(where=particle, dtype=np.int64))
    bright = on_particles / seen
    ground = (float(image.sum(dtype=np.int64)) - on_particles) / (image.size - seen)
    return (bright - ground) / (bright + ground) if bright + ground else None


def sharpness(image: Gray, instances: NDArray[np.uint16]) -> float | None:
    """Return which fraction of the gray step at outlines lies between two adjacent pixels.

    The edge response is the mean profile across all outlines between particle and ground, along
    rows and columns, `EDGE_REACH` pixels to each side; its range is the step. ISO 12233 measures
    the resolution of cameras by edge responses, too; here the edges are known from the labels, and
    the mean of thousands of them has next to no noise. 1 is a step between two pixels. Of an edge
    that a Gaussian of standard deviation s pixels has blurred, about 0.4 / s is left where s is 1
    to 2; an even ramp gives 1 / 7, the least.

    Returns
    -------
    float or None
        None if no outline has enough of one particle and of ground on its two sides, or no step.
    """
    down, along_columns = _edge_sum(image, instances)
    across, along_rows = _edge_sum(image.T, instances.T)
    if not down + across:
        return None
    mean = (along_columns + along_rows) / (down + across)
    step = float(np.ptp(mean))
    return abs(float(mean[EDGE_REACH] - mean[EDGE_REACH - 1])) / step if step else None


def _edge_sum(image: Gray, instances: NDArray[np.uint16]) -> tuple[int, NDArray[np.float64]]:
    """Return how many outlines cross columns, and the sum of the gray values across them.

    From the ground into the particle.
    """
    height = len(image)
    particle = instances > 0
    rows, columns = np.nonzero(particle[:-1] != particle[1:])
    into = particle[rows + 1, columns]  # the particle lies below
    rows, direction = np.where(into, rows, rows + 1), np.where(into, 1, -1)  # the last of ground
    offsets = np.arange(1 - EDGE_REACH, EDGE_REACH + 1)
    across = rows[:, None] + direction[:, None] * offsets
    kept = (across.min(axis=1, initial=0) >= 0) & (across.max(axis=1, initial=0) < height)
    across, columns = across[kept], columns[kept, None]
    seen = instances[across, columns]
    alone = (seen[:, :EDGE_REACH] == 0).all(axis=1)
    alone &= (seen[:, EDGE_REACH:] == seen[:, [EDGE_REACH]]).all(axis=1)
    values = image[across[alone], columns[alone]]
    return int(alone.sum()), values.sum(axis=0, dtype=np.float64)


def _snr(fractions: NDArray[np.float64], level: float | None) -> float | None:
    """Return the signal-to-noise ratio of an image with a histogram and a noise."""
    if not level:
        return None
    grays = np.linspace(0.0, 1.0, len(fractions))
    mean = float((fractions * grays).sum())
    variance = float((fractions * (grays - mean) ** 2).sum())
    return math.sqrt(max(variance - level**2, 0.0)) / level


def _median(counts: NDArray[np.intp]) -> float:
    """Return the median of rounded absolute values, by how often 0, 1, 2, ... occurs.

    Between whole numbers it is as if those rounded to one were spread evenly around it.
    """
    below = np.cumsum(counts)
    middle = below[-1] / 2
    at = int(np.searchsorted(below, middle))
    if at == 0:
        return 0.0
    return float(at - 0.5 + (middle - below[at - 1]) / counts[at])
