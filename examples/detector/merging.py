"""From star-convex outlines, found at several scales, to one label image: the one merging rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

FEWEST_VIEWS = 4  # a particle that fewer can show is as unsure as if others had not found it
NEIGHBOURS = 8  # outlines of another view among which the same particle is looked for
MOST = 60_000  # outlines of one micrograph that are compared, the surest ones


@dataclass(frozen=True)
class Outlines:
    """Star-convex outlines that may overlap.

    Parameters
    ----------
    centres
        (n, 2) float32: row and column in pixels of the micrograph.
    distances
        (n, rays) float32: from the centre to the outline along `targets.ray_directions`, in pixels.
    scores
        (n,) float32 in 0 to 1.
    """

    centres: NDArray[np.float32]
    distances: NDArray[np.float32]
    scores: NDArray[np.float32]

    @property
    def diameters(self) -> NDArray[np.float32]:
        """Of circles of the same area, (n,), in pixels."""
        rays = self.distances.shape[1]
        after = np.roll(self.distances, -1, axis=1)
        areas = 0.5 * np.sin(2 * np.pi / rays) * (self.distances * after).sum(axis=1)
        return np.asarray(2 * np.sqrt(areas / np.pi), dtype=np.float32)

    def where(self, kept: NDArray[np.bool_] | NDArray[np.intp]) -> Outlines:
        """Return some of the outlines."""
        return Outlines(self.centres[kept], self.distances[kept], self.scores[kept])

    @staticmethod
    def joined(parts: list[Outlines]) -> Outlines:
        """Return all outlines of several lists."""
        return Outlines(
            np.concatenate([part.centres for part in parts]),
            np.concatenate([part.distances for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )


@dataclass(frozen=True)
class View:
    """What was found in a micrograph at one scale.

    Parameters
    ----------
    outlines
        In pixels of the micrograph.
    sizes
        The smallest and the largest diameter, in pixels of the micrograph, that the network knows
        at this scale.
    """

    outlines: Outlines
    sizes: tuple[float, float]

    def shows(self, diameters: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Tell which particles would be found here if they were any."""
        return (diameters >= self.sizes[0]) & (diameters <= self.sizes[1])


def agreed(views: Sequence[View], apart: float = 0.25, ratio: float = 1.4) -> Outlines:
    """Return the outlines of all views, each as the views see it together.

    What is a particle at one scale alone is rarely one. So the score of an outline becomes the mean
    over the views that show its size, with 0 for those that did not find it, and its centre and
    distances the mean over those that did.

    Parameters
    ----------
    views
        At most a few dozen.
    apart
        Two outlines are of the same particle if their centres are no further apart than this
        fraction of the diameter,
    ratio
        and their diameters no more than this factor.
    """
    diameters = [view.outlines.diameters for view in views]
    trees = [cKDTree(view.outlines.centres) for view in views]
    joined = []
    for index, view in enumerate(views):
        kept = view.shows(diameters[index])
        own, size = view.outlines.where(kept), diameters[index][kept]
        scores, shown = own.scores.copy(), np.ones(len(size), np.float32)
        centres, distances = own.centres.copy(), own.distances.copy()
        found = np.ones(len(size), np.float32)
        for other, tree in enumerate(trees):
            if other == index:
                continue
            shown += views[other].shows(size)
            if not len(size) or not tree.n:
                continue
            matched = _nearest(
                own, size, views[other].outlines, diameters[other], tree, apart, ratio
            )
            rows = np.flatnonzero((matched >= 0) & views[other].shows(size))
            theirs = views[other].outlines.where(matched[rows])
            scores[rows] += theirs.scores
            centres[rows] += theirs.centres
            distances[rows] += theirs.distances
            found[rows] += 1
        joined.append(
            Outlines(
                np.asarray(centres / found[:, None], np.float32),
                np.asarray(distances / found[:, None], np.float32),
                np.asarray(scores / np.maximum(shown, min(FEWEST_VIEWS, len(views))), np.float32),
            )
        )
    return Outlines.joined(joined)


def _nearest(
    own: Outlines,
    size: NDArray[np.float32],
    others: Outlines,
    sizes: NDArray[np.float32],
    tree: cKDTree,
    apart: float,
    ratio: float,
) -> NDArray[np.intp]:
    """Return for each outline the surest of another view that is of the same particle, or -1."""
    gaps, neighbours = tree.query(own.centres, k=min(NEIGHBOURS, tree.n))
    gaps, neighbours = gaps.reshape(len(size), -1), neighbours.reshape(len(size), -1)
    factors = sizes[neighbours] / size[:, None]
    same = (gaps <= apart * size[:, None]) & (factors <= ratio) & (factors >= 1 / ratio)
    scores = np.where(same, others.scores[neighbours], -1)
    best = scores.argmax(axis=1)
    rows = np.arange(len(size))
    return np.where(scores[rows, best] >= 0, neighbours[rows, best], -1)


def surest(
    outlines: Outlines,
    shape: tuple[int, ...],
    largest_overlap: float,
    contained: float,
    contained_score: float,
) -> Outlines:
    """Return the outlines that stay, the surest first.

    The surest outline comes first. Another one stays if its intersection over union with none
    before it is above `largest_overlap`, and, where more than `contained` of it lies in one before
    it, if its score is at least `contained_score`: a part of a particle is not another particle,
    but one that lies on it may be.

    Parameters
    ----------
    shape
        Of the micrograph: height, width.
    """
    order = np.argsort(-outlines.scores, kind="stable")[:MOST]
    outlines = outlines.where(order)
    kept = _surest(
        outlines.centres,
        outlines.distances,
        outlines.scores,
        np.array(shape),
        largest_overlap,
        contained,
        contained_score,
    )
    return outlines.where(kept)


