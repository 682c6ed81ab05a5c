"""The report's page: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from orchestrator.common.commands import program
from orchestrator.dataset.layout import failure_log
from orchestrator.report.contact_sheet import SheetRow
from orchestrator.report.data import ReportData
from orchestrator.report.figures import Picture

PAGE = "report.html"


@final
@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence or two, and pictures, each with what it shows in words."""

    title: str
    text: str
    pictures: Sequence[Picture]
    captions: Sequence[str]


@final
@dataclass(frozen=True, slots=True)
class Page:
    """What the page shows.

    Parameters
    ----------
    data
        Counts, failures, versions, and how much was sampled.
    output
        The data set's public URI.
    driver
        Who is at work on it; None if nobody is.
    swept
        Short name, key and values in words of each swept key.
    rows
        The contact sheet.
    sections
        The figures.
    constant
        Features that are the same in all runs, with their value.
    """

    data: ReportData
    output: str
    driver: str | None
    swept: Sequence[tuple[str, str, str]]
    rows: Sequence[SheetRow]
    sections: Sequence[Section]
    constant: Sequence[tuple[str, str]]


def render(page: Page) -> bytes:
    """Return the page as HTML in UTF-8."""
    environment = Environment(
        loader=PackageLoader("orchestrator.report"),
        autoescape=select_autoescape(default_for_string=True, default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["program"] = program
    environment.filters["base64"] = lambda content: base64.b64encode(content).decode()
    environment.filters["grouped"] = lambda number: f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")  # fmt: skip # noqa: E501
    html = environment.get_template("report.html.j2").render(
        page=page,
        data=page.data,
        modes=[tile.mode for tile in page.rows[0].tiles] if page.rows else [],
        left=max(0, page.data.asked - page.data.succeeded - page.data.failed),
        log_path=failure_log,
        made=datetime.now(UTC),
    )
    return html.encode()
