"""Where beads are in an image, and how bright they and the ground are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.feature import canny
from skimage.transform import hough_circle, hough_circle_peaks

type Gray = NDArray[np.float64]

RADII = np.linspace(0.0, 1.0, 13)
"""Edges of the rings of the brightness profile, in radii."""

SHARP = 0.97
"""A bead counts as fully visible from this fraction of its disc's pixels."""

FOUND_RADII = np.arange(24, 37)
"""Radii in pixels that beads of diameter 5 to 7 have at 960 x 960, and one more at either end."""

FOUND_FROM = 0.38
"""Fraction of a circle's pixels that have to be edges."""

FOUND_CONTRAST = 1.1
"""By how much a bead is brighter than what surrounds it."""

LONE_GAPS = (0.1, 0.25)
"""A lone bead has no other within so many of its radii of its rim; both are measured.

The larger leaves a dozen beads in a published picture of 162.
"""


class Disc(NamedTuple):
    """A bead's outline in pixels; x from the left, y from the top."""

    x: float
    y: float
    radius: float

    def inside(self, size: int) -> bool:
        """Tell whether it lies wholly in a square image."""
        return self.radius <= min(self.x, self.y, size - self.x, size - self.y)


@dataclass(frozen=True)
class Beads:
    """Where the beads of known discs are seen.

    Parameters
    ----------
    ids
        (height, width), the bead at each pixel, 0 for the ground.
    radius
        (height, width), distance from the centre of the fully visible bead there, in its radii;
        nan elsewhere.
    """

    ids: NDArray[np.intp]
    radius: Gray

    @property
    def ground(self) -> NDArray[np.bool_]:
        """Pixels that show the ground."""
        return self.ids == 0

    def face(self, within: float) -> NDArray[np.bool_]:
        """Pixels of fully visible beads within a fraction of their radius."""
        return np.isfinite(self.radius) & (self.radius < within)


def seen_beads(ids: NDArray[np.intp], discs: dict[int, Disc]) -> Beads:
    """Return where beads with the given discs are seen."""
    radius = np.full(ids.shape, np.nan)
    for bead, disc in discs.items():
        mask = ids == bead
        if disc.inside(ids.shape[0]) and mask.sum() > SHARP * np.pi * disc.radius**2:
            radius[mask] = _distance(ids.shape, disc)[mask]
    return Beads(ids, radius)


def discs_of_ids(ids: NDArray[np.intp]) -> dict[int, Disc]:
    """Return the discs that regions of equal id, not 0, would be if nothing hid a part of them."""
    discs = {}
    for bead in np.unique(ids[ids > 0]):
        y, x = np.nonzero(ids == bead)
        if len(x) > 50:
            middle = (x.min() + x.max() + 1) / 2, (y.min() + y.max() + 1) / 2
            discs[int(bead)] = Disc(*middle, (np.ptp(x) + np.ptp(y) + 2) / 4)
    return discs


def find_discs(image: Gray) -> list[Disc]:
    """Return the beads that lie wholly in a 960 x 960 picture of a single layer.

    Edges are taken of the smoothed logarithm, so that dark beads count like bright ones, and
    circles by Hough's transform. Circles that overlap by much are one bead: the best of them.
    """
    edges = canny(
        np.log(gaussian_filter(image, 2.0) + 3.0), 1.5, low_threshold=0.03, high_threshold=0.08
    )
    votes = hough_circle(edges, FOUND_RADII)
    peaks = hough_circle_peaks(
        votes, FOUND_RADII, min_xdistance=20, min_ydistance=20, threshold=FOUND_FROM
    )
    discs: list[Disc] = []
    for _, x, y, radius in zip(*peaks, strict=True):
        disc = Disc(x + 0.5, y + 0.5, float(radius))
        if all(_gap(disc, other) > -0.4 * (disc.radius + other.radius) for other in discs):
            discs.append(disc)
    return [disc for disc in discs if disc.inside(image.shape[0]) and _stands_out(image, disc)]


@dataclass(frozen=True)
class LoneBeads:
    """Medians over the beads of a picture that no other bead is near."""

    number: int
    beads: int
    centre_over_rim: float
    centre_over_peak: float
    centre_over_ground: float


def lone_beads(image: Gray, discs: Sequence[Disc], gap: float) -> LoneBeads:
    """Return how lone beads look.

    The centre is the mean within 0.3 radii, the rim that from 0.8 to 0.92, where no blur of a sharp
    picture reaches, the peak the brightest ring of the profile. The ground is the median of all
    pixels at least 0.15 radii away from any bead and as far from the picture's edges as a bead
    reaches that may have been cut there.
    """
    lone = [
        disc
        for disc in discs
        if all(_gap(disc, other) > gap * disc.radius for other in discs if other is not disc)
        and disc.inside(image.shape[0])
    ]
    edge = int(FOUND_RADII[-1])
    ground = np.zeros(image.shape, dtype=bool)
    ground[edge:-edge, edge:-edge] = True
    for disc in discs:
        ground &= _distance(image.shape, disc) > 1.15
    level = float(np.median(image[ground]))
    found = []
    for disc in lone:
        away = _distance(image.shape, disc)
        centre, rim = image[away < 0.3].mean(), image[(away > 0.8) & (away < 0.92)].mean()
        ring = np.digitize(away[away < 1], RADII) - 1
        rings = np.bincount(ring, image[away < 1]) / np.bincount(ring)
        found.append((centre / rim, centre / rings.max(), centre / level))
    return LoneBeads(len(lone), len(discs), *(float(value) for value in np.median(found, axis=0)))


def disc_faces(shape: tuple[int, ...], discs: Sequence[Disc], within: float) -> NDArray[np.bool_]:
    """Return the pixels of discs within a fraction of their radius."""
    faces = np.zeros(shape, dtype=bool)
    for disc in discs:
        faces |= _distance(shape, disc) < within
    return faces


def profile(image: Gray, beads: Beads) -> Gray:
    """Return the mean brightness of each ring of the fully visible beads."""
    seen = beads.face(1.0)
    ring = np.digitize(beads.radius[seen], RADII) - 1
    rings = len(RADII) - 1
    sums = np.bincount(ring, image[seen], minlength=rings)
    return sums / np.maximum(np.bincount(ring, minlength=rings), 1)


def _stands_out(image: Gray, disc: Disc) -> bool:
    away = _distance(image.shape, disc)
    around = np.median(image[(away > 1.1) & (away < 1.3)])
    return bool(image[away < 1].mean() > FOUND_CONTRAST * around)


def _distance(shape: tuple[int, ...], disc: Disc) -> Gray:
    """Return each pixel's distance from a disc's centre, in its radii."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    away: Gray = np.hypot(x + 0.5 - disc.x, y + 0.5 - disc.y) / disc.radius
    return away


def _gap(one: Disc, other: Disc) -> float:
    """Return the distance between two rims in pixels, negative where they overlap."""
    return float(np.hypot(one.x - other.x, one.y - other.y)) - one.radius - other.radius
