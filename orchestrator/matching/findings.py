"""From what is known of each image to a range that covers all of them."""

from __future__ import annotations

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
        Ends of the range that covers all images: 5 to 95 % of their distributions together, widened
        by what simulations showed to be missing.
    middle
        The median.
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
    each = [weights[owners == owner].mean(axis=0) for owner in np.unique(owners)]
    together = np.mean(each, axis=0)
    tail = (1 - INTERVAL) / 2
    ((low, middle, high),) = posterior.quantiles(together[None], (tail, 0.5, 1 - tail))
    widening = max(0.0, posterior.judgement.widening)
    low, high = max(0.0, low - widening), min(1.0, high + widening)
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
