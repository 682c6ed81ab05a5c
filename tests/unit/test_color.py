"""Colour images: their files, their gray values, and what reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scene.imaging.overlay import overlay
from scene.imaging.png import PIXEL_SIZE_TEXT, read_png
from scene.imaging.quality import quality
from scene.imaging.writing import preview, write_image
from scene.microscopy.color import ColorMode, in_color, luminance

KINDS = [(kind, channels) for kind in (np.uint8, np.uint16) for channels in ((), (3,), (4,))]


@pytest.mark.parametrize(("kind", "channels"), KINDS)
@pytest.mark.parametrize("pixel_nm", [None, 12.5])
@pytest.mark.parametrize("level", [0, 9])
def test_a_png_gives_back_what_was_written(
    tmp_path: Path, kind: type, channels: tuple[int, ...], pixel_nm: float | None, level: int
) -> None:
    random = np.random.default_rng(1)
    image = random.integers(0, np.iinfo(kind).max, (20, 30, *channels), kind, endpoint=True)
    path, again = tmp_path / "a.png", tmp_path / "b.png"
    write_image(path, image, pixel_nm, level)
    write_image(again, image, pixel_nm, level)
    assert path.read_bytes() == again.read_bytes()
    found = read_png(path.read_bytes())
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)
    with Image.open(path) as opened:
        assert opened.size == (30, 20)
        opened.load()
        assert opened.info.get(PIXEL_SIZE_TEXT) == (None if pixel_nm is None else repr(pixel_nm))
        dots = opened.info.get("dpi")
    assert dots is None if pixel_nm is None else dots[0] == pytest.approx(25.4e6 / pixel_nm)


def test_higher_levels_make_smaller_files(tmp_path: Path) -> None:
    image = np.tile(np.arange(200, dtype=np.uint16), (100, 1))
    for colors in (image, in_color(image, "RGB")):
        sizes = []
        for level in (0, 1, 9):
            write_image(tmp_path / "a.png", colors, None, level)
            sizes.append((tmp_path / "a.png").stat().st_size)
        assert sizes[0] > sizes[1] >= sizes[2]


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("RGBA", 4)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_gray_in_color_has_the_same_gray_values(mode: ColorMode, channels: int, kind: type) -> None:
    gray = np.random.default_rng(2).integers(0, np.iinfo(kind).max, (9, 8), kind, endpoint=True)
    colored = in_color(gray, mode)
    assert colored.shape == (9, 8, channels)
    assert (colored[..., 3:] == np.iinfo(kind).max).all()
    np.testing.assert_array_equal(luminance(colored), gray)
    assert in_color(gray, "BW") is gray
    assert in_color(colored, mode) is colored
    assert luminance(gray) is gray


def test_green_counts_most() -> None:
    pure = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert luminance(pure).tolist() == [[54, 182, 18]]


@pytest.mark.parametrize(("kind", "channels"), KINDS[1:])
def test_previews_and_overlays_take_colors(
    tmp_path: Path, kind: type, channels: tuple[int, ...]
) -> None:
    white = np.iinfo(kind).max
    image = np.full((40, 60, *channels), white, kind)
    if channels:
        image[..., 0] = white // 2
    write_image(tmp_path / "real.png", image)
    (tmp_path / "preview.jpg").write_bytes(preview({"real": tmp_path / "real.png"}))
    with Image.open(tmp_path / "preview.jpg") as opened:
        shown = np.asarray(opened)[50, 50].tolist()
    assert shown == pytest.approx([127, 255, 255] if channels else [255] * 3, abs=6)
    ids = np.zeros((40, 60), np.uint16)
    ids[10:20, 10:20] = 1
    assert overlay(image, ids, scale=1).pixels.shape == (40, 60, 3)
    assert quality(luminance(image), ids).saturated is not None


@pytest.mark.parametrize("length", [0, 25, 26, 60, 400])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_damaged_file_is_reported_as_such(tmp_path: Path, length: int, channels: int) -> None:
    random = np.random.default_rng(1)
    image = random.integers(0, 2**16, (20, 30, channels), np.uint16)
    write_image(tmp_path / "a.png", image)
    data = (tmp_path / "a.png").read_bytes()
    with pytest.raises((OSError, SyntaxError, ValueError)):
        read_png(data[:length])
