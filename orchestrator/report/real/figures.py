"""Figures of two sets of images: synthetic ones in blue, real ones in orange."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from orchestrator.report.figures import (
    BLUE,
    INK,
    ORANGE,
    STYLE,
    Margins,
    Picture,
    grid,
    picture_of,
)
from orchestrator.report.real.looks import Look
from orchestrator.statistics.comparison import Comparison, on_scale
from orchestrator.statistics.gray import Floats
from orchestrator.statistics.summary import NAMES

FARTHEST = 8.0
"""What is farther apart is drawn as far as this."""

_GRAY_STEP = 4
_COMMON = 0.5
"""Fraction of the images that must have a value for their median to be drawn."""

_NAMES = ("synthetic", "real")
_COLOURS = (BLUE, ORANGE)
_ASIDE = tuple(zip(_NAMES, _COLOURS, (0.16, -0.16), strict=True))


def curves(synthetic: Sequence[Look], real: Sequence[Look]) -> Picture:
    """Draw what is a curve of each image: the median of each set, and its middle 90 %."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9.3, 5.4))
        axes = grid(figure, 2, 3, Margins(0.6, 0.1, 0.55, 0.5), gaps=(0.65, 0.85))
        sets = synthetic, real
        _histograms(axes[0], sets)
        _noise(axes[1], sets)
        _spectra(axes[2], sets)
        _edges(axes[3], sets)
        _profiles(axes[4], sets)
        _diameters(axes[5], sets)
        handles, _ = axes[0].get_legend_handles_labels()
        figure.legend(handles, _NAMES, loc="upper left", ncols=2, frameon=False)
        return picture_of(figure, "real_curves")


def distances(comparison: Comparison, synthetic: Sequence[Look], real: Sequence[Look]) -> Picture:
    """Draw all statistics of all images, the farthest apart first, from the real ones' median."""
    differences = comparison.differences
    with rc_context(STYLE):
        figure = Figure(figsize=(9.3, 0.27 * len(differences) + 0.9), layout="constrained")
        axis = figure.subplots()
        axis.axvspan(-1, 1, color="#88888826", linewidth=0)
        for row, difference in enumerate(differences):
            place = NAMES.index(difference.statistic.name)
            middle = on_scale(np.array([difference.reference]), difference.statistic)[0]
            for looks, (name, colour, aside) in zip((synthetic, real), _ASIDE, strict=True):
                values = np.array([look.summary.vector[place] for look in looks])
                values = on_scale(values[np.isfinite(values)], difference.statistic)
                at = np.clip((values - middle) / difference.scale, -FARTHEST, FARTHEST)
                axis.scatter(
                    at, np.full(len(at), row + aside), s=11, color=colour, alpha=0.55,
                    linewidths=0, label=name if row == 0 else None,
                )  # fmt: skip
            unit = difference.statistic.unit
            text = f"{difference.reference:.3g} | {difference.others:.3g} {unit}"
            axis.text(FARTHEST + 0.3, row, text, va="center", fontsize=8)
        words = [difference.statistic.words.removeprefix("The ") for difference in differences]
        axis.set_yticks(range(len(words)), [f"{text[0].lower()}{text[1:]}" for text in words])
        axis.set_ylim(len(words) - 0.4, -0.6)
        axis.set_xlim(-FARTHEST - 0.2, FARTHEST + 0.2)
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.set_xlabel("from the real median, in units of the real spread and what is hardly seen")
        axis.set_title("medians: real | synthetic", loc="right")
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderpad=0)
        return picture_of(figure, "real_distances")


def _histograms(axis: Axes, sets: Sequence[Sequence[Look]]) -> None:
    middle = np.arange(0.0, 256.0, _GRAY_STEP) + (_GRAY_STEP - 1) / 2

    def curve(look: Look) -> Floats:
        return np.asarray(100 * look.histogram.reshape(-1, _GRAY_STEP).sum(axis=1) / _GRAY_STEP)

    for looks, colour, name in zip(sets, _COLOURS, _NAMES, strict=True):
        _band(axis, middle, [curve(look) for look in looks], colour, name)
    axis.set_title("gray values")
    axis.set_xlabel("gray level")
    axis.set_ylabel("% of pixels a level")
    axis.set_xlim(0, 255)
    axis.set_ylim(bottom=0)


