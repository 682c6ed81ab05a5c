"""Draws of a recipe that look like images: values that go together, which ranges do not say.

Draws whose simulations are nearest to an image in its statistics are draws from the distribution of
all parameters given that image, the nearer the better (rejection: Pritchard, Seielstad,
Perez-Lezaun and Feldman 1999, Molecular Biology and Evolution 16, 1791).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orchestrator.statistics.comparison import on_scale
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.summary import STATISTICS

MOST, FEWEST = 60, 10
"""Draws that are kept."""

_ONE_IN = 20
"""At most one in so many simulations is kept, as the others do not look like the images."""

_SAME_SCALE = 0.05
"""Difference of logarithms of pixel sizes that counts as much as a spread of a statistic."""

_FARTHEST = 6.0
"""Spreads; statistics that are farther apart count as this far apart."""


def alike(
    simulated: Floats, real: Floats, owners: NDArray[np.int64], scales: Floats | None = None
) -> NDArray[np.int64]:
    """Return the numbers of the simulations that are most like the images, rising.

    All images have as many of them; a simulation may be among those of several.

    Parameters
    ----------
    simulated
        Statistics of simulations, (n, statistics).
    real
        Of pieces of the images, (pieces, statistics).
    owners
        Which image each piece is of.
    scales
        Sizes of the simulations' pixels over those of the images', if these are known, (n,).
    """
    count = min(MOST, max(FEWEST, len(simulated) // _ONE_IN), len(simulated))
    apart = _distances(simulated, real, owners)
    if scales is not None:
        apart += (np.log(scales) / _SAME_SCALE)[:, None] ** 2 / len(STATISTICS)
    order = np.argsort(apart, axis=0, kind="stable")
    many = next(n for n in range(1, len(order) + 1) if len(np.unique(order[:n])) >= count)
    return np.unique(order[:many])


def _distances(simulated: Floats, real: Floats, owners: NDArray[np.int64]) -> Floats:
    """Return mean squared distances of simulations from the pieces of each image, (n, images).

    Statistics are scaled as in `compare`; one that can't be measured is as far as the mean of all.
    """
    parts = []
    for number, statistic in enumerate(STATISTICS):
        here, there = (on_scale(table[:, number], statistic) for table in (real, simulated))
        known = here[np.isfinite(here)]
        if not known.size:
            continue
        scale = float(known.std()) + statistic.step
        apart = np.abs(there[:, None] - here[None, :]) / scale
        missing = ~np.isfinite(apart)
        apart = np.minimum(np.where(missing, np.nan, apart), _FARTHEST) ** 2
        mean = float(np.nanmean(apart)) if not missing.all() else 0.0
        parts.append(np.where(missing, mean, apart))
    apart = np.mean(parts, axis=0)
    images = np.unique(owners)
    return np.stack([apart[:, owners == image].mean(axis=1) for image in images], axis=1)
