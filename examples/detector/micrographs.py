"""Micrographs and their annotations as files: what is read, what is refused and why."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examples.detector.errors import DetectorError

IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
LABEL_SUFFIXES = (".png", ".tif", ".tiff", ".npy")
LEAST_SIDE = 64
"""The smallest side of a micrograph in px; less shows no particle with its surroundings."""

type Floats = NDArray[np.float32]
type Labels = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Annotated:
    """A micrograph whose particles somebody has outlined.

    Parameters
    ----------
    image
        File of the micrograph.
    labels
        File of its label image.
    ignore
        File that marks what must not be judged, if there is one.
    """

    image: Path
    labels: Path
    ignore: Path | None = None

    @property
    def stem(self) -> str:
        """Name of the micrograph without its suffix."""
        return self.image.stem


def annotated_folder(folder: Path) -> list[Annotated]:
    """Return the micrographs of FOLDER/images with the label images of FOLDER/masks, by stem.

    Raises
    ------
    DetectorError
        If a folder, an image or a mask is missing, or a mask has another size.
    """
    images = stems(folder / "images", IMAGE_SUFFIXES)
    masks = stems(folder / "masks", LABEL_SUFFIXES)
    if missing := [stem for stem in images if stem not in masks]:
        others = f" ({len(missing)} images have none)" if len(missing) > 1 else ""
        raise DetectorError(
            f"{images[missing[0]]} has no mask: there is no {missing[0]}.png, .tif or .npy in "
            f"{folder / 'masks'}{others}"
        )
    if alone := [path for stem, path in masks.items() if stem not in images]:
        raise DetectorError(
            f"{alone[0]} has no image in {folder / 'images'}; add it or remove the mask"
        )
    ignored = stems_if_there(folder / "ignore", LABEL_SUFFIXES)
    found = [Annotated(images[stem], masks[stem], ignored.get(stem)) for stem in images]
    for one in found:
        check_same_size(one.image, *(path for path in (one.labels, one.ignore) if path))
    return found


def micrograph_files(paths: Iterable[Path]) -> dict[str, Path]:
    """Return the files of micrographs by stem; a folder stands for all images in it.

    Raises
    ------
    DetectorError
        If there are none, one is missing or can't be used, or two have the same stem.
    """
    found: dict[str, Path] = {}
    for path in paths:
        some = stems(path, IMAGE_SUFFIXES) if path.is_dir() else {path.stem: path}
        for stem, file in some.items():
            if found.setdefault(stem, file) != file:
                raise DetectorError(f"{found[stem]} and {file} have the same name; rename one")
    for file in found.values():
        read_micrograph(file)  # what can't be used is reported before work begins
    return found


def stems_if_there(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return what `stems` does, or nothing if there is no such folder."""
    return stems(folder, suffixes) if folder.is_dir() else {}


