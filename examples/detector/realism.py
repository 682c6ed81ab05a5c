"""The figures of a study as tables: detectors beside each other, by image and by size."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from examples.detector.evaluation import Evaluation
from examples.detector.scores import Judged, Scores, by_size, pooled
from examples.detector.tables import percent, spread, table

type Studied = Mapping[str, Sequence[Evaluation]]
"""By detector: an evaluation for each seed that it was trained with, or a single one."""

FIGURES: Mapping[str, tuple[str, Callable[[Sequence[float]], str]]] = {
    "AP50": ("ap50", spread),
    "AP75": ("ap75", spread),
    "F1": ("f1", spread),
    "count error": ("count_error", percent),
    "distance of size distributions": ("wasserstein", percent),
    "error of the mean diameter": ("mean_d_error_abs", percent),
    "error of matched diameters": ("matched_d_error", percent),
}
"""Name of a column, the score in it, and how it is written."""


def figures(scores: Sequence[Scores]) -> list[str]:
    """Return the cells of a row: each figure over several seeds, or of one evaluation."""
    return [written([getattr(one, name) for one in scores]) for name, written in FIGURES.values()]


def by_detector(studied: Studied) -> str:
    """Return a row for each detector, and one for each of its seeds."""
    rows = []
    for name, evaluations in studied.items():
        scores = [_pooled(evaluation) for evaluation in evaluations]
        rows.append([name, *figures(scores)])
        if len(scores) > 1:
            rows += [[f"seed {seed}", *figures([one])] for seed, one in enumerate(scores)]
    return table(["", *FIGURES], rows)


def by_image(studied: Studied) -> str:
    """Return a row for each micrograph: the first detector's figures, AP50 of the others."""
    (_, ours), *others = studied.items()
    rows = []
    for stem in ours[0].judged:
        scores = [pooled([evaluation.judged[stem]]) for evaluation in ours]
        row = [stem, f"{scores[0].true}", spread([one.found for one in scores], 0)]
        row += [spread([one.ap50 for one in scores]), spread([one.ap75 for one in scores])]
        for _, evaluations in others:
            row.append(spread([pooled([one.judged[stem]]).ap50 for one in evaluations]))
        rows.append(row)
    names = [f"AP50 of {name}" for name, _ in others]
    return table(["micrograph", "particles", "found", "AP50", "AP75", *names], rows)


def by_diameter(studied: Studied) -> str:
    """Return a row for each class of sizes: the first detector's figures, recall of the others."""
    (_, ours), *others = studied.items()
    classes = [list(by_size(_judged(evaluation))) for evaluation in ours]
    compared = [[list(by_size(_judged(one))) for one in evaluations] for _, evaluations in others]
    rows = []
    for index, size in enumerate(classes[0]):
        if not size.true:
            continue
        of_seeds = [sizes[index] for sizes in classes]
        shifts = [median_shift(_judged(one), size.low, size.high) for one in ours]
        rows.append(
            [
                f"{size.low:g} to {size.high:g}"
                if math.isfinite(size.high)
                else f"{size.low:g} on",
                f"{size.true}",
                spread([one.recall for one in of_seeds], 2),
                spread([one.precision for one in of_seeds], 2),
                percent(shifts),
                *(spread([sizes[index].recall for sizes in seeds], 2) for seeds in compared),
            ]
        )
    names = [f"recall of {name}" for name, _ in others]
    columns = ["diameter in px", "particles", "recall", "precision", "median error of the diameter"]
    return table([*columns, *names], rows)


def median_shift(judged: Sequence[Judged], low: float, high: float) -> float:
    """Return the median relative error, with its sign, of the diameters from low to below high."""
    errors = [np.zeros(0)]
    for one in judged:
        true = one.true.diameters[one.pairs[:, 0]]
        shifts = one.found.diameters[one.pairs[:, 1]] / true - 1
        errors.append(shifts[(true >= low) & (true < high)])
    every = np.concatenate(errors)
    return float(np.median(every)) if len(every) else math.nan


def _pooled(evaluation: Evaluation) -> Scores:
    return pooled(_judged(evaluation))


def _judged(evaluation: Evaluation) -> list[Judged]:
    return list(evaluation.judged.values())
