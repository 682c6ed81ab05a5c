"""Electrons: a pixel's signal is a count, and counts scatter.

A beam of current I that dwells for a time t brings I t / e electrons to a pixel. How many secondary
electrons are then detected is taken to follow Poisson's distribution, so the variance of a pixel is
proportional to its mean, and a longer dwell time makes an image less noisy: L. Reimer, Scanning
Electron Microscopy, 2nd ed. (1998). Where one electron of the beam releases several, counts scatter
more than that; on the limits of Poisson's law see L. Frank, Journal of Electron Microscopy 54
(2005) 361.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec

ELECTRONS_PER_PA_US = 1e-18 / 1.602176634e-19
"""Electrons that a current of 1 pA brings in 1 us."""

EXACT_BELOW = 10.0
"""Expected counts below which a count is found by summing up probabilities."""

_BLOCK = 1 << 15
"""Pixels that are worked on at once; their numbers fit into a processor's cache."""


@final
@dataclass(frozen=True, slots=True)
class Electrons(Settings):
    """How many electrons make up a pixel.

    Parameters
    ----------
    beam_current
        Current of the beam in pA; 0 is a signal without counting noise.
    collection_efficiency
        Fraction of the secondary electrons that are detected.
    """

    beam_current: float = 0.0
    collection_efficiency: float = 1.0

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "beam_current",
            0.0,
            "current of the beam in pA, from which the noise follows; 0 is an image without it",
            minimum=0.0,
            maximum=1e6,
        ),
        FeatureSpec(
            "collection_efficiency",
            1.0,
            "fraction of the secondary electrons that are detected",
            minimum=1e-3,
            maximum=1.0,
        ),
    )

    @property
    def is_neutral(self) -> bool:
        """Whether the signal stays as it is."""
        return self.beam_current == 0

    def dose(self, dwell_time: float) -> float:
        """Return the beam's electrons for a pixel that is looked at for `dwell_time` us."""
        return self.beam_current * dwell_time * ELECTRONS_PER_PA_US

    def at_one(self, dwell_time: float) -> float:
        """Return how many electrons are expected to be detected where the signal is 1.

        The variance of a pixel is its signal over this number.
        """
        return self.dose(dwell_time) * self.collection_efficiency


def counted(
    signal: NDArray[np.float32], at_one: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return a signal as counted electrons show it: the same on average, and noisy.

    Each pixel draws one normal number, whatever its signal; the count is the quantile of its
    Poisson distribution at that number's probability. So which number a pixel gets depends on the
    generator and the image's shape alone: a difference in the last bit of one pixel changes that
    pixel alone, and for the same generator a brighter pixel never counts fewer electrons.

    Parameters
    ----------
    signal
        (height, width); what lies below 0 counts as 0.
    at_one
        Electrons that are expected where the signal is 1, positive.
    generator
        Consumed; one normal number a pixel, row by row.

    Returns
    -------
    numpy.ndarray
        Like `signal`, whole multiples of ``1 / at_one``.
    """
    normal = generator.standard_normal(signal.shape, dtype=np.float32).ravel()
    flat = np.ascontiguousarray(signal).ravel()
    at_one = max(at_one, float(np.finfo(np.float32).tiny))  # or 1 / at_one overflows
    seen = np.empty(flat.shape, dtype=np.float32)
    for start in range(0, flat.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        expected = np.maximum(flat[block].astype(np.float64) * at_one, 0.0)
        seen[block] = poisson_quantile(expected, normal[block].astype(np.float64)) / at_one
    return seen.reshape(signal.shape)


def poisson_quantile(
    expected: NDArray[np.float64], normal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the counts of Poisson distributions that are as probable as normal numbers.

    That is the smallest count whose cumulative probability is at least that of the normal number.
    Below `EXACT_BELOW` expected counts it is found by summing up probabilities; from there on by an
    asymptotic expansion in which at most 1 in 2,000 counts is off, by one (M. B. Giles, Algorithm
    955, ACM Transactions on Mathematical Software 42 (2016) 7).

    Parameters
    ----------
    expected
        Mean of each pixel's distribution, not negative.
    normal
        Of the same shape.
    """
    few = expected < EXACT_BELOW
    if few.all():
        return _summed_up(expected, normal)
    counts = np.floor(_expansion(np.maximum(expected, EXACT_BELOW), normal))
    if few.any():
        # Both ways for all: which pixels go together must not depend on what they show.
        counts = np.where(few, _summed_up(np.minimum(expected, EXACT_BELOW), normal), counts)
    return counts


def _summed_up(expected: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtr

    wanted = ndtr(normal)
    term = np.exp(-expected)
    total = term.copy()
    counts = np.zeros(expected.shape)
    more = total < wanted
    number = 0
    while more.any():
        number += 1
        counts += more
        term *= expected / number
        total += term
        more &= total < wanted
        # Sums of rounded terms may stay below 1 by a last bit, and so below what is wanted.
        more &= term > 0
    return counts


def _expansion(expected: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    root = np.sqrt(expected)
    square = normal * normal
    whole: NDArray[np.float64] = (
        expected
        + root * normal
        + (1 / 3 + square / 6)
        - normal * (1 / 36 + square / 72) / root
        + (-8 / 405 + square * (7 / 810 + square / 270)) / expected
    )
    return np.maximum(whole, 0.0)
