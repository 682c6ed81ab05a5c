"""Found particles against annotated ones: detection, outlines, numbers and sizes.

Particles match one to one at an intersection over union (IoU) of at least a threshold t, and
AP = TP / (TP + FP + FN), as in the Data Science Bowl of 2018 and the papers on StarDist (Schmidt et
al., 2018) and Cellpose (Stringer et al., 2021). Counts are pooled over images; errors of numbers
and sizes are averaged over them, so that too many here do not make up for too few there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

IOU_THRESHOLDS = np.arange(50, 100, 5) / 100
SIZE_EDGES_PX = (0.0, 8.0, 16.0, 32.0, 64.0, 128.0, math.inf)

type Integers = NDArray[np.integer]
type Booleans = NDArray[np.bool_]
type Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Particles:
    """The judged particles of one label image.

    Parameters
    ----------
    labels
        (n,) their labels in the image.
    diameters
        (n,) equivalent diameters in px: of the circle of the same area.
    whole
        (n,) whether it touches no border of the image, so that its size is known.
    """

    labels: Integers
    diameters: Reals
    whole: Booleans

    def __len__(self) -> int:
        return len(self.diameters)

    def whole_diameters(self) -> Reals:
        """Return the diameters of those that touch no border, in px."""
        return self.diameters[self.whole]


@dataclass(frozen=True, slots=True)
class Judged:
    """One image: which particles were found.

    Parameters
    ----------
    true, found
        The n annotated and m found particles, without those that are not judged.
    pairs
        (k, 2) indices into `true` and `found` of those that match at an IoU of at least 0.5.
    iou
        (k,) the IoU of each pair.
    """

    true: Particles
    found: Particles
    pairs: Integers
    iou: Reals

    def size_errors(self) -> Reals:
        """Return (k,) how far the diameter of each pair is off, relative to the true one."""
        true = self.true.diameters[self.pairs[:, 0]]
        return np.abs(self.found.diameters[self.pairs[:, 1]] - true) / true


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of a set of images.

    Where there is nothing to measure, fractions of particles are 0, errors and means nan.

    Parameters
    ----------
    images, true, found
        Numbers of images, annotated particles and found ones.
    ap50, ap75, ap50_95
        AP at an IoU of 0.5 and 0.75; its mean over 0.5, 0.55, ..., 0.95.
    precision, recall, f1
        At an IoU of 0.5.
    mean_iou
        Of the pairs that match at 0.5.
    count_error
        Mean over images of the number's error, relative and without its sign.
    wasserstein
        Mean over images of the 1-Wasserstein distance between the diameters, relative to their true
        mean; like the following two of particles that touch no border.
    mean_d_error, mean_d_error_abs
        Mean over images of the mean diameter's relative error, with its sign and without.
    matched_d_error
        Median over pairs of the diameter's relative error.
    """

    images: int
    true: int
    found: int
    ap50: float
    ap75: float
    ap50_95: float
    precision: float
    recall: float
    f1: float
    mean_iou: float
    count_error: float
    wasserstein: float
    mean_d_error: float
    mean_d_error_abs: float
    matched_d_error: float


@dataclass(frozen=True, slots=True)
class SizeClass:
    """How well particles of one size are found; nan where there are none.

    Parameters
    ----------
    low, high
        Diameters in px from `low` to below `high`.
    true, found
        Numbers of annotated and found particles of this size.
    recall
        Fraction of the annotated ones that were found, whatever their size was taken for.
    precision
        Fraction of the found ones that are there, whatever their true size is.
    """

    low: float
    high: float
    true: int
    found: int
    recall: float
    precision: float


def judge(
    true: Integers,
    found: Integers,
    ignore: Booleans | None = None,
    min_diameter: float = 8.0,
) -> Judged:
    """Match the particles of two label images.

    Annotated particles below `min_diameter` are not judged: found ones that hit such a particle, by
    an IoU above 0.5 or by more than half of their area, are left out, as are found ones below
    `min_diameter` themselves and those that lie in `ignore` by more than half - unless they match a
    particle that is judged.

    Parameters
    ----------
    true, found
        (height, width) labels, 0 where no particle is.
    ignore
        (height, width) where found particles are not judged.
    min_diameter
        In px.
    """
    true_ids, true_at = np.unique(np.append(0, true), return_inverse=True)
    found_ids, found_at = np.unique(np.append(0, found), return_inverse=True)
    true_at, found_at = true_at[1:].reshape(true.shape), found_at[1:].reshape(found.shape)
    true_areas = np.bincount(true_at.ravel(), minlength=len(true_ids))
    found_areas = np.bincount(found_at.ravel(), minlength=len(found_ids))
    a, b, shared = _overlaps(true_at, found_at)
    iou = shared / (true_areas[a] + found_areas[b] - shared)

    true_d, found_d = _diameters(true_areas), _diameters(found_areas)
    judged = true_d >= min_diameter
    hit = judged[a] & (iou >= 0.5)
    hit_unjudged = ~judged[a] & ((iou > 0.5) | (shared > 0.5 * found_areas[b]))
    left_out = found_d < min_diameter
    left_out[b[hit_unjudged]] = True
    if ignore is not None:
        ignored = np.bincount(found_at[ignore], minlength=len(found_ids))
        left_out |= ignored > 0.5 * found_areas
    left_out[b[hit]] = False

    judged[0], left_out[0] = False, True  # the background
    pairs, iou = _one_to_one(np.stack([a, b], axis=1)[hit], iou[hit])
    kept = ~left_out
    return Judged(
        Particles(true_ids[judged], true_d[judged], _whole(true_at, len(true_ids))[judged]),
        Particles(found_ids[kept], found_d[kept], _whole(found_at, len(found_ids))[kept]),
        np.stack([_ranks(judged)[pairs[:, 0]], _ranks(kept)[pairs[:, 1]]], axis=1),
        iou,
    )


