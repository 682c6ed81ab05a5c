"""Particles and ground, told apart by brightness alone."""

from __future__ import annotations

from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from orchestrator.statistics.gray import Floats, Levels, binned, gray_levels

SIDE = 800
"""Images with a longer side are binned by a whole number of pixels until they are no longer."""

LEAST_FRACTION = 0.005
"""Of less than this fraction of the pixels nothing is said."""

_SMOOTH = 1.0
_AWAY = 3
"""Pixels between particles and the ground that counts, so that no edge or halo does."""

_TEXTURE = 3.0


@final
class Regions:
    """An image parted in a brighter and a darker class: particles and ground.

    Otsu's threshold (1979, IEEE Transactions on Systems, Man, and Cybernetics 9, 62) of the square
    roots of the gray values, of which counted electrons have the same spread everywhere (Anscombe
    1948, Biometrika 35, 246), on a slightly smoothed image. So particles must be brighter than the
    ground, as in nearly all images by secondary electrons; images where they are darker have to be
    inverted. Where particles cover all of an image, the two classes are the brighter and the darker
    parts of them, and `separation` is low.

    Parameters
    ----------
    image
        As for `gray_levels`.

    Attributes
    ----------
    factor
        Pixels of the image along the side of a pixel of what is measured.
    levels
        The image, binned and smoothed.
    particles
        Whether a pixel of `levels` is on a particle.
    threshold
        Gray level between the two classes.
    """

    def __init__(self, image: NDArray[Any]) -> None:
        whole = gray_levels(image)
        self.factor = -(-max(whole.shape) // SIDE)
        self.levels: Levels = ndimage.gaussian_filter(
            binned(whole, self.factor), _SMOOTH, mode="nearest"
        )
        counted = np.bincount(np.rint(self.levels).astype(np.uint8).ravel(), minlength=256)
        self.threshold, self.separation = _otsu(counted)
        self.particles = self.levels > self.threshold

    separation: float
    """Fraction of the variance, of square roots, that lies between the two classes, 0 to 1.

    An even histogram has 0.75, a bell 0.64."""

    @property
    def coverage(self) -> float:
        """Fraction of the pixels on particles, 0 to 1."""
        return float(self.particles.mean())

    @property
    def particle_level(self) -> float:
        """Median gray level of the particles; NaN without any."""
        return _median(self.levels[self.particles], self.levels.size)

    @property
    def ground_level(self) -> float:
        """Median gray level of the ground, away from particles; NaN without any."""
        return _median(self.levels[self._ground], self.levels.size)

    @property
    def ratio(self) -> float:
        """Gray level of particles over that of the ground; the ground counts as 1 at least.

        Of the displayed gray values: the display's offset decides it as much as the electrons do.
        """
        return self.particle_level / max(1.0, self.ground_level)

    @property
    def contrast(self) -> float:
        """Michelson's contrast of particles to ground, (P - G) / (P + G), 0 to 1."""
        bright, dark = self.particle_level, self.ground_level
        return (bright - dark) / max(1.0, bright + dark)

    @property
    def ground_texture(self) -> float:
        """Robust standard deviation of the ground, in gray levels, after a blur that hides noise.

        The blur's standard deviation is 3 pixels of the binned image. What varies is texture,
        stains, the halo of particles, uneven light.
        """
        return self._spread(self._local_means(self._ground))

    @property
    def particle_spread(self) -> float:
        """Robust standard deviation of the gray level on particles, over their median."""
        return self._spread(self.levels[self.particles]) / max(1.0, self.particle_level)

    @property
    def particle_texture(self) -> float:
        """Robust standard deviation of the fine detail on particles, over their median level.

        What a blur of 3 pixels of the binned image takes away from it, more than 3 from the ground:
        relief, grain, and what is left of noise.
        """
        inside = self.depths > _AWAY
        detail = self.levels[inside] - self._local_means(inside)
        return self._spread(detail) / max(1.0, self.particle_level)

    @cached_property
    def depths(self) -> NDArray[np.float32]:
        """How far each pixel on a particle is from the ground, in pixels of `levels`."""
        inside = np.pad(self.particles, 1, mode="edge")
        found = ndimage.distance_transform_edt(inside)[1:-1, 1:-1]
        return np.asarray(found, dtype=np.float32)

    def _local_means(self, where: NDArray[np.bool_]) -> Levels:
        """Return for each pixel of a region the mean of those around it that are in it, too."""
        weight = ndimage.gaussian_filter(where.astype(np.float32), _TEXTURE, mode="nearest")
        inside = np.where(where, self.levels, np.float32(0))
        total = ndimage.gaussian_filter(inside, _TEXTURE, mode="nearest")
        return np.asarray(total[where] / np.maximum(weight[where], 1e-6), dtype=np.float32)

    def _spread(self, values: Levels) -> float:
        """Return half of what holds the middle 68 %; NaN of too few pixels."""
        if values.size < LEAST_FRACTION * self.levels.size:
            return float("nan")
        low, high = np.quantile(values, (0.1587, 0.8413))
        return float(high - low) / 2

    @cached_property
    def _ground(self) -> NDArray[np.bool_]:
        return np.asarray(~ndimage.binary_dilation(self.particles, iterations=_AWAY))


def _otsu(counted: NDArray[np.int64]) -> tuple[float, float]:
    """Return the threshold of a histogram over gray levels, and the variance that it explains."""
    roots: Floats = np.sqrt(np.arange(256.0))
    portion = counted / counted.sum()
    below = np.cumsum(portion)[:-1]
    sums = np.cumsum(portion * roots)
    mean = sums[-1]
    total = float((portion * (roots - mean) ** 2).sum())
    both = below * (1 - below)
    between = np.where(both > 0, (mean * below - sums[:-1]) ** 2 / np.where(both > 0, both, 1), 0.0)
    if total <= 0 or not between.any():
        return 255.0, 0.0
    # Between two classes with nothing in between, all thresholds are as good: the middle one.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float(best[0] + best[-1]) / 2 + 0.5, float(between.max()) / total


def _median(values: Levels, of: int) -> float:
    return float(np.median(values)) if values.size >= LEAST_FRACTION * of else float("nan")
