"""Tables in Markdown, and the pages that they are kept up to date in.

A table stands between two comments of its page, ``<!-- name -->`` and ``<!-- end of name -->``.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from examples.detector.errors import DetectorError

PACKAGES = ("blendsweep", "bpy", "torch")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; every row has as many cells as there are columns."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return the mean, and of several values their standard deviation (n - 1) beside it.

    What could not be measured, nan, is left out; a dash stands where nothing was.
    """
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "-"
    mean = f"{statistics.fmean(known):.{digits}f}"
    if len(known) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(known):.{digits}f}"


def percent(values: Sequence[float], digits: int = 1) -> str:
    """Return fractions as `spread` does, in percent."""
    text = spread([100 * value for value in values], digits)
    return text if text == "-" else f"{text} %"


def number_of(number: int, thing: str) -> str:
    """Return a number of things in words: 1 image, 2 images."""
    return f"{number} {thing}{'s' * (number != 1)}"


def made(command: str) -> str:
    """Return when, on what machine, with which versions and by which command something was made."""
    cores = os.process_cpu_count() or 1
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d}",
        _processor(),
        number_of(cores, "core"),
        f"Python {platform.python_version()}",
        *_versions(),
    ]
    return f"{', '.join(parts)}; `{command}`"


def replaced(page: str, tables: Mapping[str, str]) -> str:
    """Return the text of a page with what stands between the comments of each name replaced.

    Raises
    ------
    DetectorError
        If the page lacks a pair of comments.
    """
    for name, content in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise DetectorError(f"the page has no {begin} with {end} after it")
        page = f"{before}{begin}\n\n{content}\n\n{end}{after}"
    return page


def check_page(page: Path, names: Iterable[str]) -> None:
    """Refuse a page that has no place for one of these tables; one that does not exist is fine.

    Raises
    ------
    DetectorError
        If it has none, or can't be read or written.
    """
    _updated(page, dict.fromkeys(names, ""))
    there = next(path for path in (page, *page.absolute().parents) if path.exists())
    if not (os.access(there, os.W_OK) and (there == page or there.is_dir())):
        raise DetectorError(f"{page} can't be written")


def publish(page: Path, tables: Mapping[str, str]) -> None:
    """Bring the tables of a page up to date; a new page is made of the tables alone.

    Raises
    ------
    DetectorError
        If the page can't be read or written, or has no place for one of the tables.
    """
    text = _updated(page, tables)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")


def _updated(page: Path, tables: Mapping[str, str]) -> str:
    blank = "\n\n".join(f"<!-- {name} -->\n<!-- end of {name} -->" for name in tables) + "\n"
    try:
        return replaced(page.read_text(encoding="utf-8") if page.exists() else blank, tables)
    except (OSError, UnicodeDecodeError) as error:
        raise DetectorError(f"{page} can't be read: {error}") from error
    except DetectorError as error:
        raise DetectorError(f"{page}: {error}") from None


def _versions() -> Iterable[str]:
    for name in PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # of Linux alone
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
