"""Shadowing: electrons are lost to neighbours that stand higher.

Slow electrons leave a surface in all directions, after the cosine law (L. Reimer, Scanning Electron
Microscopy, 2nd ed. (1998)), and those whose way ends at a neighbour are lost to the detector. From
a level surface, in a direction in which the horizon stands at the elevation h, the fraction
``cos(h)**2`` gets away::

    integral of sin(t) cos(t) dt from 0 to pi/2 - h, over that from 0 to pi/2

Its mean over all directions is the solid angle of the sky, weighted by the cosine and divided by
pi: in radiation, the view factor between the surface and the sky. So the loss is the mean of
``sin(h)**2``.

A detector at one side draws electrons that leave at low angles above others, and these are the ones
that meet neighbours. If those that leave at the elevation e count as ``cos(e)**(2 s - 2)``, then
``cos(h)**(2 s)`` gets away. Hence the exponent s on the fraction that is not hidden, on the mean
of all directions instead of in each: a likeness, with the cosine law at 1.

A tilted surface is a horizon to itself. That part is no loss: the yield of a tilted surface
(`scene.microscopy.edge`) has been measured on flat ones, which have it too. What counts is by
how much ``sin(h)**2`` exceeds that of the surface's own plane; so a convex particle, alone,
does not shade itself, its rim stays bright, and nothing ever becomes brighter. What is sent
downwards, from the steep sides of particles, counts as drawn up by the detector's field.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.collection import Collection
from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec

GROWTH = 1.15
"""Ratio of the distances at which the horizon is looked for, from a pixel on."""

_BREADTH = 0.16
"""Breadth, relative to its distance, of the part of the surroundings whose mean height counts.

Between one direction and the next lies 0.39 of the distance. If single pixels counted, an outline
would be a step where a direction meets it, and its shadow a fan of facets.
"""

_STEPS = ((1, 0), (2, 1), (1, 1), (1, 2))
"""The directions of a quarter turn, as steps from pixel to pixel; the others are these, turned."""

STEEPEST = np.float32(1e3)
_ROWS = 32


@final
@dataclass(frozen=True, slots=True)
class Shadowing(Settings):
    """How much is lost to neighbours that stand in the way.

    Parameters
    ----------
    shadowing
        Exponent of the fraction of the sky that they leave free. Below 1, the field of the detector
        pulls part of what they hide out; above 1 it prefers electrons that leave at low angles.
    shadowing_range
        Distance in nm up to which neighbours matter.
    """

    shadowing: float = 0.0
    shadowing_range: float = 0.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "shadowing",
            1.5,
            "exponent of the fraction of the sky that higher neighbours leave free: 0 loses "
            "nothing to them, 1 what the cosine law says, more where low directions count for more",
            minimum=0.0,
            maximum=10.0,
        ),
        FeatureSpec(
            "shadowing_range",
            8000.0,
            "distance in nm up to which higher neighbours matter",
            minimum=0.0,
            maximum=1e6,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether nothing is lost."""
        return self.shadowing == 0 or self.shadowing_range == 0


def unshaded(loss: NDArray[np.float32], shadowing: Shadowing) -> NDArray[np.float32]:
    """Return the fraction of the electrons that gets away, for what `hidden_sky` returns."""
    free = np.maximum(1 - loss, np.float32(0.0))
    return free if shadowing.shadowing == 1 else free ** np.float32(shadowing.shadowing)


def hidden_sky(
    height: NDArray[np.float32],
    others: NDArray[np.float32],
    slopes: tuple[NDArray[np.float32], NDArray[np.float32]],
    reach: float,
    collection: Collection | None = None,
) -> NDArray[np.float32]:
    """Return the fraction of the sky that neighbours hide, weighted as electrons leave.

    Parameters
    ----------
    height
        Elevation of what is seen, in pixels.
    others
        Of what may hide it, in pixels; at least `height`.
    slopes
        Rise of what is seen with a pixel to the right, and with a pixel upwards in the image.
    reach
        Distance in pixels up to which others matter; at most that from edge to edge.
    collection
        Where the detector is: directions towards it then count for more, and what is behind a
        particle, seen from there, is in its shadow.

    Returns
    -------
    numpy.ndarray
        Like `height`, between 0 and 1; 0 where no neighbour stands out of the surface's own plane.
    """
    reach = min(reach, max(height.shape))
    if reach < 1:
        return np.zeros_like(height)
    padding = math.ceil(reach)
    directions = list(_directions(reach, collection or Collection()))
    breadths = {place.breadth for direction in directions for place in direction.places}
    around = {
        breadth: np.pad(_mean_height(others, breadth), padding, mode="edge") for breadth in breadths
    }
    hidden = np.empty_like(height)
    for top in range(0, height.shape[0], _ROWS):  # parts that stay in a processor's cache
        rows = slice(top, top + _ROWS)
        parts = {key: whole[top : top + _ROWS + 2 * padding] for key, whole in around.items()}
        own = tuple(slope[rows] for slope in slopes)
        hidden[rows] = _hidden(height[rows], own, parts, padding, directions)
    return hidden


