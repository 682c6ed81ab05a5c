"""How often clusters meet: which two collide next."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray


@final
class Frequencies:
    """Frequencies of collisions between clusters that move freely.

    Clusters i and j meet in proportion to ``(R_i + R_j)^2 sqrt(1 / m_i + 1 / m_j)``, the cross
    section times the relative thermal velocity: Wei and Kruis, "A GPU-based parallelized
    Monte-Carlo method for particle coagulation using an acceptance-rejection strategy", Chemical
    Engineering Science 104 (2013), with the free-molecular kernel. Pairs are drawn from the
    normalised frequencies and none is rejected.

    Parameters
    ----------
    radii
        (N,) radii R.
    masses
        (N,) masses m.
    """

    def __init__(self, radii: NDArray[np.float64], masses: NDArray[np.float64]) -> None:
        self._radii, self._masses = radii.copy(), masses.copy()
        self._sums = np.array([self._row(i).sum() for i in range(len(radii))])

    def pair(self, rng: np.random.Generator) -> tuple[int, int]:
        """Draw two different clusters, by their positions."""
        first = _drawn(self._sums, rng)
        return first, _drawn(self._row(first), rng)

    def join(self, first: int, second: int, radius: float, mass: float) -> None:
        """Let the cluster at `second` join that at `first`.

        The last cluster takes the position `second`.
        """
        self._sums -= self._row(first) + self._row(second)
        self._radii[first], self._masses[first] = radius, mass
        for name in ("_radii", "_masses", "_sums"):
            values = getattr(self, name)
            values[second] = values[-1]
            setattr(self, name, values[:-1])
        first = second if first == len(self._sums) else first
        row = self._row(first)
        self._sums += row
        self._sums[first] = row.sum()
        # What is left of a difference of equal numbers may be below nothing.
        np.maximum(self._sums, 0.0, out=self._sums)

    def _row(self, i: int) -> NDArray[np.float64]:
        reach = self._radii + self._radii[i]
        row: NDArray[np.float64] = (
            reach * reach * np.sqrt(1.0 / self._masses + 1.0 / self._masses[i])
        )
        row[i] = 0.0
        return row


def _drawn(weights: NDArray[np.float64], rng: np.random.Generator) -> int:
    heaps = np.cumsum(weights)
    found = int(np.searchsorted(heaps, rng.random() * heaps[-1], "right"))
    return min(found, int(np.flatnonzero(weights)[-1]))  # a product may be rounded up
