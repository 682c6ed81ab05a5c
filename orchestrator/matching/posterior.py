"""What statistics say of parameters: distributions by forests of simulations.

One random forest for each parameter is grown on simulations that are spread evenly over the ranges
of a recipe. The leaves in which an image ends weigh the simulations that end there, too, and the
weighted simulations are the distribution of the parameter given the image (Meinshausen 2006,
Journal of Machine Learning Research 7, 983; Raynal et al. 2019, Bioinformatics 35, 1720). Trees see
only a part of the simulations, so each simulation is judged by the trees that did not see it: that
says how far off values are, how far they are drawn to the middle of the range, and whether
intervals hold as many truths as they promise (out-of-bag predictions, as by Johansson et al. 2014,
Machine Learning 97, 155).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from orchestrator.statistics.gray import Floats

INTERVAL = 0.9
"""Probability that an interval holds the truth."""

_TAIL = (1 - INTERVAL) / 2
_TREES = 200

_LEAST_SLOPE = 0.2
"""What images tell less of is left to the recipe."""

_JUDGED = 300
"""Most simulations that a forest is judged by."""


@final
@dataclass(frozen=True, slots=True)
class Judgement:
    """How well a parameter is told from images, by simulations whose parameter is known.

    All are fractions of the parameter's range, or of the number of simulations.

    Parameters
    ----------
    error
        Mean distance of the median from the truth; 0.25 where images say nothing.
    coverage
        Fraction of the truths that intervals of 90 % hold.
    slope, offset
        Medians over truths, as a straight line: what images tell badly is drawn to the middle.
    scatter
        Standard deviation of medians about that line.
    """

    error: float
    coverage: float
    slope: float
    offset: float
    scatter: float

    @property
    def uncertainty(self) -> float:
        """Standard deviation of what a median tells of the truth; infinite if it tells nothing."""
        return self.scatter / self.slope if self.slope >= _LEAST_SLOPE else math.inf


@final
class Posterior:
    """What is known of one parameter from statistics of an image.

    Parameters
    ----------
    statistics
        (n, k), of simulations; NaN where an image did not allow one to be measured.
    positions
        (n,), of the parameter in its range, 0 to 1.
    seed
        Of the forest.

    Attributes
    ----------
    judgement
        How well it is told.
    """

    def __init__(self, statistics: Floats, positions: Floats, seed: int = 0) -> None:
        from sklearn.ensemble import RandomForestRegressor  # takes seconds

        self._forest = RandomForestRegressor(
            _TREES,
            min_samples_leaf=4,
            max_features=1 / 3,
            random_state=seed,
            n_jobs=os.process_cpu_count() or 1,
        ).fit(statistics, positions)
        self._positions = positions
        seen = np.stack(
            [
                np.bincount(chosen, minlength=len(positions))
                for chosen in self._forest.estimators_samples_
            ],
            axis=1,
        )
        leaves = self._forest.apply(statistics)
        # In each leaf, simulations weigh by how often its tree has drawn them, together 1.
        sums = [
            np.bincount(leaves[:, tree], seen[:, tree])[leaves[:, tree]]
            for tree in range(leaves.shape[1])
        ]
        self._shares = self._by_leaf(leaves, seen / np.stack(sums, axis=1)).T.tocsr()
        self.judgement = self._judged(leaves, seen == 0, np.random.default_rng(seed))

    def weights(self, statistics: Floats) -> Floats:
        """Return the weights of the simulations for each of some images, (images, n)."""
        leaves = self._forest.apply(statistics)
        return self._weights(leaves, np.ones(leaves.shape, bool))

    def quantiles(self, weights: Floats, levels: Sequence[float]) -> Floats:
        """Return quantiles of the parameter under each row of weights, (images, levels)."""
        order = np.argsort(self._positions)
        below = np.cumsum(weights[:, order], axis=1)
        below /= below[:, -1:]
        places = np.array([np.searchsorted(row, levels) for row in below])
        return np.asarray(self._positions[order][places.clip(0, len(order) - 1)])

    def histogram(self, weights: Floats, bins: int) -> Floats:
        """Return how probable each part of the range is under weights (n,), (bins,)."""
        found, _ = np.histogram(self._positions, bins, (0.0, 1.0), weights=weights)
        return np.asarray(found / found.sum())

    def _weights(self, leaves: NDArray[np.int64], asked: NDArray[np.bool_]) -> Floats:
        """Return weights by the trees that are asked, (images, n)."""
        trees = asked / asked.sum(axis=1, keepdims=True)
        return np.asarray((self._by_leaf(leaves, trees) @ self._shares).todense())

    def _by_leaf(self, leaves: NDArray[np.int64], values: Floats) -> Any:
        """Return values for each tree, (rows, trees), as a sparse matrix (rows, all leaves)."""
        from scipy.sparse import csr_array

        nodes = np.cumsum([0, *(one.tree_.node_count for one in self._forest.estimators_)])
        rows = np.arange(len(leaves))[:, None] + np.zeros_like(leaves)
        places = rows.ravel(), (leaves + nodes[:-1]).ravel()
        return csr_array((values.ravel(), places), shape=(len(leaves), nodes[-1]))

    def _judged(
        self, leaves: NDArray[np.int64], unseen: NDArray[np.bool_], rng: np.random.Generator
    ) -> Judgement:
        chosen = rng.permutation(len(leaves))[:_JUDGED]
        chosen = chosen[unseen[chosen].any(axis=1)]
        weights = self._weights(leaves[chosen], unseen[chosen])
        low, middle, high = self.quantiles(weights, (_TAIL, 0.5, 1 - _TAIL)).T
        truth = self._positions[chosen]
        slope, offset = np.polyfit(truth, middle, 1)
        return Judgement(
            error=float(np.abs(middle - truth).mean()),
            coverage=float(((low <= truth) & (truth <= high)).mean()),
            slope=float(slope),
            offset=float(offset),
            scatter=float(np.std(middle - offset - slope * truth)),
        )
