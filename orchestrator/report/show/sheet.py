"""Labelled pictures of several runs on one sheet, each with a caption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from PIL import Image, ImageDraw

from orchestrator.report.drawing import FAINT, INK, PAPER, fitting, font
from scene.imaging.overlay import Overlay

TILE = 960
"""Most pixels along the longer side of a run's picture; fewer where there are many runs."""

_SHEET = 3600
_NARROWEST = 220
_CAPTION, _GAP = 46, 12


@final
@dataclass(frozen=True, slots=True)
class Tile:
    """One run on the sheet: its name, its swept values in a line, its picture."""

    name: str
    values: str
    picture: Overlay


def tile_side(runs: int) -> int:
    """Return how long a run's picture may be, in pixels, on a sheet of `runs` runs."""
    return min(TILE, _SHEET // _columns(runs))


def sheet(tiles: Sequence[Tile]) -> Image.Image:
    """Return the runs in rows, about as many as there are columns."""
    columns = _columns(len(tiles))
    heights, widths = zip(*(tile.picture.pixels.shape[:2] for tile in tiles), strict=True)
    width, height = max(_NARROWEST, *widths) + _GAP, max(heights) + _CAPTION + _GAP
    rows = math.ceil(len(tiles) / columns)
    picture = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), PAPER)
    draw, small = ImageDraw.Draw(picture), font(14)
    for place, tile in enumerate(tiles):
        left = _GAP + place % columns * width
        top = _GAP + place // columns * height
        for text, ink, down in ((tile.values, INK, 0), (tile.name, FAINT, 20)):
            draw.text((left, top + down), fitting(text, small, width - _GAP), ink, small)
        picture.paste(Image.fromarray(tile.picture.pixels), (left, top + _CAPTION))
    return picture


def _columns(runs: int) -> int:
    return math.ceil(math.sqrt(runs))
