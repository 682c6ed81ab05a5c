"""The contact sheet: all modes of some runs, as one picture and as tiles for the page."""

from __future__ import annotations

import io
import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

from PIL import Image, ImageDraw

from orchestrator.dataset.recorded_run import RecordedRun
from orchestrator.dataset.run_files import RunFilesError
from orchestrator.report.drawing import FAINT, INK, PAPER, fitting, font
from scene.imaging.eight_bit import eight_bit
from scene.imaging.files import FileRecord

TILE = 240
"""Pixels along the longer side of a tile."""

MOST_MODES = 8

_LABEL, _CAPTION, _GAP, _MARGIN = 190, 30, 8, 20
_MISSING = "#eceff1"
_FIRST = ("real", "categorical", "depth_map", "normal_map", "stylized", "stylized_xray")
_LEFT_OUT = {"instances", "preview"}
"""Images for programs and for MLflow; categorical shows what instances holds."""


@final
@dataclass(frozen=True, slots=True)
class Tile:
    """One image, small; None where the file is missing or can't be read."""

    mode: str
    image: Image.Image | None

    def webp(self) -> bytes:
        """Return the image as a browser takes it."""
        buffer = io.BytesIO()
        if self.image is not None:
            self.image.save(buffer, format="WEBP", quality=82, method=2)
        return buffer.getvalue()


@final
@dataclass(frozen=True, slots=True)
class SheetRow:
    """One run: its id, its label in lines, its tiles by the order of the modes."""

    run_id: str
    label: Sequence[str]
    tiles: Sequence[Tile]


def modes_of(runs: Iterable[RecordedRun]) -> list[str]:
    """Return which images runs have, without ending: those in most runs, known ones first."""
    counts = Counter(name for run in runs for name in _images(run))
    most = sorted(counts, key=lambda name: (_place(name), -counts[name], name))[:MOST_MODES]
    return sorted(most, key=lambda name: (_place(name), name))


def row_of(run: RecordedRun, label: Sequence[str], modes: Sequence[str]) -> SheetRow:
    """Read a run's images and return its row."""
    files = _images(run)
    return SheetRow(run.run_id, label, [Tile(mode, _tile(run, files.get(mode))) for mode in modes])


def contact_sheet(rows: Sequence[SheetRow]) -> bytes:
    """Return the rows as one PNG: runs below each other, modes side by side."""
    modes = [tile.mode for tile in rows[0].tiles]
    heights = [max(t.image.height if t.image else TILE // 2 for t in row.tiles) for row in rows]
    width = 2 * _MARGIN + _LABEL + len(modes) * (TILE + _GAP)
    sheet = Image.new("RGB", (width, 2 * _MARGIN + _CAPTION + sum(heights) + _GAP * len(rows)))
    sheet.paste(PAPER, (0, 0, *sheet.size))
    draw = ImageDraw.Draw(sheet)
    bold, plain, small = font(16, bold=True), font(15), font(12)
    for column, mode in enumerate(modes):
        draw.text((_left(column), _MARGIN), mode.replace("_", " "), INK, bold)
    top = _MARGIN + _CAPTION
    for row, height in zip(rows, heights, strict=True):
        for line, text in enumerate(row.label):
            shown = fitting(text, plain, _LABEL - _GAP)
            draw.text((_MARGIN, top + 4 + 21 * line), shown, INK, plain)
        draw.text((_MARGIN, top + 8 + 21 * len(row.label)), row.run_id, FAINT, small)
        for column, tile in enumerate(row.tiles):
            left = _left(column)
            if tile.image is None:
                draw.rectangle((left, top, left + TILE - 1, top + height - 1), fill=_MISSING)
                draw.text((left + 12, top + 12), "missing", FAINT, plain)
            else:
                sheet.paste(tile.image, (left, top))
        top += height + _GAP
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _left(column: int) -> int:
    return _MARGIN + _LABEL + column * (TILE + _GAP)


def _place(mode: str) -> int:
    return _FIRST.index(mode) if mode in _FIRST else len(_FIRST)


def _images(run: RecordedRun) -> dict[str, FileRecord]:
    """Return a run's images by name, without those that only programs read."""
    found = {}
    for file in run.files:
        name, ending = posixpath.splitext(file.path)
        shown = ending.lower() in {".png", ".jpg", ".jpeg"} and file.width is not None
        if shown and file.mode not in _LEFT_OUT:
            found[name] = file
    return found


def _tile(run: RecordedRun, file: FileRecord | None) -> Image.Image | None:
    if file is None:
        return None
    try:
        image = Image.fromarray(eight_bit(run.pixels(file), file.mode))
    except RunFilesError:
        return None  # the page says so; `verify` says why
    image = image.convert("RGB" if image.mode not in {"L", "1"} else "L")
    factor = TILE / max(image.size)
    size = tuple(max(1, round(side * factor)) for side in image.size)
    how = Image.Resampling.LANCZOS if factor < 1 else Image.Resampling.NEAREST
    return image.resize((size[0], size[1]), how)
