"""What a detector can see: recall and size errors against size, noise and overlap, on renders.

In a data set all is known of each particle: how large it is, how much of it others hide, how far it
stands out of the noise. So a sweep in which these differ says where detection ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import blendsweep as bs
from examples.detector.data_sets import gray, place, succeeded
from examples.detector.errors import DetectorError
from examples.detector.prediction import Detect
from examples.detector.progress import shown
from examples.detector.scores import judge
from examples.detector.tables import check_page, made, publish, table

LEVELS = (0.5, 0.9)
"""Recalls whose limits are asked for."""

LEAST_IN_BIN = 20
"""Particles, below which a recall says nothing."""

WELL_SEEN = {"diameter": 20.0, "contrast": 3.0, "hidden": 0.1}
"""At least this diameter in px and contrast over noise, at most this fraction hidden: what a
particle is like in two of them where its detection is asked for against the third."""

COLUMNS = ["particle_id", "touches_border", "equivalent_diameter_nm", "occluded_fraction"]

type Reals = NDArray[np.float64]
type Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Particles:
    """Particles of a data set, and which of them a detector found.

    Parameters
    ----------
    diameter
        (n,) of the sphere of the same volume, in px.
    contrast
        (n,) difference of the particle's mean gray value to that of the ground, over the standard
        deviation of the image's noise; nan where that is not known.
    hidden
        (n,) fraction of it that others hide.
    found
        (n,) whether a found particle matches it at an IoU of at least 0.5.
    error
        (n,) relative error of the diameter of its visible part, nan where it was missed.
    """

    diameter: Reals
    contrast: Reals
    hidden: Reals
    found: Booleans
    error: Reals

    @classmethod
    def joined(cls, parts: Sequence[Particles]) -> Particles:
        """Return the particles of several images."""
        fields = cls.__slots__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))

    def where(self, chosen: Booleans) -> Particles:
        """Return some of them."""
        return Particles(*(getattr(self, name)[chosen] for name in self.__slots__))

    def well_seen_but_for(self, what: str) -> Particles:
        """Return those that `WELL_SEEN` asks for, whatever this quantity is."""
        good = {
            "diameter": self.diameter >= WELL_SEEN["diameter"],
            "contrast": self.contrast >= WELL_SEEN["contrast"],
            "hidden": self.hidden <= WELL_SEEN["hidden"],
        }
        kept = [mask for name, mask in good.items() if name != what]
        return self.where(np.logical_and.reduce([*kept, ~np.isnan(getattr(self, what))]))


@dataclass(frozen=True, slots=True)
class Curve:
    """Recall against a quantity.

    Parameters
    ----------
    at
        (n,) middle of each bin.
    recall
        (n,) fraction of the particles in it that were found; nan where there are too few.
    low, high
        (n,) 95 % interval of the recall, after Wilson (1927).
    number
        (n,) of particles.
    """

    at: Reals
    recall: Reals
    low: Reals
    high: Reals
    number: NDArray[np.int64]

    @classmethod
    def of(cls, values: Reals, found: Booleans, edges: Sequence[float]) -> Curve:
        """Return the recall in bins between edges, nan in those of too few particles."""
        bins = np.digitize(values, edges) - 1
        inside = (bins >= 0) & (bins < len(edges) - 1)
        number = np.bincount(bins[inside], minlength=len(edges) - 1)
        hits = np.bincount(bins[inside & found], minlength=len(edges) - 1)
        few = number < LEAST_IN_BIN
        recall = np.where(few, np.nan, hits / np.maximum(number, 1))
        low, high = (np.where(few, np.nan, bound) for bound in wilson(hits, number))
        middles = (np.asarray(edges[:-1]) + np.asarray(edges[1:])) / 2
        return cls(middles, recall, low, high, number)

    def crossing(self, level: float) -> tuple[float, float] | None:
        """Return between which values the recall comes to a level, and stays beyond it.

        Of two neighbouring bins it is one value, interpolated; where bins between them hold too few
        particles, the middles of the two. None if it is above, or below, everywhere.
        """
        known = np.flatnonzero(~np.isnan(self.recall))
        above = self.recall[known] >= level
        if not len(known) or above.all() or not above.any():
            return None
        if self.recall[known[-1]] < self.recall[known[0]]:
            known, above = known[::-1], above[::-1]
        last = int(np.flatnonzero(~above)[-1])
        if last == len(known) - 1:
            return None
        one, next_ = known[last], known[last + 1]
        at, recall = self.at[[one, next_]], self.recall[[one, next_]]
        if abs(next_ - one) > 1:
            return float(at.min()), float(at.max())
        value = float(np.interp(level, recall, at))
        return value, value


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that detection depends on.

    Parameters
    ----------
    name
        Of the field of `Particles`.
    title
        As people read it.
    edges
        Of its bins.
    """

    name: str
    title: str
    edges: tuple[float, ...]

    def curve(self, particles: Particles) -> Curve:
        """Return the recall of particles that are well seen but for this."""
        some = particles.well_seen_but_for(self.name)
        return Curve.of(getattr(some, self.name), some.found, self.edges)

    def scale(self) -> dict[str, Any]:
        """Return how an axis of it is set: a fraction is linear, all else logarithmic."""
        if self.edges[-1] <= 1:
            return {"xlim": (self.edges[0], self.edges[-1])}
        return {"xlim": (self.edges[0] or self.edges[1] / 2, self.edges[-1]), "xscale": "log"}

    def limit(self, curve: Curve, level: float) -> str:
        """Return where the recall crosses a level, in words."""
        known = ~np.isnan(curve.recall)
        if not known.any():
            return "not measured"
        if crossing := curve.crossing(level):
            low, high = (f"{value:.2g}" for value in crossing)
            return low if low == high else f"between {low} and {high}"
        if (curve.recall[known] >= level).all():
            first, last = curve.at[known][[0, -1]]
            return f"above it from {first:.2g} to {last:.2g}"
        return "not reached"


