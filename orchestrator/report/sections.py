"""The report's sections: what is drawn of a sample, and said about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from orchestrator.dataset.schema import QUALITY
from orchestrator.report import figures
from orchestrator.report.figures import Grouping
from orchestrator.report.labels import feature_name, length, unit_of
from orchestrator.report.page import Section
from orchestrator.report.sample import DIAMETER, Floats, Sample, Words
from orchestrator.report.swept_values import MOST_GROUPS, grouped, most_telling

MOST_PAIRED = 6

SIZES = ("particle size", "equivalent diameter")
"""Begin the names of what says how large particles are."""

_MEASURES = {
    "snr": "signal-to-noise ratio",
    "contrast": "contrast to the ground",
    "noise": "noise (fraction of the range)",
    "sharpness": "sharpness of outlines",
    "saturated": "saturated pixels (fraction)",
}
"""What the measures of quality are called."""

_CONTROL = 1e-12
"""Values that differ by less, compared with their size, are taken for one."""


def sections_of(sample: Sample, names: Mapping[str, str], *, brief: bool) -> list[Section]:
    """Return the sections, without the pairs of features where the report is brief.

    Parameters
    ----------
    names
        Column of a swept key to its short name.
    """
    sections = []
    coverage = sample.numbers("coverage")
    found = _telling(sample, names, coverage)
    group = None
    if found is not None:
        group, fraction = found
        shown = figures.by_group(100 * coverage, "coverage (% of pixels)", group)
        text = f"{group.name} {_explains(fraction)} of coverage. " if fraction is not None else ""
        text += "A box holds half of the runs, its whiskers 90 %; points are single runs."
        sections.append(Section("Coverage", text, [shown], [f"Coverage against {group.name}"]))
    sections += _features(sample)
    if not brief:
        sections += _quality(sample)
    paired = _paired(sample, coverage)
    if len(paired) > 1 and len(sample.rows) > 2 and not brief:
        sections.append(_pairs(sample, paired, group))
    sections += _times(sample, names)
    return sections


def _features(sample: Sample) -> list[Section]:
    varied: dict[str, Floats | Words] = {**_varied(sample)}
    particles: dict[str, Floats | Words] = {
        name: v for name, v in _particles(sample).items() if _varies(v)
    }
    # The sizes first: they are what most people look for, and not all may be shown.
    sizes = [name for size in SIZES for name in particles if name.startswith(size)]
    words = {feature_name(name): values for name, values in sample.words.items()}
    of_particles = {feature_name(name): values for name, values in sample.particle_words.items()}
    particles |= {name: values for name, values in of_particles.items() if _varies(values)}
    varied |= {name: values for name, values in words.items() if _varies(values)}
    shown = {name: particles[name] for name in sizes} | varied | particles
    if not shown:
        return []
    left_out = list(shown)[figures.MOST_PANELS :]
    text = "How often each value was drawn: of the measurement technique once a run"
    text += ", of the particles once a particle, as rendered." if particles else "."
    if left_out:
        text += f" {len(left_out)} more are not shown, among them {', '.join(left_out[:3])}."
    counted = {name: "runs" if name in varied else "particles" for name in shown}
    picture = figures.histograms("features", shown, counted)
    return [Section("Sampled features", text, [picture], [f"Histograms of {_some(shown)}"])]


def _particles(sample: Sample) -> dict[str, Floats]:
    """Return the particles' values by names in words, lengths in nm as they are best read."""
    found = {}
    for column, values in sample.particles.items():
        if column == DIAMETER:
            unit, factor = unit_of(values)
            found[f"equivalent diameter ({unit})"] = values / factor
        else:
            found[feature_name(column)] = values
    return found


def _quality(sample: Sample) -> list[Section]:
    measured = {words: sample.numbers(f"{QUALITY}{name}") for name, words in _MEASURES.items()}
    measured = {words: values for words, values in measured.items() if np.isfinite(values).any()}
    if not measured:
        return []
    middle = (f"{words} {np.nanmedian(values):.3g}" for words, values in measured.items())
    text = f"Measured in each run's image of all particles; in the median, {', '.join(middle)}."
    varied = {words: values for words, values in measured.items() if _varies(values)}
    if not varied:
        return [Section("Image quality", text, [], [])]
    picture = figures.histograms("quality", varied, dict.fromkeys(varied, "runs"))
    return [Section("Image quality", text, [picture], [f"Histograms of {_some(varied)}"])]


def scale_line(sample: Sample) -> str | None:
    """Return how large the images' pixels are, in a sentence; None if that is not known."""
    sizes = sample.numbers("pixel_size_nm")
    sizes = sizes[np.isfinite(sizes)]
    if not sizes.size:
        return None
    low, high = (length(float(size)) for size in (sizes.min(), sizes.max()))
    return f"A pixel is {low} wide." if low == high else f"Pixels are {low} to {high} wide."


