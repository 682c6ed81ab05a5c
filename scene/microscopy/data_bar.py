"""The data bar that instruments put under an image: scale, magnification and settings.

White text on a black strip: a bar of a round length with the length written beside it and, where
there is room, field width, magnification, accelerating voltage and detector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from scene.microscopy.settings import Settings
from scene.specimen.features import FeatureSpec

if TYPE_CHECKING:
    from PIL import ImageFont

SMALLEST_WIDTH = 96
"""Pixels that an image with a data bar is wide at least."""

PRINTED_WIDTH_NM = 127e6
"""Width of the print that magnification refers to, that of a 4 x 5 inch Polaroid, 127 mm."""

LONGEST_BAR = 0.25
"""Length of the scale bar over the image's width, at most."""

_PIXELS_PER_FONT_SIZE = 40
_SMALLEST_FONT = 10
_UNITS = ((6, "mm"), (3, "um"), (0, "nm"))
"""Powers of ten of a nm, and the units that they are written in."""


@final
@dataclass(frozen=True, slots=True)
class DataBar(Settings):
    """What a data bar says beside the scale.

    Parameters
    ----------
    beam_energy
        Energy of the beam in keV; it is written as the voltage, and of no effect on the image.
    detector
        Name of the detector.
    """

    beam_energy: float = 5.0
    detector: str = "SE"

    FEATURES: ClassVar[tuple[FeatureSpec, ...]] = (
        FeatureSpec(
            "beam_energy",
            5.0,
            "energy of the beam in keV; it is written in the data bar and changes nothing else",
            minimum=0.01,
            maximum=1000.0,
        ),
    )


@final
@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A bar of a round length.

    Parameters
    ----------
    text
        Its length with its unit.
    length_nm
        The same in nm: 1, 2 or 5 times a power of ten.
    pixels
        The same in pixels, rounded.
    """

    text: str
    length_nm: float
    pixels: int


def scale_bar(width_px: int, pixel_nm: float) -> ScaleBar:
    """Return the longest bar of a round length that takes at most `LONGEST_BAR` of the width."""
    longest = LONGEST_BAR * width_px * pixel_nm
    power = math.floor(math.log10(longest))
    factor = max((digit for digit in (1, 2, 5) if digit * 10.0**power <= longest), default=1)
    length = factor * 10.0**power
    unit_power, unit = next((u for u in _UNITS if power >= u[0]), _UNITS[-1])
    text = f"{factor * 10.0 ** (power - unit_power):.{max(0, unit_power - power)}f} {unit}"
    return ScaleBar(text, length, round(length / pixel_nm))


def rows(width_px: int) -> int:
    """Return how high the data bar of an image is in pixels.

    Raises
    ------
    ValueError
        If the image is narrower than `SMALLEST_WIDTH`.
    """
    if width_px < SMALLEST_WIDTH:
        raise ValueError(
            f"a data bar needs an image that is at least {SMALLEST_WIDTH} pixels wide, "
            f"got {width_px}"
        )
    size = _font_size(width_px)
    return size + 2 * (size // 3)


def draw(width_px: int, pixel_nm: float, data_bar: DataBar) -> NDArray[np.uint8]:
    """Return the data bar of an image.

    What does not fit is left out, the last first: field width, magnification, voltage, detector.
    The scale bar is always there.

    Parameters
    ----------
    width_px
        The image's width, at least `SMALLEST_WIDTH`.
    pixel_nm
        Side of a pixel in nm.
    data_bar
        What it says beside the scale.

    Returns
    -------
    numpy.ndarray
        (``rows(width_px)``, `width_px`), 8-bit gray.
    """
    from PIL import Image, ImageDraw

    height, size = rows(width_px), _font_size(width_px)
    font, scale, gap = _font(size), scale_bar(width_px, pixel_nm), size // 2
    picture = Image.new("L", (width_px, height))
    pen = ImageDraw.Draw(picture)
    middle = height // 2
    right = width_px - gap

    # A line between two ticks, as long as the length from outer edge to outer edge.
    left, thickness = right - scale.pixels, max(1, size // 10)
    top = middle - thickness // 2
    pen.rectangle((left, top, right - 1, top + thickness - 1), fill=255)
    for tick in (left, right - thickness):
        pen.rectangle(
            (tick, middle - size // 3, tick + thickness - 1, middle + size // 3), fill=255
        )
    right = left - gap // 2
    pen.text((right, middle), scale.text, fill=255, font=font, anchor="rm")
    right -= math.ceil(font.getlength(scale.text)) + gap

    left = gap
    for text in _entries(width_px * pixel_nm, data_bar):
        length = math.ceil(font.getlength(text))
        if left + length > right:
            break
        pen.text((left, middle), text, fill=255, font=font, anchor="lm")
        left += length + 2 * gap
    return np.asarray(picture)


def _entries(field_width_nm: float, data_bar: DataBar) -> list[str]:
    """Return the entries beside the scale bar, the most important first."""
    power, unit = next((u for u in _UNITS if field_width_nm >= 10.0 ** u[0]), _UNITS[-1])
    return [
        f"HFW {_three_digits(field_width_nm / 10.0**power)} {unit}",
        _magnification(PRINTED_WIDTH_NM / field_width_nm),
        f"{_three_digits(data_bar.beam_energy)} kV",
        data_bar.detector,
    ]


def _magnification(factor: float) -> str:
    for thousands, sign in ((1e6, "Mx"), (1e3, "kx")):
        if factor >= thousands:
            return f"{_three_digits(factor / thousands)} {sign}"
    return f"{_three_digits(factor)} x"


def _three_digits(value: float) -> str:
    """Return a number with three digits, and all of those before the point."""
    before = math.floor(math.log10(abs(value))) + 1
    return f"{value:.{max(0, 3 - before)}f}"


def _font_size(width_px: int) -> int:
    return max(_SMALLEST_FONT, width_px // _PIXELS_PER_FONT_SIZE)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font, laid out by Pillow itself wherever it runs."""
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)
