"""The report's figures: histograms, a scatter matrix, coverage, times.

Colours are those of Okabe and Ito (Color Universal Design, 2008) and the map viridis, which people
with any kind of colour vision tell apart.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeIs, final

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from orchestrator.common.names import step_name
from orchestrator.report.swept_values import numbered

MOST_PANELS = 24
MOST_POINTS = 2_000
MOST_STEPS = 10
MOST_LABELS = 16
MOST_BARS = 6
LONGEST_LABEL = 34

INK = "#010203"
"""Stands for the text's colour; on the page it becomes whatever that is, light or dark."""

BLUE = "#0072b2"
ORANGE = "#d55e00"
_STACK = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#999999")
_SHADES = ListedColormap(colormaps["viridis"](np.linspace(0.25, 0.97, 256)))
"""Without the darkest and the lightest, which would not show on a dark or a light page."""

_GRID = "#8888884d"
STYLE: Any = {
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": _GRID,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "path",
    "svg.hashsalt": "blendsweep",
    "figure.dpi": 100,
    "savefig.transparent": True,
}

type Floats = NDArray[np.float64]
type Words = NDArray[np.str_]


@final
@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, and as an SVG that takes the colour of the text around it."""

    name: str
    figure: Figure
    svg: str

    def png(self) -> bytes:
        """Return the figure as a PNG on white."""
        buffer = io.BytesIO()
        with rc_context(STYLE):
            self.figure.savefig(buffer, format="png", dpi=150, transparent=False, facecolor="white")
        return buffer.getvalue()


@final
@dataclass(frozen=True, slots=True)
class Grouping:
    """The runs' values of one swept key, and what it is called."""

    name: str
    values: Sequence[Any]


class Margins(NamedTuple):
    """Room for labels round a figure's axes, in inches."""

    left: float
    right: float
    top: float
    bottom: float


def histograms(
    called: str, values: Mapping[str, Floats | Words], counted: Mapping[str, str]
) -> Picture:
    """Draw one histogram for each named set of values; of words, a bar for each.

    Parameters
    ----------
    called
        The picture's name.
    values
        At least one set; those beyond `MOST_PANELS` are left out.
    counted
        What each set has a value of: runs, or particles.
    """
    shown = list(values.items())[:MOST_PANELS]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    with rc_context(STYLE):
        figure = Figure(figsize=(3.1 * columns, 1.95 * rows))
        axes = grid(figure, rows, columns, Margins(0.6, 0.1, 0.3, 0.3), gaps=(0.7, 0.6))
        for axis, (name, numbers) in zip(axes, shown, strict=False):
            if are_words(numbers):
                _bars(axis, numbers)
                axis.set_title(f"{name} ({counted[name]})")
                continue
            whole = _histogram(axis, numbers, most=40)
            axis.set_title(name)
            axis.set_ylabel(counted[name])
            axis.yaxis.set_major_locator(MaxNLocator(3, integer=True))
            axis.yaxis.set_major_formatter(EngFormatter(sep=""))
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=whole))
        for axis in axes[len(shown) :]:
            axis.set_visible(False)
        return picture_of(figure, called)


def scatter_matrix(values: Mapping[str, Floats], colour: Grouping | None) -> Picture:
    """Draw each pair of two or more named sets of values, and each set's histogram."""
    names = list(values)
    count = len(names)
    size = min(2.3, 9.3 / count)
    with rc_context(STYLE | {"xtick.labelsize": 7.5, "ytick.labelsize": 7.5}):
        figure = Figure(figsize=(size * count, size * count))
        axes = grid(figure, count, count, Margins(0.95, 0.05, 0.05, 0.7), gaps=(0.12, 0.1))
        shades, numeric = _shades(colour, len(values[names[0]]))
        points = None
        for place, axis in enumerate(axes):
            row, column = divmod(place, count)
            x, y = values[names[column]], values[names[row]]
            if column > row:
                axis.set_visible(False)
                continue
            if row == column:
                _histogram(axis, x, most=20)
                axis.set_yticks([])
            else:
                area = 14 if len(x) < 500 else 5
                points = axis.scatter(
                    x, y, s=area, c=shades, cmap=_SHADES if numeric else None, alpha=0.75,
                    linewidths=0, rasterized=len(x) > 200,
                )  # fmt: skip
                axis.yaxis.set_major_locator(MaxNLocator(3))
            axis.xaxis.set_major_locator(MaxNLocator(3, prune="both"))
            _outer_labels(axis, row, column, count, names)
        if points is not None and colour is not None and numeric:
            beside = figure.add_axes((0.62, 0.9, 0.3, 0.018))
            bar = figure.colorbar(
                points, cax=beside, orientation="horizontal", label=colour.name,
                ticks=MaxNLocator(4),
            )  # fmt: skip
            bar.outline.set_visible(False)
            if bar.solids is not None:
                bar.solids.set_alpha(1)
        return picture_of(figure, "scatter_matrix")


