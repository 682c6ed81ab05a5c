"""Reading micrographs: a folder of images of any instrument, as gray images without data bars."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from orchestrator.statistics.data_bar import specimen_rows
from orchestrator.statistics.gray import LEAST
from orchestrator.statistics.instrument import NOTHING, PICTURES, TIFF, instrument_of
from scene.errors import ConfigurationError, Problem

ENDINGS = (".png", *TIFF, ".jpg", ".jpeg", ".bmp")

FEWEST_LEVELS = 32
"""Drawings and label images have fewer gray levels."""

_COLOURFUL = 20.0
_BITS = (8, 10, 12, 14)
"""Bits that cameras use of 16."""

_LUMINANCE = (0.299, 0.587, 0.114)
"""Of ITU-R BT.601."""

_UNREADABLE = (
    *(OSError, ValueError, KeyError, IndexError, RuntimeError, TypeError, struct.error),
    *(SyntaxError, UnidentifiedImageError, Image.DecompressionBombError),
)
"""What Pillow, tifffile and their codecs raise for files that are damaged or none of theirs."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Micrograph:
    """One image as the statistics take it.

    Parameters
    ----------
    name
        Of its file.
    image
        (height, width) gray, uint8 or uint16, without its data bar.
    bar_rows
        How many rows of a data bar, from its first row to the bottom, were left out.
    pixel_nm
        Side of a pixel in nm as the instrument says it, None if it does not.
    remarks
        What was done to it, or is doubtful, in sentences.
    """

    name: str
    image: NDArray[Any]
    bar_rows: int
    pixel_nm: float | None
    remarks: tuple[str, ...]


def image_files(folder: str | Path) -> list[Path]:
    """Return the images in a folder, by name; not those in folders in it.

    Raises
    ------
    ConfigurationError
        If there is no such folder, or no image in it.
    """
    place = Path(folder)
    if not place.is_dir():
        message = "is not a folder" if place.exists() else "there is no such folder"
        raise ConfigurationError([Problem(str(folder), "", message)])
    found = sorted(
        file
        for file in place.iterdir()
        if file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file()
    )
    if not found:
        message = f"holds no image: none of its files ends in {', '.join(ENDINGS)}"
        raise ConfigurationError([Problem(str(folder), "", message)])
    return found


def read_micrograph(path: str | Path) -> Micrograph:
    """Read an image, as gray and without its data bar.

    The bar begins where the instrument's tags say, or where it is found (`specimen_rows`). Of
    images in colour the luminance is taken, of 16 bits those that are used; of TIFF files with
    several images the first.

    Parameters
    ----------
    path
        PNG, TIFF, JPEG or BMP.

    Raises
    ------
    ConfigurationError
        If it can't be read, or is smaller than 32 x 32 pixels.
    """
    path = Path(path)
    try:
        pixels = _tiff(path) if path.suffix.lower() in TIFF else _picture(path)
    except _UNREADABLE as error:
        message = f"can't be read as an image: {str(error).splitlines()[0] if str(error) else type(error).__name__}"  # fmt: skip # noqa: E501
        raise ConfigurationError([Problem(str(path), "", message)]) from error
    try:
        said = instrument_of(path)
    except _UNREADABLE:
        said = NOTHING  # its tags are damaged, its pixels are not
    image, remarks = as_gray(pixels)
    if min(image.shape) < LEAST:
        height, width = image.shape
        message = f"is {width} x {height} pixels; at least {LEAST} x {LEAST} are needed"
        raise ConfigurationError([Problem(str(path), "", message)])
    if said.rows is None or not LEAST <= said.rows <= len(image):
        said = replace(said, rows=specimen_rows(image))
    shown = image[: said.rows]
    levels = len(np.unique(shown))
    if levels < FEWEST_LEVELS:
        remarks.append(f"has only {levels} gray levels, as drawings and label images have")
    return Micrograph(path.name, shown, len(image) - len(shown), said.pixel_nm, tuple(remarks))


def _picture(path: Path) -> NDArray[Any]:
    with Image.open(path, formats=PICTURES) as opened:
        if opened.mode in {"1", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV"}:
            return np.asarray(opened.convert("RGB"))
        return np.asarray(opened)


def _tiff(path: Path) -> NDArray[Any]:
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        pixels: NDArray[Any] = np.asarray(page.asarray())
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            return np.moveaxis(np.asarray(page.colormap)[:, pixels], 0, -1)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            return np.asarray(pixels.max() - pixels if pixels.dtype.kind == "f" else ~pixels)
        if pixels.ndim == 3 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
            pixels = np.moveaxis(pixels, 0, -1)
        return pixels


def as_gray(pixels: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    """Return an image of any kind as a gray one, and what was done to it, in sentences.

    Parameters
    ----------
    pixels
        (height, width), or (height, width, channels), of any kind of number.

    Returns
    -------
    image : numpy.ndarray
        (height, width), uint8 or uint16.
    remarks : list of str
        Sentences whose subject is the image.
    """
    remarks = []
    if pixels.ndim == 3:
        colours = pixels[..., : 3 if pixels.shape[-1] >= 3 else 1]
        if colours.shape[-1] == 1 or (colours == colours[..., :1]).all():
            pixels = colours[..., 0]
        else:
            white = 255 if pixels.dtype == np.uint8 else max(1.0, float(colours.max()))
            apart = float(np.ptp(colours.astype(np.float64), axis=-1).mean()) * 255 / white
            remarks.append(
                "is colourful, as micrographs are not; its luminance is used"
                if apart > _COLOURFUL
                else "is in colour; its luminance is used"
            )
            luminance = (colours * np.array(_LUMINANCE)).sum(axis=-1)
            whole = colours.dtype.kind in "ui"
            pixels = np.rint(luminance).astype(colours.dtype) if whole else luminance
    if pixels.dtype == np.uint8:
        return pixels, remarks
    if pixels.dtype == np.uint16:
        bits = next((bits for bits in _BITS if pixels.max() < 2**bits), 16)
        if bits < 16:
            remarks.append(f"uses {bits} of 16 bits; {2**bits - 1} counts as white")
            stretched = pixels.astype(np.float64) * (65535 / (2**bits - 1))
            pixels = np.rint(stretched).astype(np.uint16)
        return pixels, remarks
    values = np.nan_to_num(pixels.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    remarks.append(f"has values of {pixels.dtype}; {low:g} counts as black, {high:g} as white")
    scaled = (values - low) * (65535 / (high - low if high > low else 1.0))
    return np.rint(scaled).astype(np.uint16), remarks