def stems(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Return the files of a folder that have one of these suffixes by their stems, sorted.

    Raises
    ------
    DetectorError
        If there is no such folder, it holds none, or two have the same stem.
    """
    if not folder.is_dir():
        raise DetectorError(f"there is no folder {folder}")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in suffixes and not path.name.startswith("."):
            if path.stem in found:
                names = f"{found[path.stem].name} and {path.name}"
                raise DetectorError(f"{folder} holds {names}, which have the same name; rename one")
            found[path.stem] = path
    if not found:
        raise DetectorError(f"{folder} holds no files ending in {', '.join(suffixes)}")
    return found


def read_micrograph(path: Path) -> Floats:
    """Return the gray values of a PNG, TIFF or JPEG file of 8 or 16 bits.

    A colour image whose channels are equal is gray. Values are relative to the most that the file's
    bits can hold, so a camera of 12 bits saved in 16 gives at most 1/16.

    Returns
    -------
    ndarray
        (height, width) float32 in 0 to 1.

    Raises
    ------
    DetectorError
        If the file can't be read, is in colour, or is too small.
    """
    pixels = _pixels(path, palette="colours")
    if pixels.ndim == 3:
        colours = pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1]
        if (colours != colours[..., :1]).any():
            raise DetectorError(f"{path} is in colour; convert it to gray")
        pixels = colours[..., 0]
    pixels = pixels.astype(
        pixels.dtype.newbyteorder("="), copy=False
    )  # ImageJ saves big-endian TIFFs
    if pixels.dtype not in (np.uint8, np.uint16):
        raise DetectorError(f"{path} holds values of type {pixels.dtype}; save it in 8 or 16 bits")
    if min(pixels.shape) < LEAST_SIDE:
        height, width = pixels.shape
        raise DetectorError(
            f"{path} is too small: {width} x {height} px; it needs {LEAST_SIDE} px or more a side"
        )
    gray: Floats = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return gray


def read_labels(path: Path) -> Labels:
    """Return a label image: a PNG or TIFF of 8, 16 or 32 bits, or a whole-number ``.npy``.

    Returns
    -------
    ndarray
        (height, width) uint32, 0 where no particle is.

    Raises
    ------
    DetectorError
        If the file can't be read, or holds something else.
    """
    what = f"{path} is not a label image"
    pixels = _array(path) if path.suffix.lower() == ".npy" else _pixels(path, palette="numbers")
    if pixels.ndim != 2 or not pixels.size:
        shape = " x ".join(map(str, pixels.shape))
        raise DetectorError(f"{what}: its shape is {shape}, not height x width")
    if pixels.dtype.kind not in "ui":
        raise DetectorError(
            f"{what}: it holds values of type {pixels.dtype}, not a whole number for each particle"
        )
    if pixels.min() < 0 or pixels.max() > np.iinfo(np.uint32).max:
        raise DetectorError(f"{what}: labels must be from 0 to {np.iinfo(np.uint32).max}")
    return pixels.astype(np.uint32)


def write_labels(path: Path, labels: NDArray[np.integer]) -> None:
    """Write a label image as a PNG of 16 bits.

    Raises
    ------
    DetectorError
        If a label does not fit.
    """
    if labels.size and not 0 <= labels.min() <= labels.max() <= np.iinfo(np.uint16).max:
        raise DetectorError(f"{path} can't be written: a PNG holds labels from 0 to 65535")
    Image.fromarray(labels.astype(np.uint16)).save(path, format="PNG")


def check_same_size(first: Path, *others: Path) -> None:
    """Refuse images that do not lie on the same pixels.

    Raises
    ------
    DetectorError
        If one differs in size, or can't be read.
    """
    width, height = _size(first)
    for path in others:
        if _size(path) != (width, height):
            its_width, its_height = _size(path)
            raise DetectorError(
                f"{path} is {its_width} x {its_height} px, but {first} is {width} x {height} px"
            )


def _size(path: Path) -> tuple[int, int]:
    if path.suffix.lower() == ".npy":
        height, width = read_labels(path).shape
        return width, height
    with _opened(path) as image:
        return image.size


def _pixels(path: Path, palette: str) -> NDArray[Any]:
    """Return the pixels of an image file, those of a palette as its colours or its numbers."""
    try:
        with _opened(path) as image:
            if (number := getattr(image, "n_frames", 1)) > 1:
                raise DetectorError(f"{path} holds {number} images; save one a file")
            if image.mode == "P" and palette == "colours":
                return np.array(image.convert("RGB"))
            return np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise DetectorError(f"{path} can't be read as an image: {error}") from error


def _opened(path: Path) -> Image.Image:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DetectorError(f"there is no file {path}") from None
    except OSError as error:
        raise DetectorError(f"{path} can't be read: {error.strerror}") from error
    if not content:
        raise DetectorError(f"{path} is empty")
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            return Image.open(io.BytesIO(content))
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # where Pillow stops
        raise DetectorError(
            f"{path} is too large: an image may have at most {most:,} pixels; cut it into several"
        ) from None
    except (OSError, SyntaxError, ValueError):
        kinds = "PNG, TIFF or JPEG"
        raise DetectorError(f"{path} can't be read as an image; {kinds} can be") from None


def _array(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except FileNotFoundError:
        raise DetectorError(f"there is no file {path}") from None
    except (OSError, ValueError, EOFError) as error:
        raise DetectorError(f"{path} can't be read as an array: {error}") from error
