"""Labels over an image: outlines, ids and boxes of particles. Numpy and Pillow, no Blender."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from scene.imaging.eight_bit import eight_bit
from scene.imaging.label_places import LabelPlaces, label_places
from scene.imaging.modes import LARGEST_ID, category_colors

LAYERS = ("outlines", "ids", "boxes")

MOST_SCALE = 16
LARGEST_SIDE = 16_384
"""Longest side of a drawn picture, in pixels."""

_WANTED_PARTICLE = 36
"""Pixels across a typical particle at which its id can be read."""

_WANTED_SIDE = 4096
"""The scale that is chosen for a person makes no picture longer than this."""

_SMALLEST_TEXT, _LARGEST_TEXT = 10, 22
_TEXT_ASPECT = 0.62
"""Width of a digit over the font's size."""

_LEAST_LUMINANCE = 0.45
_LEAST_SATURATION = 0.6


@final
@dataclass(frozen=True, slots=True)
class Overlay:
    """A drawn picture.

    Parameters
    ----------
    pixels
        (height * scale, width * scale, 3) uint8.
    scale
        Pixels of the picture along one pixel of the image.
    visible
        Number of particles in the image.
    unlabelled
        Ids that were left out because they would have covered another one.
    """

    pixels: NDArray[np.uint8]
    scale: int
    visible: int
    unlabelled: int


def overlay(
    image: NDArray[Any],
    instances: NDArray[Any],
    layers: Collection[str] = LAYERS,
    scale: int | None = None,
) -> Overlay:
    """Draw labels over an image.

    Outlines lie on the outermost pixels of what can be seen of each particle, boxes on the
    outermost pixels of its box; so both are exact to the pixel. Colours have the hue of
    ``categorical.png``, but all are light enough to be seen.

    Parameters
    ----------
    image
        (height, width), or (height, width, 3 or 4), uint8; uint16 is stretched to its own range.
    instances
        (height, width) whole numbers: the particle's id at each pixel, 0 where nothing is.
    layers
        Which of `LAYERS` to draw.
    scale
        Enlarges the picture by a whole number, 1 to `MOST_SCALE`; None chooses one at which ids
        can be read.

    Raises
    ------
    ValueError
        If the arrays do not fit together, or for an unknown layer or scale.
    """
    _check(image, instances, layers)
    particles = label_places(instances)
    scale = _fitting_scale(particles, max(instances.shape)) if scale is None else scale
    if not 1 <= scale <= MOST_SCALE or max(instances.shape) * scale > max(
        LARGEST_SIDE, *instances.shape
    ):
        raise ValueError(
            f"a scale is a whole number from 1 to {MOST_SCALE} that keeps the picture within "
            f"{LARGEST_SIDE} pixels, got {scale} for {instances.shape[1]} x {instances.shape[0]}"
        )
    canvas = _rgb(image).repeat(scale, axis=0).repeat(scale, axis=1)
    colors = label_colors(particles.ids)
    unlabelled = 0
    if "boxes" in layers:
        canvas = _with_boxes(canvas, particles, colors, scale, faint="outlines" in layers)
    if "outlines" in layers:
        _draw_outlines(canvas, particles.labels, colors, scale)
    if "ids" in layers:
        canvas, unlabelled = _with_ids(canvas, particles, scale)
    return Overlay(canvas, scale, len(particles.ids), unlabelled)


