"""From what is known of each image to a range that covers all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from orchestrator.matching.parameters import Parameter
from orchestrator.matching.posterior import INTERVAL, Judgement, Posterior
from orchestrator.statistics.comparison import on_scale
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.summary import STATISTICS

WELL, ROUGHLY = 0.1, 0.18
"""Errors, in fractions of a range, up to which a parameter is told well, or at all."""

_WIDEST = 0.75
"""A range that covers more of the recipe's is left as it is."""

_SHARED = 0.5
"""Least fraction of the variance of what pieces tell that all images of an instrument share.

With none, ranges held three of four truths of hidden instruments, with this nine of ten."""

_OF_A_NORMAL = 1.645
"""Standard deviations within which a normal distribution has 90 %."""

_LEAST_ERROR = 1e-3
_BEYOND = 3.0
"""Standard deviations beyond the range; means that lie farther out are as far as this."""

_AT_AN_END = 0.08
_BINS = 12
_OUTSIDE = 0.99
"""Fraction of the simulations beyond which a statistic is outside of what a recipe makes."""


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """What images say of one parameter.

    Parameters
    ----------
    parameter
        Which.
    judgement
        How well it is told from images of this recipe.
    low, high
        Ends of the range that 90 % of such images lie in; see `population`.
    middle
        Where the middle of all images is.
    narrowed
        Whether that is so much less than the recipe's range that it takes its place.
    end
        ``lower`` or ``upper`` if the values crowd at that end of the recipe's range, else empty.
    histogram
        How probable each twelfth of the recipe's range is; before, all are the same.
    """

    parameter: Parameter
    judgement: Judgement
    low: float
    high: float
    middle: float
    narrowed: bool
    end: str
    histogram: tuple[float, ...]

    @property
    def sureness(self) -> str:
        """How well it is told, in words."""
        if self.judgement.error <= WELL:
            return "well told"
        return "roughly told" if self.judgement.error <= ROUGHLY else "hardly told"


def finding(
    parameter: Parameter,
    posterior: Posterior,
    statistics: Floats,
    owners: NDArray[np.int64],
) -> Finding:
    """Return what images say of a parameter.

    Parameters
    ----------
    statistics
        Of pieces of the images, as the posterior takes them.
    owners
        Which image each piece is of; all images count the same.
    """
    weights = posterior.weights(statistics)
    images = np.unique(owners)
    together = np.mean([weights[owners == one].mean(axis=0) for one in images], axis=0)
    medians = posterior.quantiles(weights, (0.5,))[:, 0]
    low, middle, high = population(medians, owners, posterior.judgement)
    end = "lower" if middle < _AT_AN_END else "upper" if middle > 1 - _AT_AN_END else ""
    return Finding(
        parameter,
        posterior.judgement,
        parameter.value(low),
        parameter.value(high),
        parameter.value(middle),
        narrowed=high - low <= _WIDEST,
        end=end,
        histogram=tuple(posterior.histogram(together, _BINS).tolist()),
    )


def population(
    medians: Floats, owners: NDArray[np.int64], judgement: Judgement
) -> tuple[float, float, float]:
    """Return the range that images of one kind lie in, as positions: its low end, middle and high.

    What pieces tell of a value scatters for three reasons. Each shows other particles: how much
    that makes is seen where pieces are of one image, and the more pieces there are, the better
    their mean is known. The other values of the instrument are taken for this one: what is left of
    the error that simulations showed, at least half of it, and since images of one instrument share
    these values, more images do not help. And images differ: what is left of the variance between
    them. With the sum of these variances the value is normally distributed about the mean of the
    images, and within the recipe's range, where all values were equally probable before.

    Parameters
    ----------
    medians
        (pieces,), of what each tells.
    owners
        Which image each piece is of; all images count the same.
    judgement
        How pieces tell it.
    """
    from scipy.stats import truncnorm  # takes half a second

    if math.isinf(judgement.uncertainty):
        return 0.0, 0.5, 1.0
    error = max(judgement.uncertainty, _LEAST_ERROR)
    told = (medians - judgement.offset) / judgement.slope
    parts = [told[owners == one] for one in np.unique(owners)]
    images = np.array([part.mean() for part in parts])
    more = len(told) - len(parts)
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in parts) / max(1, more)
    within = min(within, (1 - _SHARED) * error**2)
    of_an_image = within * float(np.mean([1 / len(part) for part in parts]))
    between = float(images.var(ddof=1)) if len(parts) > 1 else 0.0
    variance = max(0.0, between - of_an_image) + error**2 - within + of_an_image / len(parts)
    spread = math.sqrt(variance)
    centre = min(max(float(images.mean()), -_BEYOND * spread), 1 + _BEYOND * spread)
    inside = truncnorm(-centre / spread, (1 - centre) / spread, centre, spread)
    low, middle, high = inside.ppf(((1 - INTERVAL) / 2, 0.5, (1 + INTERVAL) / 2)).tolist()
    # Few images, however different, do not show what lies far beyond them.
    reach = _OF_A_NORMAL * error
    low, high = max(low, float(images.min()) - reach), min(high, float(images.max()) + reach)
    # What crowds at an end of the range leaves its outermost part, as wide as the error.
    low, high = min(low, max(0.0, 1 - error)), max(high, min(1.0, error))
    return low, min(max(middle, low), high), high


@final
@dataclass(frozen=True, slots=True)
class Outside:
    """A statistic of the images that the recipe does not make.

    Parameters
    ----------
    words, unit
        Of the statistic.
    real
        Its median in the images.
    low, high
        What nearly all simulations have.
    images
        Fraction of the pieces of images that lie outside.
    distance
        How far they are from the nearest end, in units of half the range or of what is hardly seen.
    """

    words: str
    unit: str
    real: float
    low: float
    high: float
    images: float
    distance: float


def outside(simulated: Floats, real: Floats) -> list[Outside]:
    """Return what most of the images have outside of what simulations have, the farthest first."""
    found = []
    for number, statistic in enumerate(STATISTICS):
        made, seen = simulated[:, number], real[:, number]
        made, seen = made[np.isfinite(made)], seen[np.isfinite(seen)]
        if not (made.size and seen.size):
            continue
        tails = (1 - _OUTSIDE) / 2, (1 + _OUTSIDE) / 2
        low, high = np.quantile(made, tails)
        ends, values = on_scale(np.array([low, high]), statistic), on_scale(seen, statistic)
        beyond = np.maximum(ends[0] - values, values - ends[1])
        apart = float(np.median(beyond))
        if apart > statistic.step:
            scale = (ends[1] - ends[0]) / 2 + statistic.step
            found.append(
                Outside(
                    statistic.words,
                    statistic.unit,
                    float(np.median(seen)),
                    float(low),
                    float(high),
                    float((beyond > 0).mean()),
                    apart / float(scale),
                )
            )
    return sorted(found, key=lambda one: -one.distance)


def sentences(found: Sequence[Outside]) -> list[str]:
    """Return statistics outside of what a recipe makes, in sentences."""
    return [
        f"{one.words} is outside of what the recipe makes: {one.real:.3g} in the images, "
        f"{one.low:.3g} to {one.high:.3g} in simulations{f' ({one.unit})' if one.unit else ''}."
        for one in found
    ]
