"""How far two sets of images are apart, by their statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from orchestrator.statistics.gray import Floats
from orchestrator.statistics.summary import STATISTICS, Compared, Statistic, Summary

NEIGHBOURS = 5
"""k of Naeem et al., who found 5 to be enough."""

_PART = 3
"""At most one image of the reference in so many is a neighbour, so that no ball holds them all."""


_LEAST = 1e-3
"""What is less counts as this much where logarithms are compared."""


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """How one statistic differs between a set of images and a reference.

    Parameters
    ----------
    statistic
        Which.
    reference, others
        Its median in each set.
    reference_range, others_range
        The middle 90 % of its values in each set, from and to.
    distance
        1-Wasserstein distance of its two distributions, in units of `scale`.
    scale
        Its spread in the reference plus the step that is hardly seen; for a statistic that is
        compared by ratio, of its natural logarithm.
    """

    statistic: Statistic
    reference: float
    others: float
    reference_range: tuple[float, float]
    others_range: tuple[float, float]
    distance: float
    scale: float


@final
@dataclass(frozen=True, slots=True)
class Comparison:
    """How a set of images differs from a reference.

    Parameters
    ----------
    differences
        The largest distance first; without statistics that no image of one of the sets has.
    density
        How densely the others lie where the reference does: about 1 for two samples of the same, 0
        for others that are all elsewhere, more than 1 for others that keep to its middle.
    coverage
        Which fraction of the reference has others near it, 0 to 1.
    neighbours
        k that both were computed with; 0, and both NaN, with fewer than three images.
    used
        Names of the statistics that density and coverage are of: those that all images have.
    """

    differences: Sequence[Difference]
    density: float
    coverage: float
    neighbours: int
    used: Sequence[str]

    @property
    def distance(self) -> float:
        """Mean of the distances of all statistics."""
        return float(np.mean([one.distance for one in self.differences]))


def compare(reference: Sequence[Summary], others: Sequence[Summary]) -> Comparison:
    """Compare a set of images with a reference.

    Each statistic, or its logarithm if it is compared by ratio, is standardised by its spread in
    the reference plus the step that is hardly seen. The distance of a statistic's two
    distributions is the 1-Wasserstein distance: how far values have to be moved on average to turn
    one into the other. Density and coverage (Naeem, Oh, Uh, Choi and Yoo 2020, Proceedings of
    Machine Learning Research 119, 7176) say how the sets lie in all statistics together.

    Parameters
    ----------
    reference, others
        Summaries of images, at least one each.

    Raises
    ------
    ValueError
        If one is empty.
    """
    if not reference or not others:
        raise ValueError("expected at least one image in each of the sets that are compared")
    real = np.array([summary.vector for summary in reference])
    made = np.array([summary.vector for summary in others])
    differences, columns, used = [], [], []
    for number, statistic in enumerate(STATISTICS):
        one, two = real[:, number], made[:, number]
        known = one[np.isfinite(one)], two[np.isfinite(two)]
        if not (known[0].size and known[1].size):
            continue
        ours, theirs = on_scale(known[0], statistic), on_scale(known[1], statistic)
        scale = float(ours.std()) + statistic.step
        distance = wasserstein(ours, theirs) / scale
        middle = float(np.median(known[0])), float(np.median(known[1]))
        ranges = _middle_90(known[0]), _middle_90(known[1])
        differences.append(Difference(statistic, *middle, *ranges, distance, scale))
        if known[0].size == one.size and known[1].size == two.size:
            columns.append((ours / scale, theirs / scale))
            used.append(statistic.name)
    differences.sort(key=lambda difference: -difference.distance)
    neighbours = min(NEIGHBOURS, len(real) // _PART)
    if not neighbours or not used:
        return Comparison(differences, float("nan"), float("nan"), 0, used)
    real_points = np.stack([column[0] for column in columns], axis=1)
    made_points = np.stack([column[1] for column in columns], axis=1)
    density, coverage = density_and_coverage(real_points, made_points, neighbours)
    return Comparison(differences, density, coverage, neighbours, used)


def wasserstein(one: Floats, other: Floats) -> float:
    """Return the 1-Wasserstein distance of two samples of numbers, in their unit.

    The area between their cumulative distributions (Ramdas, Trillos and Cuturi 2017, Entropy 19,
    47).

    Parameters
    ----------
    one, other
        Finite numbers, at least one each.
    """
    places = np.sort(np.concatenate([one, other]))
    below = [
        np.searchsorted(np.sort(sample), places[:-1], side="right") / len(sample)
        for sample in (one, other)
    ]
    return float((np.abs(below[0] - below[1]) * np.diff(places)).sum())


def density_and_coverage(reference: Floats, others: Floats, neighbours: int) -> tuple[float, float]:
    """Return density and coverage of points against a reference (Naeem et al. 2020).

    Around each point of the reference lies a ball that reaches to its k-th nearest neighbour in the
    reference. Density is the mean number of balls that one of the others lies in, over k; coverage
    is the fraction of balls with at least one of the others in it.

    Parameters
    ----------
    reference, others
        (n, d) and (m, d).
    neighbours
        k, less than n.

    Raises
    ------
    ValueError
        If k is not between 1 and n - 1.
    """
    if not 1 <= neighbours < len(reference):
        raise ValueError(
            f"expected from 1 to {len(reference) - 1} neighbours for {len(reference)} points, "
            f"not {neighbours}"
        )
    within = np.sort(_distances(reference, reference), axis=1)[:, neighbours]
    inside: NDArray[np.bool_] = _distances(reference, others) <= within[:, None]
    return float(inside.sum(axis=0).mean() / neighbours), float(inside.any(axis=1).mean())


def _distances(one: Floats, other: Floats) -> Floats:
    return np.sqrt(((one[:, None, :] - other[None, :, :]) ** 2).sum(axis=2))


def on_scale(values: Floats, statistic: Statistic) -> Floats:
    """Return values on the scale that they are compared on: themselves, or their logarithms."""
    if statistic.compared is Compared.BY_DIFFERENCE:
        return values
    return np.log(np.maximum(values, _LEAST))


def _middle_90(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, (0.05, 0.95))
    return float(low), float(high)