def by_group(measured: Floats, label: str, group: Grouping) -> Picture:
    """Draw what was measured against the values of a swept key: boxes, and the runs as points."""
    shown, where = numbered(group.values)
    known = np.isfinite(measured)
    data = [measured[known & (where == n)] for n in range(len(shown))]
    with rc_context(STYLE):
        figure = Figure(figsize=(7.6, 3.3), layout="constrained")
        axis = figure.subplots()
        for n, numbers in enumerate(data):
            few = numbers[:: -(-len(numbers) // 200) or 1]
            # Multiples of the golden ratio: spread evenly, and in no order that a series may have.
            spread = 0.44 * (np.arange(len(few)) * 0.618034 % 1.0 - 0.5)
            axis.scatter(n + spread, few, s=12, color=BLUE, alpha=0.35, linewidths=0)
        _boxes(axis, data, np.arange(len(shown)), vertical=True)
        _label(axis, shown, group.name, label)
        axis.set_ylim(bottom=0)
        return picture_of(figure, "coverage")


def times(seconds: Mapping[str, Floats]) -> Picture:
    """Draw what fraction of the time each step takes, and how long it takes in single runs."""
    totals = {label: float(np.nansum(numbers)) for label, numbers in seconds.items()}
    whole = sum(totals.values()) or 1.0
    order = sorted(totals, key=lambda label: -totals[label])[:MOST_STEPS]
    place = np.arange(len(order))
    with rc_context(STYLE):
        figure = Figure(figsize=(9.3, 0.34 * len(order) + 1.0), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.5))
        percents = [100 * totals[label] / whole for label in order]
        left.barh(place, percents, color=BLUE, height=0.66)
        for n, percent in enumerate(percents):
            text = f"{percent:.0f} %" if percent >= 0.5 else "< 1 %"
            left.text(percent + 1.5, n, text, va="center")
        left.set_xlim(0, max(percents) * 1.22)
        left.set_yticks(place, [_words(label) for label in order])
        left.tick_params(axis="y", length=0)
        left.set_xticks([])
        left.spines["bottom"].set_visible(False)
        left.set_title("fraction of all time")
        left.invert_yaxis()
        data = [np.maximum(n[np.isfinite(n)], 1e-4) for n in (seconds[label] for label in order)]
        _boxes(right, data, place, vertical=False)
        right.set_xscale("log")
        right.xaxis.set_major_formatter(FuncFormatter(_seconds))
        right.grid(axis="x")
        right.tick_params(axis="y", length=0)
        right.set_title("time in each run")
        return picture_of(figure, "times")


def times_by_group(seconds: Mapping[str, Floats], group: Grouping) -> Picture:
    """Draw the mean time of a run, stacked by step, against the values of a swept key."""
    totals = {label: float(np.nansum(numbers)) for label, numbers in seconds.items()}
    order = sorted(totals, key=lambda label: -totals[label])
    top, rest = order[: len(_STACK) - 1], order[len(_STACK) - 1 :]
    shown, where = numbered(group.values)
    chosen = [where == n for n in range(len(shown))]

    def means(labels: Sequence[str]) -> Floats:
        parts = [[np.nansum(seconds[x][who]) / who.sum() for who in chosen] for x in labels]
        return np.sum(parts, axis=0) if parts else np.zeros(len(shown))

    stacks = [(_words(label), means([label])) for label in top]
    if rest:
        stacks.append(("all else", means(rest)))
    with rc_context(STYLE):
        figure = Figure(figsize=(9.3, 3.2), layout="constrained")
        axis = figure.subplots()
        bottom = np.zeros(len(shown))
        for (name, heights), colour in zip(stacks, _STACK, strict=False):
            axis.bar(range(len(shown)), heights, bottom=bottom, label=name, color=colour, width=0.7)
            bottom += heights
        _label(axis, shown, group.name, "mean seconds of a run")
        handles, labels = axis.get_legend_handles_labels()
        axis.legend(
            handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False
        )
        return picture_of(figure, "times_by_value")


def _label(axis: Axes, shown: Sequence[Any], across: str, up: str) -> None:
    """Label an axis on which values stand side by side."""
    axis.grid(axis="y")
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    step = -(-len(shown) // MOST_LABELS)
    labels = [_value(value) for value in shown[::step]]
    axis.set_xticks(range(0, len(shown), step), labels)
    if sum(map(len, labels)) > 70:
        axis.tick_params(axis="x", rotation=45)


def _boxes(axis: Axes, data: Sequence[Floats], places: NDArray[Any], *, vertical: bool) -> None:
    line = {"color": INK, "linewidth": 0.9}
    filled = [(numbers, at) for numbers, at in zip(data, places, strict=True) if len(numbers)]
    axis.boxplot(
        [numbers for numbers, _ in filled],
        positions=[float(at) for _, at in filled],
        orientation="vertical" if vertical else "horizontal",
        widths=0.5,
        manage_ticks=False,
        showfliers=not vertical,
        whis=(5, 95),
        boxprops=line,
        whiskerprops=line,
        capprops=line,
        medianprops={"color": ORANGE, "linewidth": 1.6},
        flierprops={"marker": ".", "markersize": 2.5, "markeredgecolor": BLUE, "alpha": 0.5},
    )


def grid(
    figure: Figure, rows: int, columns: int, margins: Margins, gaps: tuple[float, float]
) -> list[Axes]:
    """Return axes in a grid, row by row, at distances in inches.

    Finding the distances by constrained layout takes a second for some dozen axes.
    """
    width, height = figure.get_size_inches()
    across = (width - margins.left - margins.right + gaps[0]) / columns - gaps[0]
    down = (height - margins.top - margins.bottom + gaps[1]) / rows - gaps[1]
    axes = figure.subplots(
        rows, columns, squeeze=False,
        gridspec_kw={
            "left": margins.left / width, "right": 1 - margins.right / width,
            "top": 1 - margins.top / height, "bottom": margins.bottom / height,
            "wspace": gaps[0] / across, "hspace": gaps[1] / down,
        },
    )  # fmt: skip
    return list(axes.ravel())


def _histogram(axis: Axes, values: Floats, most: int) -> bool:
    """Draw a histogram; return whether all values are whole numbers, few enough to tell apart."""
    finite = values[np.isfinite(values)]
    distinct = np.unique(finite)
    if np.ptp(distinct) < most and (distinct == np.round(distinct)).all():
        # Whole numbers stand in the middle of their bars.
        edges = np.arange(distinct[0] - 0.5, distinct[-1] + 1).tolist()
        axis.hist(finite, bins=edges, color=BLUE, rwidth=0.85)
        return True
    bins = max(1, min(most, len(distinct), math.ceil(2 * len(finite) ** 0.5)))
    axis.hist(finite, bins=bins, color=BLUE, rwidth=0.92 if bins < 16 else 1.0)
    return False


def are_words(values: Floats | Words) -> TypeIs[Words]:
    """Whether values are not numbers."""
    return values.dtype.kind == "U"


def _bars(axis: Axes, words: Words) -> None:
    """Draw how often each word occurs, the most frequent first; the rest is one bar."""
    distinct, counts = np.unique(words, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    labels, heights = distinct[order].tolist(), counts[order].tolist()
    if len(labels) > MOST_BARS:
        rest = sum(heights[MOST_BARS - 1 :])
        labels = [*labels[: MOST_BARS - 1], f"{len(labels) - MOST_BARS + 1} others"]
        heights = [*heights[: MOST_BARS - 1], rest]
    axis.barh(range(len(labels)), heights, color=BLUE, height=0.85, alpha=0.35)
    for place, text in enumerate(labels):
        short = text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"
        axis.text(
            0.02, place, short, va="center", parse_math=False, transform=axis.get_yaxis_transform()
        )
    axis.set_ylim(len(labels) - 0.4, -0.6)
    axis.set_yticks([])
    axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))


def _outer_labels(axis: Axes, row: int, column: int, count: int, names: Sequence[str]) -> None:
    if row == count - 1:
        axis.set_xlabel(_wrapped(names[column]))
    else:
        axis.tick_params(labelbottom=False)
    if column == 0 and row > 0:
        axis.set_ylabel(_wrapped(names[row]))
    else:
        axis.tick_params(labelleft=False)


def _wrapped(name: str) -> str:
    """Return a long name in two lines, parted near the middle."""
    words = name.split(" ")
    if len(name) < 16 or len(words) < 2:
        return name
    parts = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words))]
    return "\n".join(min(parts, key=lambda pair: max(map(len, pair))))