SIZE = Quantity("diameter", "diameter in px", (3, 4, 5, 6, 8, 10, 12, 16, 20, 28, 40, 56, 80, 112))
QUANTITIES = (
    SIZE,
    Quantity("contrast", "contrast over noise", (0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24)),
    Quantity("hidden", "hidden fraction", (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)),
)


def detect_in(output: str | Path, detect: Detect) -> Particles:
    """Look for the particles of a data set; those that its images cut off are left out.

    Raises
    ------
    BlendsweepError
        If it can't be read, or shows no such particle.
    """
    runs = succeeded(output)
    joined = Particles.joined([_of_run(run, detect) for run in shown(runs, "detect")])
    if not len(joined.found):
        raise DetectorError(f"{place(runs)} shows no particle that its images do not cut off")
    return joined


def _of_run(run: bs.RecordedRun, detect: Detect) -> Particles:
    pixels, instances = gray(run), run.instances
    image = (pixels / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32)
    judged = judge(instances, detect(image).labels, min_diameter=0.0)
    ids = judged.true.labels
    found = np.zeros(len(ids), np.bool_)
    found[judged.pairs[:, 0]] = True
    error = np.full(len(ids), np.nan)
    true = judged.true.diameters[judged.pairs[:, 0]]
    error[judged.pairs[:, 0]] = judged.found.diameters[judged.pairs[:, 1]] / true - 1
    known = {row["particle_id"]: row for row in run.particles.select(COLUMNS).to_pylist()}
    rows = [known[particle] for particle in ids.tolist()]
    whole = np.array([not row["touches_border"] for row in rows], np.bool_)
    nanometres = np.array([row["equivalent_diameter_nm"] for row in rows], np.float64)
    hidden = np.array([row["occluded_fraction"] for row in rows], np.float64)
    contrast = _contrasts(image, instances, run.quality.get("noise"))[ids]
    diameter = nanometres / (run.pixel_size_nm or np.nan)
    return Particles(diameter, contrast, hidden, found, error).where(whole)


