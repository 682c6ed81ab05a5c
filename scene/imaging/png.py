"""PNG files, the same bytes for the same pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

FASTEST = 1
"""Level of compression that takes the least time; higher ones make files hardly smaller."""

PIXEL_SIZE_TEXT = "pixel_size_nm"
"""Name of a PNG's text that holds the side of a pixel in nm, as exactly as it is known."""

_MOST_PER_METRE = 2**31 - 1
"""The largest number that PNG's pHYs holds."""

_METRE_NM, _INCH_M = 1e9, 0.0254

_KIND, _HEADER_END = slice(24, 26), 33
"""Where every PNG says how many bits it has and which colours, and where its header ends."""

_FINE_COLORS = {b"\x10\x02", b"\x10\x06"}
"""RGB and RGBA of 16 bits."""


def write_png(path: Path, pixels: NDArray[Any], pixel_size_nm: float | None, level: int) -> None:
    """Write a PNG.

    Parameters
    ----------
    path
        Where it goes.
    pixels
        uint8 or uint16, (height, width) or (height, width, 3 or 4).
    pixel_size_nm
        Side of a pixel on the specimen in nm, for the file's tags; None for none.
    level
        Of compression, 0 to 9.
    """
    if pixels.ndim == 3 and pixels.dtype == np.uint16:
        path.write_bytes(_fine_color(pixels, pixel_size_nm, level))
        return
    tags = {} if pixel_size_nm is None else _tags(pixel_size_nm)
    Image.fromarray(pixels).save(path, format="PNG", compress_level=level, **tags)


def read_png(data: bytes) -> NDArray[Any]:
    """Return the pixels of a PNG, as `write_png` was given them, for the caller to change.

    Raises
    ------
    OSError, SyntaxError, ValueError
        If it is damaged.
    """
    if data[_KIND] in _FINE_COLORS:
        import imagecodecs  # Pillow would cut them down to 8 bits

        try:
            return np.array(imagecodecs.png_decode(data))
        except RuntimeError as error:
            raise ValueError(str(error)) from error
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)


def _fine_color(pixels: NDArray[np.uint16], pixel_size_nm: float | None, level: int) -> bytes:
    """Return a PNG of 16-bit colours, which Pillow does not write, with the tags of one by it."""
    import imagecodecs

    made = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=level))
    if pixel_size_nm is None:
        return made
    tagged = io.BytesIO()
    Image.new("L", (1, 1)).save(tagged, format="PNG", **_tags(pixel_size_nm))
    tags = tagged.getvalue()
    return made[:_HEADER_END] + tags[_HEADER_END : tags.index(b"IDAT") - 4] + made[_HEADER_END:]


def _tags(pixel_size_nm: float) -> dict[str, Any]:
    """Return what makes Pillow write a pixel's size into a PNG.

    Its pHYs holds a whole number of pixels per metre: off by half a millionth at pixels of 1 um, by
    half a thousandth at 1 mm. Below 0.47 nm that is more than it can hold, and above 2 m less than
    1; then there is none. The text `PIXEL_SIZE_TEXT` is always there, and exact.
    """
    text = PngInfo()
    text.add_text(PIXEL_SIZE_TEXT, repr(float(pixel_size_nm)))
    per_metre = round(_METRE_NM / pixel_size_nm)
    if not 1 <= per_metre <= _MOST_PER_METRE:
        return {"pnginfo": text}
    return {"pnginfo": text, "dpi": (per_metre * _INCH_M,) * 2}