def pooled(judged: Sequence[Judged]) -> Scores:
    """Return the figures of some images."""
    true, found = sum(len(one.true) for one in judged), sum(len(one.found) for one in judged)
    iou = np.concatenate([one.iou for one in judged] or [np.zeros(0)])
    hits = np.array([np.count_nonzero(iou >= threshold) for threshold in IOU_THRESHOLDS])
    ap = hits / np.maximum(true + found - hits, 1)
    annotated = [one for one in judged if len(one.true)]
    distances, shifts = _size_distances(annotated)
    errors = np.concatenate([one.size_errors() for one in judged] or [np.zeros(0)])
    return Scores(
        images=len(judged),
        true=true,
        found=found,
        ap50=float(ap[0]),
        ap75=float(ap[5]),
        ap50_95=float(ap.mean()),
        precision=len(iou) / max(found, 1),
        recall=len(iou) / max(true, 1),
        f1=2 * len(iou) / max(true + found, 1),
        mean_iou=_mean(iou),
        count_error=_mean(
            [abs(len(one.found) - len(one.true)) / len(one.true) for one in annotated]
        ),
        wasserstein=_mean(distances),
        mean_d_error=_mean(shifts),
        mean_d_error_abs=_mean(np.abs(shifts)),
        matched_d_error=float(np.median(errors)) if len(errors) else math.nan,
    )


def by_size(judged: Sequence[Judged]) -> Iterator[SizeClass]:
    """Yield how well particles of each size are found, from the smallest to the largest."""
    for low, high in pairwise(SIZE_EDGES_PX):
        true = found = true_hits = found_hits = 0
        for one in judged:
            is_true = (one.true.diameters >= low) & (one.true.diameters < high)
            is_found = (one.found.diameters >= low) & (one.found.diameters < high)
            true, found = true + int(is_true.sum()), found + int(is_found.sum())
            true_hits += int(is_true[one.pairs[:, 0]].sum())
            found_hits += int(is_found[one.pairs[:, 1]].sum())
        yield SizeClass(
            low, high, true, found, _fraction(true_hits, true), _fraction(found_hits, found)
        )


def _overlaps(true: Integers, found: Integers) -> tuple[Integers, Integers, Integers]:
    """Return the pairs of labels that share pixels, and how many."""
    both = (true > 0) & (found > 0)
    base = int(found.max(initial=0)) + 1
    codes, shared = np.unique(true[both] * base + found[both], return_counts=True)
    return codes // base, codes % base, shared


def _one_to_one(pairs: Integers, iou: Reals) -> tuple[Integers, Reals]:
    """Return as many of the pairs as can be had with each particle in one of them at most.

    Labels don't overlap, so a particle can be in two pairs only if two others halve it exactly.
    Each covers half of it and nothing else: whichever is taken takes no partner from others.
    """
    for side in (0, 1):
        _, first = np.unique(pairs[:, side], return_index=True)
        pairs, iou = pairs[first], iou[first]
    return pairs, iou


def _diameters(areas: Integers) -> Reals:
    return 2 * np.sqrt(areas / np.pi)


def _whole(labels: Integers, number: int) -> Booleans:
    whole = np.ones(number, dtype=np.bool_)
    for edge in (labels[:1], labels[-1:], labels[:, :1], labels[:, -1:]):
        whole[edge] = False
    return whole


def _ranks(kept: Booleans) -> Integers:
    """Return which place each has among those that are kept."""
    return np.cumsum(kept) - 1


def _size_distances(judged: Sequence[Judged]) -> tuple[Reals, Reals]:
    """Return the distance of the sizes' distributions and of their means, relative, by image."""
    from scipy.stats import wasserstein_distance  # takes half a second to import

    distances, shifts = [], []
    for one in judged:
        true, found = one.true.whole_diameters(), one.found.whole_diameters()
        if not len(true):
            continue
        distances.append(wasserstein_distance(true, found) / true.mean() if len(found) else 1.0)
        shifts.append(found.mean() / true.mean() - 1 if len(found) else -1.0)
    return np.array(distances), np.array(shifts)


def _fraction(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _mean(values: Sequence[float] | Reals) -> float:
    return float(np.mean(values)) if len(values) else math.nan
