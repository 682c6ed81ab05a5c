"""Writing images, the same bytes for the same pixels, and the small preview of a run."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from scene.imaging.eight_bit import eight_bit
from scene.imaging.files import PREVIEW_FILE, FileRecord
from scene.imaging.frame import Image
from scene.imaging.png import FASTEST, read_png, write_png

PREVIEW_BYTES = 200_000
_CENTIMETRE_NM = 1e7
_PREVIEW_HEIGHT = 320
_CAPTION_HEIGHT, _CAPTION_SIZE = 22, 16
_GAP = 4


def write_image(
    path: Path, array: Image, pixel_size_nm: float | None = None, level: int = FASTEST
) -> None:
    """Write an image in the format of the path's ending.

    Parameters
    ----------
    path
        ``.png`` for uint8 and uint16, (height, width) or (height, width, 3 or 4); ``.tiff`` or
        ``.tif`` for float32 (height, width), which may hold inf.
    array
        The pixels, top row first.
    pixel_size_nm
        Side of a pixel on the specimen in nm; None if it has none, and no tags say it. It makes no
        difference to the pixels.
    level
        How much effort goes into making a PNG small, 0 to 9. It makes none, either.

    Raises
    ------
    ValueError
        If the format can't hold such an array.
    """
    suffix = path.suffix.lower()
    kind = array.dtype.name, array.shape[2:]
    if suffix == ".png" and kind[0] in {"uint8", "uint16"} and kind[1] in {(), (3,), (4,)}:
        write_png(path, array, pixel_size_nm, level)
    elif suffix in {".tiff", ".tif"} and kind == ("float32", ()):
        # zlib with the floating point predictor would be smaller, but fewer programs read it.
        import tifffile  # takes a third of a second, which runs without depth_map are spared

        # tifffile leaves the compression to imagecodecs, at twice the speed of Python's zlib.
        tifffile.imwrite(
            path,
            array,
            compression="zlib",
            compressionargs={"level": 1},
            photometric="minisblack",
            software="",
            metadata=None,
            rowsperstrip=64,
            **({} if pixel_size_nm is None else _tiff_tags(pixel_size_nm)),
        )
    else:
        raise ValueError(
            f"{path.name}: can't hold an array of {array.dtype} {array.shape}; PNG holds gray, "
            "RGB or RGBA of uint8 or uint16, TIFF holds gray float32"
        )


def _tiff_tags(pixel_size_nm: float) -> dict[str, Any]:
    """Return what makes tifffile write a pixel's size: pixels per centimetre, as a fraction.

    Nothing where numerator and denominator, of 32 bits each, could not come within a millionth.
    """
    per_centimetre = _CENTIMETRE_NM / pixel_size_nm
    if not 1e-3 <= per_centimetre <= 2**32 - 1:
        return {}
    # tifffile would round to its own liking.
    denominator = (2**32 - 1) // math.ceil(per_centimetre)
    found = Fraction(round(per_centimetre * denominator), denominator)
    fraction = found.numerator, found.denominator
    return {"resolution": (fraction, fraction), "resolutionunit": "CENTIMETER"}


def write_preview(folder: Path, files: Iterable[FileRecord]) -> None:
    """Write ``preview.jpg`` into a run's folder; nothing if the run has no image that it can show.

    It holds one image of each kind, the lifelike one first: renders of single particles may count
    hundreds.

    Parameters
    ----------
    folder
        The run's folder.
    files
        The run's files.
    """
    firsts: dict[str, Path] = {}
    for file in files:
        if file.width and file.path.endswith(".png"):
            firsts.setdefault(file.mode, folder / file.path)
    order = sorted(firsts, key=lambda mode: (mode != "real", mode))
    if order:
        (folder / PREVIEW_FILE).write_bytes(preview({mode: firsts[mode] for mode in order}))


def preview(images: Mapping[str, Path]) -> bytes:
    """Return a JPEG of at most 200 kB that shows images side by side, each with its name.

    Parameters
    ----------
    images
        PNG files by mode, of 8 bits, or of 16, which are shown as `eight_bit` has it.

    Raises
    ------
    ValueError
        If there are none.
    """
    if not images:
        raise ValueError("a preview needs at least one image")
    tiles = [_tile(path, mode) for mode, path in images.items()]
    width = sum(tile.width for tile in tiles) + _GAP * (len(tiles) - 1)
    sheet = PillowImage.new("RGB", (width, _PREVIEW_HEIGHT + _CAPTION_HEIGHT), "white")
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width + _GAP
    return _as_jpeg(sheet)


def _tile(path: Path, mode: str) -> PillowImage.Image:
    pixels = eight_bit(read_png(path.read_bytes()), mode)
    image = PillowImage.fromarray(pixels).convert("RGB")
    width = max(1, round(image.width * _PREVIEW_HEIGHT / image.height))
    tile = PillowImage.new("RGB", (width, _PREVIEW_HEIGHT + _CAPTION_HEIGHT), "white")
    small = image.resize((width, _PREVIEW_HEIGHT), PillowImage.Resampling.BOX)
    tile.paste(small, (0, 0))
    font = ImageFont.load_default(_CAPTION_SIZE)
    ImageDraw.Draw(tile).text((2, _PREVIEW_HEIGHT + 1), path.stem, fill="black", font=font)
    return tile


def _as_jpeg(sheet: PillowImage.Image) -> bytes:
    """Encode at the best quality, and failing that the largest size, that stays small enough."""
    while True:
        for quality in (85, 75, 60, 45, 30):
            buffer = io.BytesIO()
            sheet.save(buffer, format="JPEG", quality=quality)
            if buffer.tell() <= PREVIEW_BYTES:
                return buffer.getvalue()
        sheet = sheet.resize((max(1, sheet.width // 2), max(1, sheet.height // 2)))