def sure_enough(outlines: Outlines, quantile: float, fraction: float) -> Outlines:
    """Return the outlines whose score is at least a fraction of what the sure ones have.

    In an image that is more blurred or crowded than those of the training, or after a short
    training, the scores of all particles are lower, but still higher than those of what is no
    particle. So the threshold follows the image.

    Parameters
    ----------
    quantile
        Of the scores: what the sure ones have.
    fraction
        Of that score, above which an outline is kept.
    """
    if not len(outlines.scores):
        return outlines
    return outlines.where(outlines.scores >= fraction * np.quantile(outlines.scores, quantile))


def painted(
    outlines: Outlines, shape: tuple[int, ...]
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Return labels and scores of outlines: large ones first, so that small ones lie on them.

    Parameters
    ----------
    shape
        Of the micrograph: height, width.

    Returns
    -------
    labels, scores
        (height, width) uint16, and (n,) float32 of labels 1 to n.
    """
    outlines = outlines.where(np.argsort(-outlines.diameters, kind="stable"))
    labels = np.zeros(shape, np.uint16)
    _paint(outlines.centres, outlines.distances, labels)
    return compacted(labels, outlines.scores)


def compacted(
    labels: NDArray[np.uint16], scores: NDArray[np.float32]
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Return the labels renumbered without gaps, and the scores of those that are left."""
    areas = np.bincount(labels.ravel(), minlength=len(scores) + 1)
    left = np.flatnonzero(areas[1:]) + 1
    new = np.zeros(len(scores) + 1, np.uint16)
    new[left] = np.arange(1, len(left) + 1)
    return new[labels], scores[left - 1]


@njit(cache=True, nogil=True)
def _inside(
    row: float,
    column: float,
    distances: NDArray[np.float32],
) -> bool:
    """Tell whether a place, relative to the centre, lies within a star-convex outline."""
    rays = len(distances)
    turn = 2 * np.pi / rays
    angle = np.arctan2(row, column)
    if angle < 0:
        angle += 2 * np.pi
    ray = int(angle / turn) % rays
    after = distances[(ray + 1) % rays]
    before = distances[ray]
    first, second = ray * turn, (ray + 1) * turn
    y0, x0 = before * np.sin(first), before * np.cos(first)
    y1, x1 = after * np.sin(second), after * np.cos(second)
    inside: bool = (x1 - x0) * (row - y0) - (y1 - y0) * (column - x0) >= 0
    return inside


@njit(cache=True, nogil=True)
def _window(
    centre: NDArray[np.float32],
    distances: NDArray[np.float32],
    shape: tuple[int, ...],
) -> tuple[int, int, int, int]:
    reach = distances.max()
    top = max(int(np.floor(centre[0] - reach)), 0)
    left = max(int(np.floor(centre[1] - reach)), 0)
    bottom = min(int(np.ceil(centre[0] + reach)) + 1, shape[0])
    right = min(int(np.ceil(centre[1] + reach)) + 1, shape[1])
    return top, left, bottom, right


@njit(cache=True, nogil=True)
def _overlap(
    centre: NDArray[np.float32],
    distances: NDArray[np.float32],
    other: NDArray[np.float32],
    other_distances: NDArray[np.float32],
    window: tuple[int, int, int, int],
    step: int,
) -> tuple[int, int]:
    """Return the area of one outline, and the area that it shares with another, in pixels."""
    area = shared = 0
    top, left, bottom, right = window
    for row in range(top, bottom, step):
        for column in range(left, right, step):
            if _inside(row - centre[0], column - centre[1], distances):
                area += 1
                if _inside(row - other[0], column - other[1], other_distances):
                    shared += 1
    return area * step * step, shared * step * step


@njit(cache=True, nogil=True)
def _surest(
    centres: NDArray[np.float32],
    distances: NDArray[np.float32],
    scores: NDArray[np.float32],
    shape: tuple[int, ...],
    largest_overlap: float,
    contained: float,
    contained_score: float,
) -> NDArray[np.bool_]:
    number = len(scores)
    kept = np.zeros(number, np.bool_)
    reach = np.zeros(number)
    areas = np.zeros(number)
    rays = distances.shape[1]
    for i in range(number):
        reach[i] = distances[i].max()
        for ray in range(rays):
            areas[i] += distances[i, ray] * distances[i, (ray + 1) % rays]
        areas[i] *= 0.5 * np.sin(2 * np.pi / rays)
    for i in range(number):
        window = _window(centres[i], distances[i], shape)
        step = max(1, int(reach[i] / 16))
        stays = True
        for j in range(i):
            if not kept[j]:
                continue
            apart = np.hypot(centres[i, 0] - centres[j, 0], centres[i, 1] - centres[j, 1])
            if apart >= reach[i] + reach[j]:
                continue
            area, shared = _overlap(
                centres[i], distances[i], centres[j], distances[j], window, step
            )
            union = max(area + areas[j] - shared, 1.0)
            if shared / union > largest_overlap or (
                shared > contained * area and scores[i] < contained_score
            ):
                stays = False
                break
        kept[i] = stays
    return kept


@njit(cache=True, nogil=True)
def _paint(
    centres: NDArray[np.float32],
    distances: NDArray[np.float32],
    labels: NDArray[np.uint16],
) -> None:
    for i in range(len(centres)):
        top, left, bottom, right = _window(centres[i], distances[i], labels.shape)
        for row in range(top, bottom):
            for column in range(left, right):
                if _inside(row - centres[i, 0], column - centres[i, 1], distances[i]):
                    labels[row, column] = i + 1
