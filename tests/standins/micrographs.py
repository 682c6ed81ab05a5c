"""Images made here that stand in for micrographs, with what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

type Floats = NDArray[np.float64]

GROUND, CENTRE = 40.0, 120.0


@dataclass(frozen=True)
class Spheres:
    """Discs on an even ground, none touching another or the border.

    `levels` are gray levels without noise or blur, `covered` says which pixels are on discs.
    """

    levels: Floats
    covered: NDArray[np.bool_]
    radii: Floats


@cache
def spheres(
    radius: float,
    *,
    spread: float = 0.0,
    rim: float = 0.0,
    shape: tuple[int, int] = (300, 400),
    seed: int = 1,
) -> Spheres:
    """Return discs of log-normal radii, brighter towards their rim by (r / R)^6."""
    rng = np.random.default_rng(seed)
    height, width = shape
    levels, covered = np.full(shape, GROUND), np.zeros(shape, dtype=np.bool_)
    radii = []
    for _ in range(400):
        size = radius * np.exp(spread * rng.standard_normal())
        y, x = rng.uniform(size + 6, (height - size - 6, width - size - 6))
        top, left, side = int(y - size - 5), int(x - size - 5), int(2 * size + 10)
        place = slice(top, top + side), slice(left, left + side)
        rows, columns = np.ogrid[:side, :side]
        away = np.hypot(rows - (y - top), columns - (x - left))
        if covered[place][away < size + 4].any():
            continue
        inside = away <= size
        covered[place][inside] = True
        levels[place][inside] = CENTRE * (1 + rim * (away[inside] / size) ** 6)
        radii.append(size)
    return Spheres(levels, covered, np.array(radii))


def noise(
    shape: tuple[int, int], *, along: float = 0.0, across: float = 0.0, seed: int = 2
) -> Floats:
    """Return normal noise of variance 1 whose neighbours have these correlations.

    A moving mean of two pixels, weighted so: correlations beyond the next pixel are 0.
    """
    made = np.random.default_rng(seed).standard_normal((shape[0] + 1, shape[1] + 1))
    for axis, correlation in ((1, along), (0, across)):
        # (1, w) has a correlation of w / (1 + w^2).
        weight = (1 - np.sqrt(1 - 4 * correlation**2)) / (2 * correlation) if correlation else 0.0
        made = (made + weight * np.roll(made, 1, axis)) / np.sqrt(1 + weight**2)
    return made[1:, 1:]


def eight_bit(levels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return gray levels as an image of 8 bits."""
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def micrograph(seed: int = 1, *, shape: tuple[int, int] = (200, 300)) -> NDArray[np.uint8]:
    """Return an image of everything that statistics measure, of its own seed."""
    levels = ndimage.gaussian_filter(
        spheres(14, spread=0.3, rim=0.4, shape=shape, seed=seed).levels, 0.8
    )
    return eight_bit(levels + np.sqrt(0.2 * levels) * noise(shape, along=0.3, seed=seed))


def with_bar(
    image: NDArray[np.uint8],
    rows: int,
    *,
    ground: int = 0,
    frame: int = 0,
    box: tuple[float, float] = (0.0, 1.0),
    under: int = 0,
) -> NDArray[np.uint8]:
    """Return an image whose lowest rows hold a data bar with something like text.

    `box` is where the bar begins and ends as fractions of the width, `under` how many rows below it
    show the image again, `frame` how many rows of a white line lie over it.
    """
    height, width = image.shape
    shown = image.copy()
    first, last = (round(part * width) for part in box)
    bar = shown[height - rows - under : height - under, first:last]
    bar[:] = ground
    ink = 255 if ground < 128 else 0
    for left in range(8, bar.shape[1] - 12, 9):
        bar[rows // 4 : 3 * rows // 4, left : left + 3] = ink
    bar[:frame] = ink
    return shown
