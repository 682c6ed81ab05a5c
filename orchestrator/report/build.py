"""Puts a report together: reads, chooses, draws, and writes the page with its pictures."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from orchestrator.dataset.reading import read_errors_told
from orchestrator.dataset.storage.locking import driver_of
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.storage import Storage
from orchestrator.dataset.storage.target import target_errors_told
from orchestrator.report import figures
from orchestrator.report.choice import MOST_GROUPS, grouped, most_telling, spread_runs
from orchestrator.report.contact_sheet import SheetRow, contact_sheet, modes_of, row_of
from orchestrator.report.data import Floats, ReportData, files_of, read_data
from orchestrator.report.figures import Grouping
from orchestrator.report.labels import feature_name, run_label, swept_names
from orchestrator.report.page import PAGE, Page, Section, render

DEFAULT_RUNS = 9
CONTACT_SHEET = "contact_sheet.png"
MOST_PAIRED = 6

_CONTROL = 1e-12


@final
@dataclass(frozen=True, slots=True)
class Report:
    """A finished report: file name to content, the page first."""

    files: Mapping[str, bytes]


def build_report(storage: Storage, runs: int = DEFAULT_RUNS, *, brief: bool = False) -> Report:
    """Return the report on the data set in `storage`.

    Parameters
    ----------
    runs
        How many runs the contact sheet shows at most.
    brief
        For the end of a sweep, which nobody wants to wait for: without the pairs of features, and
        only the contact sheet and the histograms beside the page. The driver, who asks, is not
        told of.

    Raises
    ------
    ConfigurationError
        If there is no data set.
    """
    data = read_data(storage)
    names = swept_names(data.swept)
    rows = _sheet_rows(storage, data, names, runs)
    sections = _figures(data, names, brief=brief)
    page = Page(
        data=data,
        output=storage.public_uri,
        driver=None if brief else driver_of(storage),
        swept=[(names[key], key, _range(values)) for key, values in data.swept.items()],
        rows=rows,
        sections=sections,
        constant=_constants(data),
    )
    found = {PAGE: render(page)}
    if rows:
        found[CONTACT_SHEET] = contact_sheet(rows)
    for picture in (picture for section in sections for picture in section.pictures):
        if not brief or picture.name == "features":
            found[f"{picture.name}.png"] = picture.png()
    return Report(found)


def write_report(uri: str, to: str | None = None, runs: int = DEFAULT_RUNS) -> str:
    """Write the report on the data set at `uri`, the page last; return the page's place.

    Parameters
    ----------
    to
        Folder or URI to write into; None for ``report/`` in the data set.

    Raises
    ------
    ConfigurationError
        If there is no data set, or the report can't be written.
    """
    storage = open_storage(uri)
    target, folder = (storage, "report") if to is None else (open_storage(to), "")
    place = posixpath.join(target.public_uri, folder)
    with read_errors_told(storage):
        report = build_report(storage, runs)
    with target_errors_told(place, "give another folder with --to"):
        for name, content in reversed(list(report.files.items())):
            target.write_file(posixpath.join(folder, name), content)
    return posixpath.join(place, PAGE)


def save_report(report: Report, folder: Path) -> None:
    """Write a report into a local folder that exists."""
    for name, content in report.files.items():
        (folder / name).write_bytes(content)


def _sheet_rows(
    storage: Storage, data: ReportData, names: Mapping[str, str], runs: int
) -> list[SheetRow]:
    swept = list(data.swept.values()) or [[0] * len(data.sample)]
    positions = spread_runs(swept, runs)
    run_ids = data.sample["run_id"].take(positions).to_pylist() if positions else []
    files = files_of(storage, run_ids)
    modes = modes_of(files.values())
    if not modes:
        return []
    return [
        row_of(
            storage,
            run_id,
            run_label(list(names.values()), [values[n] for values in data.swept.values()]),
            files.get(run_id, []),
            modes,
        )
        for n, run_id in zip(positions, run_ids, strict=True)
    ]


def _figures(data: ReportData, names: Mapping[str, str], *, brief: bool) -> list[Section]:
    sections = []
    coverage = data.numbers("coverage")
    told = _telling(data, names, coverage)
    group = None
    if told is not None:
        group, share = told
        shown = figures.by_group(100 * coverage, "coverage (% of pixels)", group)
        text = f"{group.name} {_explains(share)} of coverage. " if share is not None else ""
        text += "A box holds half of the runs, its whiskers 90 %; points are single runs."
        sections.append(Section("Coverage", text, [shown], [f"Coverage against {group.name}"]))
    sections += _features(data)
    paired = _paired(data, coverage)
    if len(paired) > 1 and len(data.sample) > 2 and not brief:
        sections.append(_pairs(data, paired, group))
    sections += _times(data, names)
    return sections


def _features(data: ReportData) -> list[Section]:
    varied = _varied(data)
    particles = {feature_name(name): v for name, v in data.particles.items() if _varies(v)}
    size = feature_name("dimensions")
    # The size first: it is what most people look for.
    order = sorted(particles, key=lambda name: name != size)
    shown = varied | {name: particles[name] for name in order}
    if not shown:
        return []
    left_out = list(shown)[figures.MOST_PANELS :]
    text = "How often each value was drawn: of the measurement technique once a run"
    text += ", of the particles once a particle, as rendered." if particles else "."
    if left_out:
        text += f" {len(left_out)} more are not shown, among them {', '.join(left_out[:3])}."
    counted = {name: "runs" if name in varied else "particles" for name in shown}
    picture = figures.histograms(shown, counted)
    return [Section("Sampled features", text, [picture], [f"Histograms of {_some(shown)}"])]


def _varied(data: ReportData) -> dict[str, Floats]:
    return {feature_name(name): v for name, v in data.features.items() if _varies(v)}


def _paired(data: ReportData, coverage: Floats) -> dict[str, Floats]:
    """Return what the scatter matrix pairs: features that are no swept value, size, coverage."""
    swept = [data.numbers(key) for key in data.swept]
    free = {
        name: values
        for name, values in _varied(data).items()
        if not any(np.array_equal(values, other, equal_nan=True) for other in swept)
    }
    last = {
        "mean particle size (scene units)": data.numbers("feature.dimensions.mean"),
        "coverage (%)": 100 * coverage,
    }
    last = {name: values for name, values in last.items() if _varies(values)}
    return free | last


def _pairs(data: ReportData, paired: Mapping[str, Floats], group: Grouping | None) -> Section:
    count = len(data.sample)
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


def _times(data: ReportData, names: Mapping[str, str]) -> list[Section]:
    if not data.timings:
        return []
    pictures = [figures.times(data.timings)]
    captions = ["Share of the time by step, and its spread over runs"]
    text = "Boxes hold half of the runs, their whiskers 90 %. Only succeeded runs count."
    told = _telling(data, names, data.numbers("time.total"))
    if told is not None:
        group, share = told
        pictures.append(figures.times_by_group(data.timings, group))
        captions.append(f"Mean time of a run against {group.name}")
        if share is not None:
            text += f" {group.name} {_explains(share)} of a run's time."
    return [Section("Time", text, pictures, captions)]


def _telling(
    data: ReportData, names: Mapping[str, str], measured: Floats
) -> tuple[Grouping, float | None] | None:
    """Return the swept key to show a measured value against, and which share of it that explains.

    Where no value of a key comes twice, that can't be told, and the first key has to do.
    """
    groups = {}
    for key, values in data.swept.items():
        groups[key], ranges = grouped(values)
        names = {**names, key: f"{names[key]}, from"} if ranges else names
    if not groups or not np.isfinite(measured).any():
        return None
    found = most_telling(groups, measured)
    key, share = found if found is not None else (next(iter(groups)), None)
    few = found is not None or len(set(groups[key])) <= MOST_GROUPS
    return (Grouping(names[key], groups[key]), share) if few else None


def _explains(share: float) -> str:
    return f"explains {100 * share:.0f} % of the variance" if share > 0.005 else "explains nothing"


def _constants(data: ReportData) -> list[tuple[str, str]]:
    both = {**data.features, **data.particles}
    found = []
    for name, values in both.items():
        finite = values[np.isfinite(values)]
        if finite.size and not _varies(values):
            found.append((feature_name(name), f"{finite[0]:g}"))
    return found


def _varies(values: Floats) -> bool:
    finite = values[np.isfinite(values)]
    return finite.size > 1 and bool(np.ptp(finite) > _CONTROL * max(1.0, np.abs(finite).max()))


def _range(values: list[Any]) -> str:
    distinct = sorted(set(values), key=lambda v: (not isinstance(v, int | float), v if isinstance(v, int | float) else str(v)))  # fmt: skip # noqa: E501
    if len(distinct) <= 8:
        return ", ".join(map(str, distinct))
    return f"{distinct[0]} to {distinct[-1]}, {len(distinct)} values"


def _some(names: Mapping[str, Any]) -> str:
    return ", ".join(list(names)[:12])
