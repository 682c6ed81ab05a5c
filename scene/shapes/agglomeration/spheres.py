"""Spheres that collide: closed formulas."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import final, override

import numpy as np
from numpy.typing import NDArray

from scene.shapes.agglomeration.solids import Box, Contact, Indices, Meeting, Points, Solids

_MOST_EDGES = 256
"""Edges of a path that are looked at together."""

_FIRST_BLOCKS = 16


@final
class Spheres(Solids):
    """Spheres of density 1.

    Parameters
    ----------
    centres
        (N, 3).
    radii
        (N,).
    """

    def __init__(self, centres: Points, radii: NDArray[np.float64]) -> None:
        self.centres = np.array(centres, dtype=np.float64)
        self.turns = np.tile(np.eye(3), (len(radii), 1, 1))
        self.radii = radii
        self.masses = 4 / 3 * math.pi * radii**3
        self.gyration_radii = math.sqrt(3 / 5) * radii

    @override
    def box(self, members: Indices) -> Box:
        centres, radii = self.centres[members], self.radii[members, None]
        return (centres - radii).min(axis=0), (centres + radii).max(axis=0)

    @override
    def meeting(self, first: Indices, second: Indices) -> Meeting:
        return SphereMeeting(*self._of(first), *self._of(second))

    def _of(self, members: Indices) -> tuple[Indices, Points, NDArray[np.float64]]:
        return members, self.centres[members], self.radii[members]


@final
class SphereMeeting(Meeting):
    """Two bodies of spheres.

    Sphere b of the moving body touches sphere a of the other one where the translation is at the
    distance r_a + r_b from c_a - c_b. So the moving body becomes a point, and the path is met
    with spheres about all these differences.
    """

    def __init__(
        self,
        first: Indices,
        centres: Points,
        radii: NDArray[np.float64],
        second: Indices,
        moving_centres: Points,
        moving_radii: NDArray[np.float64],
    ) -> None:
        from scipy.spatial import KDTree

        self._first, self._second = first, second
        self._centres, self._radii = centres, radii
        self._moving_centres, self._moving_radii = moving_centres, moving_radii
        self._largest = float(radii.max() + moving_radii.max())
        self._block = float(radii.min() + moving_radii.min())
        self._tree = KDTree(centres, balanced_tree=False, compact_nodes=False)
        self._apart = np.zeros(3), 0.0  # a place, and how far from there nothing meets

    @override
    def first_contact(self, path: Points) -> Contact | None:
        for start, stop, near in self.near(path):
            starts = path[start:stop]
            a, b = np.divmod(near, len(self._second))
            centres = self._centres[a] - self._moving_centres[b]
            reaches = self._radii[a] + self._moving_radii[b]
            found = _entry(starts, path[start + 1 : stop + 1] - starts, centres, reaches)
            if found is not None:
                edge, fraction, n = found
                pair = int(self._first[a[n]]), int(self._second[b[n]])
                return Contact(start + edge, fraction, *pair)
        return None

    def near(self, path: Points) -> Iterator[tuple[int, int, list[int]]]:
        """Yield stretches of the path, in order, and the pairs of spheres that may meet there.

        A stretch goes from its first to its last edge, which is no part of it; pair n is of the
        spheres ``divmod(n, moving spheres)``.
        """
        edges = len(path) - 1
        x, y, z = np.diff(path, axis=0).T
        longest = math.sqrt(float((x * x + y * y + z * z).max()))
        size = max(1, int(min(self._block / max(longest, 1e-300), _MOST_EDGES)))
        starts = np.arange(0, edges, size)
        stops = np.minimum(starts + size, edges)
        middles = (path[starts] + path[stops]) / 2
        reach = self._largest + size * longest / 2 * 1.001
        begin, number = 0, _FIRST_BLOCKS
        while begin < len(starts):
            clear = self._clear(path[starts[begin] :], stops[begin:] - starts[begin])
            if clear:
                begin, number = begin + clear, _FIRST_BLOCKS
                continue
            end = begin + number
            found = self._around(middles[begin:end], reach)
            for start, stop, near in zip(
                starts[begin:end].tolist(), stops[begin:end].tolist(), found, strict=True
            ):
                if near:
                    yield start, stop, near
            begin, number = end, 2 * number

    def _clear(self, path: Points, stops: NDArray[np.intp]) -> int:
        """Return along how many of a path's first stretches nothing can meet, if that is seen.

        Bodies with a gap between them stay apart as long as none moves farther than that: most of
        a winding way is far from everything.
        """
        place, gap = self._apart
        within = _lengths(path - place) < gap
        if not within[: stops[0] + 1].all():
            place = path[0]
            distances, _ = self._tree.query(place + self._moving_centres)
            gap = float((distances - self._moving_radii).min() - self._radii.max())
            self._apart = place, gap
            within = _lengths(path - place) < gap
        if within.all():
            return len(stops)
        return int(np.searchsorted(stops, within.argmin(), side="left"))

    def _around(self, places: Points, reach: float) -> list[list[int]]:
        """Return the pairs whose distance is at most `reach` at each place, in order."""
        number = len(self._moving_radii)
        points = (places[:, None] + self._moving_centres).reshape(-1, 3)
        touched = self._tree.query_ball_point(points, reach)
        return [
            sorted(
                a * number + b
                for b, hits in enumerate(touched[start : start + number])
                for a in hits
            )
            for start in range(0, len(points), number)
        ]


def _lengths(vectors: Points) -> NDArray[np.float64]:
    x, y, z = vectors.T
    lengths: NDArray[np.float64] = np.sqrt(x * x + y * y + z * z)
    return lengths


def _entry(
    starts: Points, edges: Points, centres: Points, reaches: NDArray[np.float64]
) -> tuple[int, float, int] | None:
    """Return where a point that moves along edges first enters a sphere: edge, fraction, sphere.

    The nearer root of ``|p + s e - c|^2 = r^2`` for s in [0, 1]; a point that is inside, which is
    by no more than rounding, enters where it moves inwards.
    """
    offsets = starts[:, None] - centres
    ex, ey, ez = edges.T[..., None]
    ox, oy, oz = offsets[..., 0], offsets[..., 1], offsets[..., 2]
    square = ex * ex + ey * ey + ez * ez
    inwards = -(ex * ox + ey * oy + ez * oz)
    outside = ox * ox + oy * oy + oz * oz - reaches * reaches
    root = inwards * inwards - square * outside
    # The stable form of (inwards - sqrt(root)) / square.
    with np.errstate(invalid="ignore", divide="ignore"):
        fraction = np.maximum(outside, 0.0) / (inwards + np.sqrt(root))
    meets = (inwards > 0) & (root >= 0) & (fraction <= 1)
    edge = int(meets.any(axis=1).argmax())
    if not meets[edge].any():
        return None
    sphere = int(np.where(meets[edge], fraction[edge], np.inf).argmin())
    return edge, float(fraction[edge, sphere]), sphere
