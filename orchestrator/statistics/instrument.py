"""What instruments write beside an image: the size of its pixels, and how many rows are image.

FEI (Thermo Fisher) and Zeiss have tags of their own in TIFF files, which tifffile reads. JEOL and
Hitachi write a text file of the same name beside the image, or the same text into a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import tifffile
from PIL import Image

TIFF = (".tif", ".tiff")

PICTURES = ("PNG", "JPEG", "BMP")
"""Formats of files with other endings."""

_IN_NM = {"pm": 1e-3, "nm": 1.0, "um": 1e3, "µm": 1e3, "μm": 1e3, "mm": 1e6, "m": 1e9}
_NUMBER = r"([0-9.]+(?:[eE][-+]?[0-9]+)?)"
_HITACHI = re.compile(rf"^\s*PixelSize\s*=\s*{_NUMBER}", re.MULTILINE)
_JEOL_BAR = re.compile(rf"^\s*\$+SM_MICRON_BAR\s+{_NUMBER}", re.MULTILINE)
_JEOL_MARKER = re.compile(rf"^\s*\$+SM_MICRON_MARKER\s+{_NUMBER}\s*([a-zµμ]+)", re.MULTILINE)
_JEOL_SIZE = re.compile(r"^\s*\$+CM_FULL_SIZE\s+(\d+)\s+(\d+)", re.MULTILINE)


@final
@dataclass(frozen=True, slots=True)
class Instrument:
    """What the instrument says of an image.

    Parameters
    ----------
    maker
        FEI, Zeiss, JEOL, Hitachi or Blendsweep; None if nothing was found.
    pixel_nm
        Side of a pixel in nm, None if it is not said.
    rows
        Rows from the top that show the specimen, None if it is not said.
    """

    maker: str | None = None
    pixel_nm: float | None = None
    rows: int | None = None


NOTHING = Instrument()


def instrument_of(path: str | Path) -> Instrument:
    """Return what an image's tags, and a text file of its name beside it, say.

    Parameters
    ----------
    path
        A TIFF file, or an image of another format, of which PNG files of our own and those with a
        text file beside them say something.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it is not an image.
    """
    path = Path(path)
    beside = (path.with_suffix(ending) for ending in (".txt", ".TXT"))
    texts = [_decoded(file.read_bytes()) for file in beside if file.is_file()][:1]
    if path.suffix.lower() in TIFF:
        with tifffile.TiffFile(path) as tiff:
            found = _of_fei(tiff.fei_metadata or {}) or _of_zeiss(tiff.sem_metadata or {})
            texts += _texts(tiff)
    else:
        found = _of_ours(path)
    return found or next(filter(None, map(_of_text, texts)), NOTHING)


def _of_fei(tags: Mapping[str, Any]) -> Instrument | None:
    if not tags:
        return None
    metres = (tags.get(scan, {}).get("PixelWidth") for scan in ("Scan", "EScan", "IScan"))
    size = next((value for value in metres if _positive(value)), None)
    rows = tags.get("Image", {}).get("ResolutionY")
    return Instrument(
        "FEI",
        None if size is None else size * _IN_NM["m"],
        rows if isinstance(rows, int) and rows > 0 else None,
    )


def _of_zeiss(tags: Mapping[str, Any]) -> Instrument | None:
    if not tags:
        return None
    for name in ("ap_image_pixel_size", "ap_pixel_size"):
        value = tags.get(name, ())
        if len(value) == 3 and _positive(value[1]) and value[2] in _IN_NM:
            return Instrument("Zeiss", value[1] * _IN_NM[value[2]])
    return Instrument("Zeiss")


def _of_text(text: str) -> Instrument | None:
    if found := _HITACHI.search(text):
        return Instrument("Hitachi", _number(found[1]))
    bar, marker, size = (e.search(text) for e in (_JEOL_BAR, _JEOL_MARKER, _JEOL_SIZE))
    if not (bar and marker):
        return None
    pixels, length = _number(bar[1]), _number(marker[1])
    known = pixels and length and marker[2] in _IN_NM
    return Instrument(
        "JEOL",
        length * _IN_NM[marker[2]] / pixels if known and pixels and length else None,
        int(size[2]) if size else None,
    )


def _of_ours(path: Path) -> Instrument | None:
    with Image.open(path, formats=PICTURES) as image:
        text = image.info.get("pixel_size_nm")
    size = _number(text) if isinstance(text, str) else None
    return Instrument("Blendsweep", size) if size else None


def _texts(tiff: tifffile.TiffFile) -> Iterator[str]:
    for tag in tiff.pages.first.tags.values():
        if isinstance(tag.value, str):
            yield tag.value
        elif isinstance(tag.value, bytes) and tag.code >= 32768:
            yield _decoded(tag.value)


def _decoded(content: bytes) -> str:
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    return content.decode("utf-16" if wide else "latin-1", errors="replace").replace("\r", "\n")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if _positive(value) else None


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < float("inf")