def _shades(colour: Grouping | None, count: int) -> tuple[Any, bool]:
    """Return the points' colours, and whether they stand for numbers."""
    if colour is None:
        return [BLUE] * count, False
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in colour.values):
        return np.array(colour.values, dtype=np.float64), True
    return [_STACK[n % len(_STACK)] for n in numbered(colour.values)[1]], False


def _words(label: str) -> str:
    return step_name(label).replace("_", " ")


def _value(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 18 else f"{text[:17]}…"


def _seconds(value: float, _: object = None) -> str:
    return f"{value:g} s" if value >= 1 else f"{1000 * value:g} ms"


def picture_of(figure: Figure, name: str) -> Picture:
    """Return a figure, laid out, as a picture."""
    svg = io.StringIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.set_layout_engine("none")  # it is laid out; a second time would cost as much again
    return Picture(name, figure, _inline(svg.getvalue(), name))


def _inline(svg: str, name: str) -> str:
    """Return an SVG to stand inside a page: no names in common with others, the text's colour."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-").replace(INK, "currentColor")
    # As wide as there is room, up to the drawing's own width; its height follows.
    size = re.search(r' width="([\d.]+pt)" height="[\d.]+pt"', body)
    assert size is not None
    width = f' style="max-width:{size[1]};--width:{size[1]}"'
    return body[: size.start()] + width + body[size.end() :]
