"""Image files read back by others, and the preview."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
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
        ("a.png", np.zeros((2, 2, 3), np.uint16)),
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
