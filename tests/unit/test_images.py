"""Image files read back by others, and the preview."""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from scene.imaging.eight_bit import eight_bit
from scene.imaging.files import FileRecord
from scene.imaging.writing import PREVIEW_BYTES, preview, write_image, write_preview

RNG = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("gray.png", RNG.integers(0, 256, (30, 40), dtype=np.uint8)),
        ("rgb.png", RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)),
        ("ids.png", RNG.integers(0, 65_536, (30, 40), dtype=np.uint16)),
        ("depth.tiff", np.where(RNG.random((300, 40)) < 0.5, np.inf, 3.25).astype(np.float32)),
    ],
)
def test_pixels_come_back_the_same(tmp_path: Path, name: str, array: NDArray[Any]) -> None:
    path = tmp_path / name
    write_image(path, array)
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), array)
    if path.suffix == ".tiff":
        assert np.array_equal(tifffile.imread(path), array)


IMAGES = {
    "gray.png": RNG.integers(0, 256, (8, 6), dtype=np.uint8),
    "rgb.png": RNG.integers(0, 256, (8, 6, 3), dtype=np.uint8),
    "ids.png": RNG.integers(0, 65_536, (8, 6), dtype=np.uint16),
    "depth.tiff": RNG.random((8, 6)).astype(np.float32),
}


def tagged(path: Path) -> tuple[float | None, float | None]:
    """Return the size of a pixel in nm as pHYs or TIFF's tags have it, and as a text has it."""
    if path.suffix == ".png":
        with Image.open(path) as image:
            text = image.info.get("pixel_size_nm")
            dpi = image.info.get("dpi")
        return (
            None if dpi is None else 0.0254e9 / dpi[0],
            None if text is None else float(text),
        )
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages[0].tags
        if tags["ResolutionUnit"].value == 1:  # none
            return None, None
        assert tags["ResolutionUnit"].value == 3  # centimetres
        assert tags["XResolution"].value == tags["YResolution"].value
        numerator, denominator = tags["XResolution"].value
        return 1e7 * denominator / numerator, None


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("size", [0.5, 1.0, 4.5678, 100.0, 333.25, 1e4, 1e6])
def test_the_size_of_a_pixel_is_in_the_tags_and_changes_no_pixel(
    tmp_path: Path, name: str, size: float
) -> None:
    array, path = IMAGES[name], tmp_path / name
    write_image(path, array, size)
    tag, text = tagged(path)
    # pHYs holds a whole number of pixels per metre.
    assert tag == pytest.approx(size, rel=0.5 * size / 1e9 if path.suffix == ".png" else 1e-6)
    assert text == (size if path.suffix == ".png" else None)
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), array)
    write_image(tmp_path / f"plain_{name}", array)
    assert tagged(tmp_path / f"plain_{name}") == (None, None)


@pytest.mark.parametrize("size", [1e-4, 0.1, 0.46, 2.1e9, 1e17])
def test_a_size_that_a_tag_can_not_hold_is_left_out_of_it(tmp_path: Path, size: float) -> None:
    for name, array in IMAGES.items():
        write_image(tmp_path / name, array, size)
        tag, text = tagged(tmp_path / name)
        if name.endswith("png"):
            assert (tag, text) == (None, size)
        else:
            assert tag is None or tag == pytest.approx(size, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(exponent=st.floats(-5, 17))
def test_whatever_a_scale_gives_is_written(exponent: float) -> None:
    size = 10.0**exponent
    with tempfile.TemporaryDirectory() as folder:
        for name in ("gray.png", "depth.tiff"):
            write_image(Path(folder, name), IMAGES[name], size)
            tag, text = tagged(Path(folder, name))
            assert tag is None or tag == pytest.approx(size, rel=max(1e-6, size / 1e9))
            assert text in (None, size)


@pytest.mark.parametrize("name", ["image.png", "image.tiff"])
def test_the_same_pixels_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    array = RNG.random((50, 50)).astype(np.float32 if name.endswith("tiff") else np.uint8)
    write_image(tmp_path / name, array)
    first = (tmp_path / name).read_bytes()
    time.sleep(1.1)  # a time stamp would show
    write_image(tmp_path / name, array)
    assert (tmp_path / name).read_bytes() == first


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("a.png", np.zeros((2, 2), np.float32)),
        ("a.png", np.zeros((2, 2, 2), np.uint16)),
        ("a.tiff", np.zeros((2, 2), np.uint8)),
        ("a.jpg", np.zeros((2, 2), np.uint8)),
    ],
)
def test_what_a_format_cannot_hold_is_refused(
    tmp_path: Path, name: str, array: NDArray[Any]
) -> None:
    with pytest.raises(ValueError, match="can't hold"):
        write_image(tmp_path / name, array)


def test_preview_is_a_small_jpeg_of_all_images(tmp_path: Path) -> None:
    names = [f"noise_{index}" for index in range(7)]
    for name in names:
        image = RNG.integers(0, 256, (960, 960, 3), dtype=np.uint8)
        write_image(tmp_path / f"{name}.png", image)
    write_image(tmp_path / "instances.png", np.full((960, 480), 600, np.uint16))
    data = preview({name: tmp_path / f"{name}.png" for name in [*names, "instances"]})
    assert len(data) <= PREVIEW_BYTES
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert image.width > 6 * image.height


def test_a_runs_preview_shows_one_image_of_each_kind_the_lifelike_one_first(tmp_path: Path) -> None:
    files = []
    for mode, name, level in (
        ("categorical", "categorical.png", 120),
        ("real", "real_00001.png", 255),
        ("real", "real_00002.png", 60),
        ("depth", "depth.tiff", 0),
    ):
        array = np.full((32, 32), level, np.float32 if name.endswith("tiff") else np.uint8)
        write_image(tmp_path / name, array)
        files.append(FileRecord(mode, name, "", 0, 32, 32))
    write_preview(tmp_path, [*files, FileRecord("state", "state.blend", "", 0)])
    with Image.open(tmp_path / "preview.jpg") as image:
        assert image.width < 3 * 320
        assert [np.asarray(image)[100, x, 0] for x in (100, 500)] == [255, 120]
    (tmp_path / "preview.jpg").unlink()
    write_preview(tmp_path, files[-1:])
    assert not (tmp_path / "preview.jpg").exists()


def test_a_preview_shows_16_bits_as_bright_as_8_and_ids_so_that_they_can_be_seen(
    tmp_path: Path,
) -> None:
    for mode, pixels in {
        "real": np.full((64, 64), 257 * 40, np.uint16),
        "stylized": np.full((64, 64), 40, np.uint8),
        "instances": np.full((64, 64), 40, np.uint16),
    }.items():
        write_image(tmp_path / f"{mode}.png", pixels)
    names = ("real", "stylized", "instances")
    data = preview({mode: tmp_path / f"{mode}.png" for mode in names})
    with Image.open(io.BytesIO(data)) as image:
        assert [np.asarray(image)[100, x, 0] for x in (100, 450, 800)] == [40, 40, 255]


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_16_bits_become_the_8_that_they_came_from(kind: type) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (eight_bit(gray.astype(kind) * 257, "real") == gray).all()
    assert eight_bit(gray, "real") is gray
    ids = np.array([[0, 3, 6]], kind)
    assert eight_bit(ids, "instances").tolist() == [[0, 128, 255]]
    assert eight_bit(np.zeros((2, 2), kind)).tolist() == [[0, 0], [0, 0]]


def test_preview_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        preview({})