def _mean_height(height: NDArray[np.float32], breadth: int) -> NDArray[np.float32]:
    """Return the mean over a square of `breadth` pixels round each."""
    if breadth == 1:
        return height
    from scipy import ndimage

    mean: NDArray[np.float32] = ndimage.uniform_filter(height, breadth, mode="nearest")
    return mean


@final
@dataclass(frozen=True, slots=True)
class _Place:
    """Where heights are compared.

    Parameters
    ----------
    right, up
        Pixels from the one that is looked from.
    breadth
        Side in pixels, an odd number, of the square whose mean height counts.
    """

    right: int
    up: int
    breadth: int

    @classmethod
    def at(cls, right: int, up: int) -> Self:
        """Return a place as broad as its distance asks for."""
        broad = _BREADTH * math.hypot(right, up)
        # 1, 3, 5, 9, 17, ... pixels: few arrays, whatever the reach.
        doublings = round(math.log2(broad)) if broad > math.sqrt(3.0) else -1
        return cls(right, up, 1 if doublings < 0 else 2**doublings + 1)


@final
@dataclass(frozen=True, slots=True)
class _Direction:
    """One of the directions in which the horizon is looked for.

    Parameters
    ----------
    weight
        How much it counts; those of all directions have the sum 1.
    right, up
        Of the unit vector.
    places
        Where heights are compared, exactly in that direction.
    """

    weight: float
    right: float
    up: float
    places: tuple[_Place, ...]


def _directions(reach: float, collection: Collection) -> Iterator[_Direction]:
    steps = [
        (quarter[0] * x + quarter[1] * y, quarter[2] * x + quarter[3] * y)
        for quarter in ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))
        for x, y in _STEPS
    ]
    azimuths = [math.atan2(y, x) for x, y in steps]
    for index, ((x, y), azimuth) in enumerate(zip(steps, azimuths, strict=True)):
        after = azimuths[(index + 1) % len(steps)]
        share = ((after - azimuths[index - 1]) % math.tau) / 2 / math.tau
        towards = 1 + collection.lateral * math.cos(azimuth - collection.detector_azimuth)
        length = math.hypot(x, y)
        places = tuple(_Place.at(x * times, y * times) for times in _multiples(reach / length))
        yield _Direction(share * towards, x / length, y / length, places)


def _multiples(largest: float) -> Iterator[int]:
    times = 1
    while times <= largest:
        yield times
        times = max(times + 1, round(times * GROWTH))


def _hidden(
    height: NDArray[np.float32],
    slopes: tuple[NDArray[np.float32], ...],
    around: Mapping[int, NDArray[np.float32]],
    padding: int,
    directions: Iterable[_Direction],
) -> NDArray[np.float32]:
    """Return the hidden sky of some rows.

    `around` has mean heights by breadth, `padding` more pixels on each side.
    """
    total = np.zeros_like(height)
    rise = np.empty_like(height)
    rows, columns = height.shape
    for direction in directions:
        own = slopes[0] * np.float32(direction.right)
        own += slopes[1] * np.float32(direction.up)
        np.clip(own, np.float32(0.0), STEEPEST, out=own)
        horizon = own.copy()
        for place in direction.places:
            top, left = padding - place.up, padding + place.right
            there = around[place.breadth][top : top + rows, left : left + columns]
            np.subtract(there, height, out=rise)
            rise *= np.float32(1 / math.hypot(place.right, place.up))
            np.maximum(horizon, rise, out=horizon)
        total += np.float32(direction.weight) * (_sine_squared(horizon) - _sine_squared(own))
    return total


def _sine_squared(tangent: NDArray[np.float32]) -> NDArray[np.float32]:
    square = tangent * tangent
    return square / (1 + square)
