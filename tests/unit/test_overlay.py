"""Labels over images: on the right pixels, in colours that can be seen, for any image."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scene.imaging.modes import LARGEST_ID, category_colors
from scene.imaging.overlay import LARGEST_SIDE, LAYERS, label_colors, overlay

RNG = np.random.default_rng(3)


def discs(size: int, count: int, radius: int) -> NDArray[np.uint16]:
    """Return discs that lie over each other; later ones hide earlier ones."""
    ys, xs = np.mgrid[:size, :size]
    ids = np.zeros((size, size), np.uint16)
    for particle, (y, x) in enumerate(RNG.integers(0, size, (count, 2)), start=1):
        ids[(ys - y) ** 2 + (xs - x) ** 2 <= radius**2] = particle
    return ids


def gray(instances: NDArray[Any], value: int = 90) -> NDArray[np.uint8]:
    return np.full(instances.shape, value, np.uint8)


@pytest.mark.parametrize("scale", [1, 2, 3, 5])
def test_outlines_lie_on_the_outermost_pixels_of_each_particle(scale: int) -> None:
    ids = discs(60, 25, 7)
    drawn = overlay(gray(ids), ids, ("outlines",), scale)
    width = max(1, scale // 2)
    large = ids.repeat(scale, 0).repeat(scale, 1)
    edge = np.zeros(large.shape, bool)
    for axis in (0, 1):
        for shift in (*range(-width, 0), *range(1, width + 1)):
            other = np.roll(large, shift, axis)
            border = np.zeros(large.shape, bool)
            side = slice(0, shift) if shift > 0 else slice(shift, None)
            border[(side, slice(None)) if axis == 0 else (slice(None), side)] = True
            edge |= (other != large) & ~border
    edge &= large > 0
    colors = label_colors(np.arange(1, int(ids.max()) + 1))
    assert (drawn.pixels[edge] == colors[large[edge] - 1]).all()
    assert (drawn.pixels[~edge] == 90).all()


def test_boxes_hold_exactly_what_is_visible() -> None:
    ids = np.zeros((20, 30), np.uint16)
    ids[4:9, 7:19] = 300
    drawn = overlay(gray(ids), ids, ("boxes",), 2).pixels
    changed = (drawn != 90).any(axis=2)
    inside = np.zeros_like(changed)
    inside[8:18, 14:38] = True
    inside[9:17, 15:37] = False
    assert np.array_equal(changed, inside)
    assert (drawn[changed] == label_colors(np.array([300]))[0]).all()


def test_every_particle_with_room_gets_its_id_inside_it() -> None:
    ids = np.zeros((120, 120), np.uint16)
    for n in range(9):
        ids[40 * (n // 3) + 2 : 40 * (n // 3) + 38, 40 * (n % 3) + 2 : 40 * (n % 3) + 38] = n + 500
    drawn = overlay(gray(ids), ids, ("ids",), 1)
    assert (drawn.visible, drawn.unlabelled) == (9, 0)
    white = (drawn.pixels > 200).all(axis=2)
    for n in range(9):
        assert white[ids == n + 500].any()
    assert not white[ids == 0].any()


def test_ids_never_lie_on_each_other_and_those_left_out_are_counted() -> None:
    ids = np.arange(1, 1601, dtype=np.uint16).reshape(40, 40)
    drawn = overlay(gray(ids), ids, ("ids",), 1)
    assert drawn.visible == 1600
    assert 0 < drawn.unlabelled < 1600
    larger = overlay(gray(ids), ids, ("ids",), 16)
    assert larger.unlabelled < drawn.unlabelled


def test_six_hundred_small_particles_are_enlarged_until_their_ids_can_be_read() -> None:
    ids = np.zeros((240, 240), np.uint16)
    for n in range(600):
        y, x = 9 * (n // 25), 9 * (n % 25)
        ids[y : y + 8, x : x + 8] = n + 1
    drawn = overlay(gray(ids), ids)
    assert drawn.scale >= 4
    assert drawn.unlabelled == 0


def test_colours_have_the_hue_of_categorical_and_can_be_seen() -> None:
    ids = np.arange(1, 3000)
    colors = label_colors(ids).astype(float) / 255
    assert (colors @ [0.2126, 0.7152, 0.0722] > 0.44).all()
    for particle, color in zip(ids.tolist(), colors.tolist(), strict=True):
        hue, saturation, _ = colorsys.rgb_to_hsv(*(category_colors()[particle] / 255.0).tolist())
        if saturation > 0.1:
            away = abs(colorsys.rgb_to_hsv(*color)[0] - hue)
            assert min(away, 1 - away) < 0.02


@pytest.mark.parametrize(
    ("height", "width", "count"),
    [(1, 1, 0), (1, 1, 1), (16, 4000, 60), (4000, 16, 60), (1, 700, 3), (700, 1, 255), (9, 9, 65)],
)
def test_any_size_and_number_can_be_drawn(height: int, width: int, count: int) -> None:
    ids = RNG.integers(0, count + 1, (height, width)).astype(np.uint16)
    drawn = overlay(gray(ids), ids)
    assert drawn.pixels.shape == (height * drawn.scale, width * drawn.scale, 3)
    assert drawn.visible == len(np.unique(ids[ids > 0]))


def test_all_ids_at_once_can_be_drawn() -> None:
    ids = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    drawn = overlay(gray(ids), ids, ("outlines", "boxes"), 1)
    assert drawn.visible == LARGEST_ID
    assert (drawn.pixels.reshape(-1, 3)[1:] == label_colors(np.arange(1, 65_536))).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int32, np.int64])
def test_ids_of_any_whole_type_are_drawn_alike(kind: type[np.integer[Any]]) -> None:
    ids = discs(40, 9, 6)
    assert np.array_equal(
        overlay(gray(ids), ids.astype(kind)).pixels, overlay(gray(ids), ids).pixels
    )


def test_images_of_one_three_four_channels_and_16_bits_are_drawn_on() -> None:
    ids = np.zeros((8, 8), np.uint16)
    one = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    three = np.stack([one] * 3, axis=2)
    four = np.dstack([three, np.full((8, 8), 255, np.uint8)])
    sixteen = one.astype(np.uint16) * 2
    expected = overlay(one, ids, (), 1).pixels
    assert np.array_equal(expected, three)
    assert np.array_equal(overlay(three, ids, (), 1).pixels, expected)
    assert np.array_equal(overlay(four, ids, (), 1).pixels, expected)
    assert overlay(sixteen, ids, (), 1).pixels.max() == 255


@pytest.mark.parametrize(
    ("image", "ids", "layers", "scale", "told"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint16), LAYERS, 1, "4 x 4 pixels"),
        (np.zeros((4, 4)), np.zeros((4, 4), np.uint16), LAYERS, 1, "float64"),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4)), LAYERS, 1, "whole numbers"),
        (np.zeros((0, 4), np.uint8), np.zeros((0, 4), np.uint16), LAYERS, 1, "pixels"),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16), ("masks",), 1, "masks"),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16), LAYERS, 0, "scale"),
        (np.zeros((1, LARGEST_SIDE), np.uint8), np.zeros((1, LARGEST_SIDE), np.uint16), LAYERS, 2,
         "scale"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(
    image: NDArray[Any], ids: NDArray[Any], layers: tuple[str, ...], scale: int, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        overlay(image, ids, layers, scale)