def _contrasts(
    image: NDArray[np.float32], instances: NDArray[np.uint16], noise: float | None
) -> Reals:
    """Return, by label, how far a particle stands out of the ground, over the noise."""
    number = np.maximum(np.bincount(instances.ravel()), 1)
    means = np.bincount(instances.ravel(), image.ravel()) / number
    if not noise or not (instances == 0).any():
        return np.full(len(means), np.nan)
    contrasts: Reals = np.abs(means - means[0]) / noise
    return contrasts


def wilson(
    hits: NDArray[np.int64], number: NDArray[np.int64], z: float = 1.96
) -> tuple[Reals, Reals]:
    """Return the 95 % interval of a fraction, after Wilson, J. Am. Stat. Assoc. 22 (1927) 209."""
    n = np.maximum(number, 1)
    fraction, square = hits / n, z**2
    middle = (fraction + square / (2 * n)) / (1 + square / n)
    half = z * np.sqrt(fraction * (1 - fraction) / n + square / (4 * n**2)) / (1 + square / n)
    return middle - half, middle + half


def write_limits(detect: Detect, data: str | Path, page: Path, picture: Path, command: str) -> None:
    """Look for the particles of a data set; bring a page of tables up to date, and draw curves.

    Raises
    ------
    BlendsweepError
        If something is wrong with the data set or the page; then nothing was written.
    """
    check_page(page, ["limits"])
    particles = detect_in(data, detect)
    draw(particles, picture)
    text = f"{made(command)}\n\n{limits(particles)}\n\n{sizes(particles)}"
    publish(page, {"limits": text})


def limits(particles: Particles) -> str:
    """Return the table of limits: where the recall comes to each level."""
    rows = []
    for quantity in QUANTITIES:
        curve = quantity.curve(particles)
        rows.append(
            [
                quantity.title,
                f"{curve.number.sum()}",
                *(quantity.limit(curve, level) for level in LEVELS),
            ]
        )
    return table(["against", "particles", *(f"recall {level}" for level in LEVELS)], rows)


def size_errors(particles: Particles) -> Iterator[tuple[float, float, Reals]]:
    """Yield each bin of diameters that holds enough found particles, and their errors."""
    some = particles.well_seen_but_for("diameter")
    some = some.where(some.found)
    for low, high in pairwise(SIZE.edges):
        errors = some.error[(some.diameter >= low) & (some.diameter < high)]
        if len(errors) >= LEAST_IN_BIN:
            yield low, high, errors


def sizes(particles: Particles) -> str:
    """Return the table of size errors."""
    rows = [
        [
            f"{low:g} to {high:g}",
            f"{len(errors)}",
            *(f"{100 * value:+.1f} %" for value in quantiles),
        ]
        for low, high, errors in size_errors(particles)
        for quantiles in [np.quantile(errors, (0.05, 0.5, 0.95))]
    ]
    return table(["diameter in px", "found", "5 %", "median", "95 %"], rows)


def draw(particles: Particles, picture: Path) -> None:
    """Write the curves as a picture."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    for axis, quantity in zip(axes, QUANTITIES, strict=False):
        curve = quantity.curve(particles)
        axis.fill_between(curve.at, curve.low, curve.high, alpha=0.25, linewidth=0)
        axis.plot(curve.at, curve.recall, marker="o", markersize=4)
        for level in LEVELS:
            axis.axhline(level, color="gray", linewidth=0.7, linestyle=":")
        axis.set(xlabel=quantity.title, ylabel="recall", ylim=(0, 1.02), **quantity.scale())
    found = list(size_errors(particles))
    middles = [(low + high) / 2 for low, high, _ in found]
    low, median, high = (
        np.array([np.quantile(e, (0.05, 0.5, 0.95)) for *_, e in found]).reshape(-1, 3).T
    )
    axes[3].fill_between(middles, 100 * low, 100 * high, alpha=0.25, linewidth=0)
    axes[3].plot(middles, 100 * median, marker="o", markersize=4)
    axes[3].axhline(0, color="gray", linewidth=0.7, linestyle=":")
    axes[3].set(ylabel="error of the diameter, %", xlabel=SIZE.title, **SIZE.scale())
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