def _noise(axis: Axes, sets: Sequence[Sequence[Look]]) -> None:
    at = np.arange(8, 256, 8.0)
    for looks, colour, name in zip(sets, _COLOURS, _NAMES, strict=True):
        seen = [look.noise for look in looks if len(look.noise.sd)]
        found = [
            np.interp(at, curve.brightness, curve.sd, left=np.nan, right=np.nan) for curve in seen
        ]
        _band(axis, at, found, colour, name)
    axis.set_title("noise against brightness")
    axis.set_xlabel("gray level")
    axis.set_ylabel("sd, gray levels")
    axis.set_xlim(0, 255)
    axis.set_ylim(bottom=0)


def _spectra(axis: Axes, sets: Sequence[Sequence[Look]]) -> None:
    at = np.geomspace(0.008, 0.49, 48)
    for looks, colour, name in zip(sets, _COLOURS, _NAMES, strict=True):
        spectra = [look.spectrum for look in looks]
        found = [
            np.exp(np.interp(np.log(at), np.log(s.frequency), np.log(np.maximum(s.power, 1e-6))))
            for s in spectra
        ]
        _band(axis, at, found, colour, name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_title("power spectrum")
    axis.set_xlabel("cycles per pixel")
    axis.set_ylabel("gray levels² px²")


def _edges(axis: Axes, sets: Sequence[Sequence[Look]]) -> None:
    place = NAMES.index("edge_width")
    for row, (looks, colour) in enumerate(zip(sets, _COLOURS, strict=True)):
        values = np.array([look.summary.vector[place] for look in looks])
        values = values[np.isfinite(values)]
        # Multiples of the golden ratio: spread evenly, and in no order.
        aside = 0.5 * (np.arange(len(values)) * 0.618034 % 1.0 - 0.5)
        axis.scatter(values, row + aside, s=12, color=colour, alpha=0.5, linewidths=0)
        if len(values):
            middle = float(np.median(values))
            axis.plot([middle, middle], [row - 0.38, row + 0.38], color=INK, linewidth=1.4)
    axis.set_yticks(range(len(sets)), _NAMES)
    axis.set_ylim(len(sets) - 0.4, -0.6)
    axis.set_xlim(left=-0.1)
    axis.tick_params(axis="y", length=0)
    axis.set_title("sharpness: width of edges")
    axis.set_xlabel("pixels, 20 to 80 %")


def _profiles(axis: Axes, sets: Sequence[Sequence[Look]]) -> None:
    for looks, colour, name in zip(sets, _COLOURS, _NAMES, strict=True):
        seen = [look.profile for look in looks if look.profile.particles]
        if seen:
            _band(axis, seen[0].radius, [profile.level for profile in seen], colour, name)
    axis.set_title("profile of round particles")
    axis.set_xlabel("radii from the centre")
    axis.set_ylabel("over the centre's level")
    axis.set_ylim(bottom=0)


def _diameters(axis: Axes, sets: Sequence[Sequence[Look]]) -> None:
    at = np.geomspace(4, 600, 80)
    for looks, colour, name in zip(sets, _COLOURS, _NAMES, strict=True):
        found = [
            100 * np.searchsorted(np.sort(look.diameters), at, side="right") / len(look.diameters)
            for look in looks
            if len(look.diameters)
        ]
        _band(axis, at, found, colour, name)
    axis.set_xscale("log")
    axis.set_title("sizes: discs inside particles")
    axis.set_xlabel("diameter in pixels")
    axis.set_ylabel("% that are smaller")
    axis.set_ylim(0, 100)


def _band(
    axis: Axes, at: Floats, found: Sequence[NDArray[np.float64]], colour: str, name: str
) -> None:
    """Draw the median of curves and, of three or more, their middle 90 %."""
    if not found:
        return
    values = np.array(found)
    seen = np.isfinite(values).mean(axis=0) >= _COMMON
    at, values = at[seen], values[:, seen]
    axis.plot(at, np.nanmedian(values, axis=0), color=colour, linewidth=1.7, label=name)
    if len(values) > 2:
        low, high = np.nanquantile(values, (0.05, 0.95), axis=0)
        axis.fill_between(at, low, high, color=colour, alpha=0.22, linewidth=0)
