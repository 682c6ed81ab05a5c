"""What gives synthetic images away, and what is doubtful about real ones, in plain sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from orchestrator.report.labels import length
from orchestrator.report.real.looks import Look
from orchestrator.statistics.comparison import Comparison, Difference, on_scale
from orchestrator.statistics.summary import Compared

MOST_SENTENCES = 10
FEWEST = 5
"""With fewer real images, numbers say little."""

LEAST_DISTANCE = 1.0
"""A statistic gives images away if it is this far apart, in units of what is hardly seen."""

_SHIFTED = 0.5
"""Part of a distance that the medians must be apart for them to be what differs."""

_NOISELESS = 0.3
"""Gray levels below which rounding hides all noise."""

_ALIKE = 1.2
"""Pixels whose sizes differ by a smaller factor are of one scale."""


def giveaways(comparison: Comparison) -> list[str]:
    """Return what gives the synthetic images away, the worst of each topic, the worst first."""
    worst: dict[str, Difference] = {}
    for difference in comparison.differences:
        if difference.distance >= LEAST_DISTANCE:
            worst.setdefault(difference.statistic.topic, difference)
    return [sentence(difference) for difference in [*worst.values()][:MOST_SENTENCES]]


def sentence(difference: Difference) -> str:
    """Return how one statistic differs, the real value before the synthetic one.

    "Noise is 2.3 times that of the real images (5.9 against 13.5 gray levels)."
    """
    statistic = difference.statistic
    unit = f" {statistic.unit}" if statistic.unit else ""
    real, made = difference.reference, difference.others
    medians = on_scale(np.array([real, made]), statistic)
    apart = float(medians[1] - medians[0])
    if abs(apart) < _SHIFTED * difference.distance * difference.scale:
        return _of_spread(difference, unit)
    values = f"({_number(real)} against {_number(made)}{unit})"
    if statistic.compared is Compared.BY_RATIO and real > 0:
        text = f"is {_number(made / real, 2)} times that of the real images {values}"
    else:
        which = "higher" if made > real else "lower"
        text = f"is {_number(abs(made - real))}{unit} {which} than in the real images {values}"
    low, high = difference.others_range
    if not low <= real <= high:
        side = "above" if real < low else "below"
        text += f"; more than 95 % of the synthetic images are {side} the former"
    return f"{statistic.words} {text}."


def _of_spread(difference: Difference, unit: str) -> str:
    ranges = difference.reference_range, difference.others_range
    real, made = (" to ".join(map(_number, each)) for each in ranges)
    widths = [high - low for high, low in ((r[1], r[0]) for r in ranges)]
    how = "varies more" if widths[1] > widths[0] else "varies less"
    return (
        f"{difference.statistic.words} {how} than in the real images "
        f"({real} against {made}{unit}, the middle 90 %)."
    )


def doubts(real: Sequence[Look], synthetic: Sequence[Look]) -> list[str]:
    """Return what the reader of the comparison has to know, in sentences."""
    return [*_of_number(real), *_of_bars(real), *_of_files(real), *_of_scale(real, synthetic)]


def _of_number(real: Sequence[Look]) -> list[str]:
    if len(real) >= FEWEST:
        return []
    count = "Only one real image was" if len(real) == 1 else f"Only {len(real)} real images were"
    return [f"{count} found: with fewer than {FEWEST}, a few others might give other numbers."]


def _of_bars(real: Sequence[Look]) -> list[str]:
    rows = [look.micrograph.bar_rows for look in real if look.micrograph.bar_rows]
    if not rows:
        return []
    high = f"{min(rows)}" if min(rows) == max(rows) else f"{min(rows)} to {max(rows)}"
    found = f"A data bar was found in {len(rows)} of {len(real)} real images and left out"
    return [f"{found} ({high} rows at the bottom)."]


def _of_files(real: Sequence[Look]) -> list[str]:
    remarks: dict[str, list[str]] = {}
    for look in real:
        texts = list(look.micrograph.remarks)
        noise = look.summary["noise"]
        if not noise >= _NOISELESS:
            texts.append("has no noise to speak of; it may not be a micrograph")
        for text in texts:
            remarks.setdefault(text, []).append(look.micrograph.name)
    return [f"{_some(names)} {text}." for text, names in remarks.items()]


def _some(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return (
        f"Each of {len(names)} images ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
    )


def _of_scale(real: Sequence[Look], synthetic: Sequence[Look]) -> list[str]:
    found = []
    sizes = [_common_size(looks) for looks in (real, synthetic)]
    if sizes[0] != sizes[1]:
        width, height = (max(look.measured[axis] for look in real) for axis in (0, 1))
        found.append(
            f"Real images are {sizes[0]} pixels, synthetic ones {sizes[1]}: of each the middle, at "
            f"most {width} x {height}, is measured, and sizes, edges and noise are compared pixel "
            "by pixel, not by the width of the field."
        )
    known = [
        [look.micrograph.pixel_nm for look in looks if look.micrograph.pixel_nm]
        for looks in (real, synthetic)
    ]
    if known[0] and max(known[0]) > _ALIKE * min(known[0]):
        low, high = length(min(known[0])), length(max(known[0]))
        found.append(f"Real images are of different scales: their pixels are {low} to {high} wide.")
    elif known[0] and known[1]:
        one, other = (float(np.median(sizes)) for sizes in known)
        if not 1 / _ALIKE < one / other < _ALIKE:
            found.append(
                f"A pixel is {length(one)} wide in the real images and {length(other)} in the "
                "synthetic ones: what is counted in pixels is not of one scale."
            )
    return found


def _common_size(looks: Sequence[Look]) -> str:
    counts = Counter(look.size for look in looks)
    (width, height), _ = counts.most_common(1)[0]
    return f"{'mostly ' if len(counts) > 1 else ''}{width} x {height}"


def _number(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:.0f}"
