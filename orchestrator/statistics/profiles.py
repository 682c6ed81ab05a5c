"""Radial profiles of round particles: how bright their rim is, and what lies beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from scipy import ndimage

from orchestrator.statistics.gray import Floats
from orchestrator.statistics.regions import Regions
from orchestrator.statistics.sizes import inscribed_discs

RADII = np.linspace(0.0, 1.5, 31)
"""Distances from a particle's centre, in its radii."""

LEAST_RADIUS = 6.0
"""In pixels of the binned image."""

LEAST_PARTICLES = 3
_MOST = 400
_DIRECTIONS = 72
_ON, _OFF = 0.85, 1.2
"""In its radii, where a round particle is still bright, and where the ground begins beside it."""

_FREE = 0.4
"""Fraction of directions in which a particle borders on ground, at least."""


@final
@dataclass(frozen=True, slots=True)
class RadialProfile:
    """The mean gray value over the distance from the centre, of particles that look round.

    Parameters
    ----------
    radius
        (31,) distance from the centre, in radii of the particle, 0 to 1.5.
    level
        (31,) median over the particles, each in units of its own centre; NaN without particles.
    particles
        How many were round, at least 12 pixels wide, and free on two fifths of their outline.
    """

    radius: Floats
    level: Floats
    particles: int

    @property
    def rim(self) -> float:
        """The largest value from 0.7 to 1 radius, over that of the centre."""
        within = (self.radius >= 0.7) & (self.radius <= 1.0)
        return float(self.level[within].max())

    @property
    def beside(self) -> float:
        """The mean from 1.15 to 1.4 radii, over that of the centre."""
        within = (self.radius >= 1.15) & (self.radius <= 1.4)
        return float(self.level[within].mean())


def radial_profile(regions: Regions) -> RadialProfile:
    """Return the radial profile of an image's round particles.

    Round is an inscribed disc that is bright in all directions just inside its radius, and beside
    which there is ground in at least two fifths of the directions; those alone count, so that
    neighbours don't.
    The radius is that of the threshold, so a dark edge is outside.

    Parameters
    ----------
    regions
        The image, parted.
    """
    nothing = RadialProfile(RADII, np.full(len(RADII), np.nan), 0)
    centres, radii = inscribed_discs(regions)
    large = radii >= LEAST_RADIUS
    step = max(1, -(-int(large.sum()) // _MOST))
    centres, radii = centres[large][::step], radii[large][::step]
    if not len(radii):
        return nothing
    angle = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
    ways = np.stack([np.sin(angle), np.cos(angle)])

    def places(at: Floats) -> Floats:
        """Return places (2, particles, directions, distances)."""
        reach = radii[:, None, None] * at
        return centres.T[:, :, None, None] + ways[:, None, :, None] * reach[None]

    on, off = (_looked_up(regions, places(np.array([at]))) for at in (_ON, _OFF))
    free = ~off[..., 0]
    round_ = on[..., 0].mean(axis=1) > 0.95
    round_ &= free.mean(axis=1) >= _FREE
    if np.count_nonzero(round_) < LEAST_PARTICLES:
        return nothing
    centres, radii, free = centres[round_], radii[round_], free[round_]
    values = ndimage.map_coordinates(regions.levels, places(RADII), order=1, mode="nearest")
    counted = np.where(free[..., None], values, 0.0).sum(axis=1) / free.sum(axis=1)[:, None]
    centre = values[:, :, RADII <= 0.2].mean(axis=(1, 2))
    level = np.median(counted / np.maximum(centre, 1.0)[:, None], axis=0)
    return RadialProfile(RADII, level.astype(np.float64), int(round_.sum()))


def _looked_up(regions: Regions, places: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    height, width = regions.particles.shape
    down = np.clip(np.rint(places[0]).astype(np.int64), 0, height - 1)
    across = np.clip(np.rint(places[1]).astype(np.int64), 0, width - 1)
    return np.asarray(regions.particles[down, across], dtype=np.bool_)
