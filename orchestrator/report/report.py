"""Puts a report together: reads, chooses, draws, and writes the page with its pictures."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.layout import CONTACT_SHEET, REPORT, REPORT_PAGE
from orchestrator.dataset.storage.opening import open_storage
from orchestrator.dataset.storage.target import target_errors_told
from orchestrator.dataset.tables import read_errors_told
from orchestrator.report.contact_sheet import SheetRow, contact_sheet, modes_of, row_of
from orchestrator.report.labels import swept_names
from orchestrator.report.page import Page, render
from orchestrator.report.real.section import beside_real
from orchestrator.report.sample import Sample, read_sample
from orchestrator.report.sections import constants, range_of, scale_line, sections_of
from scene.errors import COMMAND_LINE, ConfigurationError, Problem

DEFAULT_RUNS = 9
REAL_SHEET = "real_contact_sheet.png"


def build_report(
    data: DataSet, runs: int = DEFAULT_RUNS, *, brief: bool = False, real: str | None = None
) -> dict[str, bytes]:
    """Return the files of the report on a data set by name, the page first.

    Parameters
    ----------
    runs
        How many runs the contact sheet shows at most.
    brief
        For the end of a sweep, which nobody wants to wait for: without the pairs of features, and
        only the contact sheet and the histograms beside the page. That a sweep is running, which
        asks, is not said.
    real
        Folder of real images to compare with; None for no comparison.

    Raises
    ------
    ConfigurationError
        If there is no data set, or nothing to compare.
    """
    status, sample = data.status(), read_sample(data)
    names = swept_names(sample.swept)
    rows = _sheet_rows(data, sample, names, runs)
    sections = sections_of(sample, names, brief=brief)
    page = Page(
        status=status,
        sample=sample,
        running=not brief,
        scale=scale_line(sample),
        swept=[(names[key], key, range_of(values)) for key, values in sample.swept.items()],
        rows=rows,
        sections=sections,
        constant=constants(sample),
        beside=None if real is None else beside_real(data, sample, real),
    )
    found = {REPORT_PAGE: render(page)}
    if rows:
        found[CONTACT_SHEET] = contact_sheet(rows)
    for picture in (picture for section in sections for picture in section.pictures):
        if not brief or picture.name == "features":
            found[f"{picture.name}.png"] = picture.png()
    if page.beside is not None:
        found[REAL_SHEET] = contact_sheet(page.beside.rows)
        found |= {f"{shown.name}.png": shown.png() for shown in page.beside.pictures.values()}
    return found


def write_report(
    uri: str, to: str | None = None, runs: int = DEFAULT_RUNS, real: str | None = None
) -> str:
    """Write the report on the data set at `uri`, the page last; return the page's place.

    Parameters
    ----------
    to
        Folder or URI to write into; None for ``report/`` in the data set.
    runs, real
        As for `build_report`.

    Raises
    ------
    ConfigurationError
        If there is no data set, nothing to compare, or the report can't be written.
    """
    data = DataSet.open(uri)
    target, folder = (data.storage, REPORT) if to is None else (open_storage(to), "")
    place = posixpath.join(target.public_uri, folder)
    if real is not None and Path(place).resolve() == Path(real).resolve():
        message = f"{real} holds the real images; give another folder to write the report to"
        raise ConfigurationError([Problem(COMMAND_LINE, "--to", message)])
    with read_errors_told(data.storage):
        files = build_report(data, runs, real=real)
    with target_errors_told(place, "give another folder with --to"):
        for name, content in reversed(files.items()):
            target.write_file(posixpath.join(folder, name), content)
    return posixpath.join(place, REPORT_PAGE)


def _sheet_rows(
    data: DataSet, sample: Sample, names: Mapping[str, str], count: int
) -> list[SheetRow]:
    positions = sample.spread(count)
    run_ids = sample.rows["run_id"].take(positions).to_pylist() if positions else []
    runs = list(data.runs_of(run_ids))
    if not (modes := modes_of(runs)):
        return []
    labels = (sample.label(position, names) for position in positions)
    return [row_of(run, label, modes) for run, label in zip(runs, labels, strict=True)]