def _varied(sample: Sample) -> dict[str, Floats]:
    return {feature_name(name): v for name, v in sample.features.items() if _varies(v)}


def _paired(sample: Sample, coverage: Floats) -> dict[str, Floats]:
    """Return what the scatter matrix pairs: features that are no swept value, size, coverage."""
    swept = [sample.numbers(key) for key in sample.swept]
    free = {
        name: values
        for name, values in _varied(sample).items()
        if not any(np.array_equal(values, other, equal_nan=True) for other in swept)
    }
    last = {
        "mean particle size (scene units)": sample.numbers("feature.dimensions.mean"),
        "coverage (%)": 100 * coverage,
    }
    last = {name: values for name, values in last.items() if _varies(values)}
    return free | last


def _pairs(sample: Sample, paired: Mapping[str, Floats], group: Grouping | None) -> Section:
    count = len(sample.rows)
    step = -(-count // figures.MOST_POINTS)
    # Size and coverage, the last two, are always among those shown.
    names = list(paired)
    names = names[: MOST_PAIRED - 2] + names[-2:]
    drawn = {name: paired[name][::step] for name in dict.fromkeys(names)}
    colour = None if group is None else Grouping(group.name, group.values[::step])
    text = f"Each point is a run{'' if colour is None else f', coloured by {colour.name}'}."
    if step > 1:
        text += f" Every {step}th of {count} runs is drawn."
    if len(drawn) < len(paired):
        text += f" {len(paired) - len(drawn)} further features are not paired."
    picture = figures.scatter_matrix(drawn, colour)
    return Section("Pairs of features", text, [picture], [f"Scatter matrix of {_some(drawn)}"])


def _times(sample: Sample, names: Mapping[str, str]) -> list[Section]:
    if not sample.timings:
        return []
    pictures = [figures.times(sample.timings)]
    captions = ["Fraction of the time by step, and its spread over runs"]
    text = "Boxes hold half of the runs, their whiskers 90 %. Only succeeded runs count."
    found = _telling(sample, names, sample.numbers("time.total"))
    if found is not None:
        group, fraction = found
        pictures.append(figures.times_by_group(sample.timings, group))
        captions.append(f"Mean time of a run against {group.name}")
        if fraction is not None:
            text += f" {group.name} {_explains(fraction)} of a run's time."
    return [Section("Time", text, pictures, captions)]


def _telling(
    sample: Sample, names: Mapping[str, str], measured: Floats
) -> tuple[Grouping, float | None] | None:
    """Return the swept key to show a measured value against, and what fraction of it that explains.

    Where no value of a key comes twice, that is not known, and the first key has to do.
    """
    groups = {}
    for key, values in sample.swept.items():
        groups[key], ranges = grouped(values)
        names = {**names, key: f"{names[key]}, from"} if ranges else names
    if not groups or not np.isfinite(measured).any():
        return None
    found = most_telling(groups, measured)
    key, fraction = found if found is not None else (next(iter(groups)), None)
    few = found is not None or len(set(groups[key])) <= MOST_GROUPS
    return (Grouping(names[key], groups[key]), fraction) if few else None


def _explains(fraction: float) -> str:
    percent = 100 * fraction
    return f"explains {percent:.0f} % of the variance" if percent > 0.5 else "explains nothing"


def constants(sample: Sample) -> list[tuple[str, str]]:
    """Return the features that are the same in all runs, in words, and their values."""
    features = {feature_name(name): values for name, values in sample.features.items()}
    found = []
    for name, words in {**sample.words, **sample.particle_words}.items():
        if words.size and not _varies(words):
            found.append((feature_name(name), str(words[0])))
    for name, values in {**features, **_particles(sample)}.items():
        finite = values[np.isfinite(values)]
        if finite.size and not _varies(values):
            found.append((name, f"{finite[0]:g}"))
    return found


def _varies(values: Floats | Words) -> bool:
    if figures.are_words(values):
        return len(np.unique(values)) > 1
    finite = values[np.isfinite(values)]
    return finite.size > 1 and bool(np.ptp(finite) > _CONTROL * max(1.0, np.abs(finite).max()))


def range_of(values: list[Any]) -> str:
    """Return the values of a swept key in words."""
    distinct = sorted(set(values), key=lambda v: (not isinstance(v, int | float), v if isinstance(v, int | float) else str(v)))  # fmt: skip # noqa: E501
    if len(distinct) <= 8:
        return ", ".join(map(str, distinct))
    return f"{distinct[0]} to {distinct[-1]}, {len(distinct)} values"


def _some(names: Mapping[str, Any]) -> str:
    return ", ".join(list(names)[:12])