def label_colors(ids: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (n, 3) uint8 colours for particle ids: the hue of `categorical`, never dark or gray.

    Luminance is that of ITU-R BT.709.
    """
    places = (np.asarray(ids, dtype=np.int64) - 1) % LARGEST_ID + 1
    rgb = category_colors()[places].astype(np.float64) / 255.0
    low, high = rgb.min(axis=1, keepdims=True), rgb.max(axis=1, keepdims=True)
    span = high - low
    hue = np.divide(rgb - low, span, out=np.ones_like(rgb), where=span > 0)  # from 0 to 1
    saturation = np.maximum(span / high, _LEAST_SATURATION)
    vivid = 1.0 - saturation * (1.0 - hue)
    luminance = vivid @ np.array([0.2126, 0.7152, 0.0722])
    missing = np.clip(_LEAST_LUMINANCE - luminance, 0.0, None) / (1.0 - luminance + 1e-9)
    colors: NDArray[np.uint8] = np.rint(255 * (vivid + (1 - vivid) * missing[:, None])).astype("u1")
    return colors


def _check(image: NDArray[Any], instances: NDArray[Any], layers: Collection[str]) -> None:
    if image.dtype not in {np.dtype(np.uint8), np.dtype(np.uint16)} or not (
        image.ndim == 2 or (image.ndim == 3 and image.shape[2] in {3, 4})
    ):
        raise ValueError(
            "an image is uint8 or uint16, gray, RGB or RGBA; "
            f"got {image.dtype} of shape {image.shape}"
        )
    if instances.ndim != 2 or instances.dtype.kind not in "iu":
        raise ValueError(
            "instances are whole numbers in two dimensions; "
            f"got {instances.dtype} of shape {instances.shape}"
        )
    if image.shape[:2] != instances.shape or not instances.size:
        (height, width), (other_height, other_width) = image.shape[:2], instances.shape
        raise ValueError(
            f"the image has {width} x {height} pixels, its instances {other_width} x {other_height}"
        )
    if strange := sorted(set(layers) - set(LAYERS)):
        raise ValueError(f"unknown layer {strange[0]!r}; there are: {', '.join(LAYERS)}")


def _rgb(image: NDArray[Any]) -> NDArray[np.uint8]:
    image = eight_bit(image)
    if image.ndim == 2:
        image = image[:, :, None].repeat(3, axis=2)
    return image[:, :, :3].astype(np.uint8)


def _fitting_scale(particles: LabelPlaces, longer: int) -> int:
    typical = float(np.sqrt(np.median(particles.pixels))) if len(particles.ids) else 1e9
    wanted = int(np.clip(np.ceil(_WANTED_PARTICLE / typical), 2, 8))
    return max(1, min(wanted, _WANTED_SIDE // longer))


def _with_boxes(
    canvas: NDArray[np.uint8],
    particles: LabelPlaces,
    colors: NDArray[np.uint8],
    scale: int,
    *,
    faint: bool,
) -> NDArray[np.uint8]:
    picture = PillowImage.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    low, high = particles.low * scale, (particles.high + 1) * scale - 1
    for box, color in zip(np.hstack([low, high]).tolist(), colors.tolist(), strict=True):
        draw.rectangle(box, outline=tuple(color), width=_thickness(scale))
    boxed = np.array(picture)
    if not faint:
        return boxed
    mixed: NDArray[np.uint8] = ((canvas.astype(np.uint16) + boxed) // 2).astype(np.uint8)
    return mixed


def _draw_outlines(
    canvas: NDArray[np.uint8], labels: NDArray[np.int32], colors: NDArray[np.uint8], scale: int
) -> None:
    """Colour the side of every pixel that another particle, or nothing, lies on."""
    height, width = labels.shape
    blocks = canvas.reshape(height, scale, width, scale, 3)
    inner, outer = slice(0, _thickness(scale)), slice(scale - _thickness(scale), scale)
    down = labels[1:] != labels[:-1]
    right = labels[:, 1:] != labels[:, :-1]
    sides = (
        (np.pad(down, ((1, 0), (0, 0))), blocks[:, inner]),
        (np.pad(down, ((0, 1), (0, 0))), blocks[:, outer]),
        (np.pad(right, ((0, 0), (1, 0))), blocks[:, :, :, inner]),
        (np.pad(right, ((0, 0), (0, 1))), blocks[:, :, :, outer]),
    )
    for edge, strip in sides:
        ys, xs = np.nonzero(edge & (labels > 0))
        strip[ys, :, xs] = colors[labels[ys, xs] - 1][:, None, None]


def _with_ids(
    canvas: NDArray[np.uint8], particles: LabelPlaces, scale: int
) -> tuple[NDArray[np.uint8], int]:
    """Return the canvas with ids, those with most room first, and how many had no place."""
    picture = PillowImage.fromarray(canvas)
    draw = ImageDraw.Draw(picture)
    height, width = canvas.shape[:2]
    taken = np.zeros((height, width), bool)
    unlabelled = 0
    for n in np.argsort(-np.minimum(particles.reach_x / 2, particles.reach_y), kind="stable"):
        text = str(particles.ids[n])
        room = 1.8 * scale * min(
            particles.reach_x[n] / (_TEXT_ASPECT * len(text)), particles.reach_y[n]
        )  # fmt: skip
        font = _font(int(np.clip(room, _SMALLEST_TEXT, _LARGEST_TEXT)))
        left, top, right, bottom = font.getbbox(text)
        x = (particles.anchor[n, 0] + 0.5) * scale - (right - left) / 2
        y = (particles.anchor[n, 1] + 0.5) * scale - (bottom - top) / 2
        x = int(max(1, min(x, width - (right - left) - 1)))
        y = int(max(1, min(y, height - (bottom - top) - 1)))
        place = (
            slice(y, y + int(bottom - top) + 1),
            slice(x, x + int(right - left) + 1),
        )
        if taken[place].any():
            unlabelled += 1
            continue
        taken[place] = True
        draw.text(
            (x - left, y - top), text, fill="white", font=font, stroke_width=1, stroke_fill="black"
        )
    return np.array(picture), unlabelled


def _thickness(scale: int) -> int:
    return max(1, scale // 2)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
