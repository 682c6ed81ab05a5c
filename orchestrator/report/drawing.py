"""Text on sheets of pictures."""

from __future__ import annotations

from pathlib import Path

from PIL import ImageFont

INK = "#1c2024"
FAINT = "#5d666f"
PAPER = "white"


def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return a font, the same on all machines."""
    import matplotlib as mpl

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(mpl.get_data_path(), "fonts", "ttf", name), size)


def fitting(text: str, shown_in: ImageFont.FreeTypeFont, width: int) -> str:
    """Return a text, cut where it is longer than `width` pixels."""
    if shown_in.getlength(text) <= width:
        return text
    while text and shown_in.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
