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
from orchestrator.dataset.status import SHOWN_LOGS, Status
from orchestrator.report.contact_sheet import SheetRow
from orchestrator.report.figures import Picture
from orchestrator.report.real.section import Beside
from orchestrator.report.sample import Sample

MOST_CAUSES = 20


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
    status
        Counts and failures.
    sample
        What was drawn, and what rendered it.
    running
        Whether to say that a sweep is at work on the data set, where one is.
    scale
        How large pixels are, in a sentence.
    swept
        Short name, key and values in words of each swept key.
    rows
        The contact sheet.
    sections
        The figures.
    constant
        Features that are the same in all runs, with their value.
    beside
        The comparison with real images, where one was asked for.
    """

    status: Status
    sample: Sample
    running: bool
    scale: str | None
    swept: Sequence[tuple[str, str, str]]
    rows: Sequence[SheetRow]
    sections: Sequence[Section]
    constant: Sequence[tuple[str, str]]
    beside: Beside | None = None


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
        status=page.status,
        sample=page.sample,
        causes=_causes(page.status),
        others=sum(other.succeeded + other.failed for other in page.status.others),
        modes=[tile.mode for tile in page.rows[0].tiles] if page.rows else [],
        shown_logs=SHOWN_LOGS,
        log_path=failure_log,
        made=datetime.now(UTC),
    )
    return html.encode()


def _causes(status: Status) -> list[tuple[str, str, list[str]]]:
    """Return why runs failed, the most frequent first: type, message, run ids.

    Messages may each name their own run: of many, the type alone has to do.
    """
    causes: dict[tuple[str, str], list[str]] = {}
    for cause in status.causes:
        key = cause.error_type or "", (cause.error_message or "").partition("\n")[0]
        if key not in causes and len(causes) >= MOST_CAUSES:
            key = key[0], "with other messages"
        causes.setdefault(key, []).extend(cause.run_ids)
    merged = [(*key, run_ids) for key, run_ids in causes.items()]
    return sorted(merged, key=lambda cause: -len(cause[2]))
