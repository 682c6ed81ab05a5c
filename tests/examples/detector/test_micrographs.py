"""Which files are micrographs and label images, and what is said of those that are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from examples.detector.errors import DetectorError
from examples.detector.micrographs import (
    Annotated,
    annotated_folder,
    micrograph_files,
    read_labels,
    read_micrograph,
    write_labels,
)

GRAY = np.arange(70 * 90, dtype=np.uint16).reshape(70, 90)
GRAY8 = (GRAY % 256).astype(np.uint8)


def saved(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.TIFF"])
def test_gray_values_are_relative_to_what_the_bits_hold(tmp_path: Path, name: str) -> None:
    fine = read_micrograph(saved(tmp_path / name, GRAY * 10))
    assert fine.dtype == np.float32
    np.testing.assert_allclose(fine, GRAY * 10 / 65535, rtol=1e-6)
    np.testing.assert_allclose(read_micrograph(saved(tmp_path / name, GRAY8)), GRAY8 / 255)


def test_a_tiff_of_either_byte_order_is_read(tmp_path: Path) -> None:
    """ImageJ writes the other one."""
    for order in "<>":
        tifffile.imwrite(tmp_path / "a.tif", GRAY, byteorder=order)
        np.testing.assert_allclose(read_micrograph(tmp_path / "a.tif"), GRAY / 65535, rtol=1e-6)
        np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), GRAY)


@pytest.mark.parametrize(("limit", "fits"), [(7000, True), (4000, True), (3000, False)])
def test_a_large_image_is_read_without_a_warning_and_a_huge_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, fits: bool
) -> None:
    path = saved(tmp_path / "a.png", GRAY8)  # 6,300 pixels
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    if fits:
        assert read_micrograph(path).shape == GRAY8.shape
        return
    with pytest.raises(
        DetectorError, match=r"a\.png is too large: .* at most 6,000 pixels; cut it"
    ):
        read_micrograph(path)


def test_a_jpeg_is_read_as_it_shows(tmp_path: Path) -> None:
    smooth = np.tile(np.linspace(0, 255, 90).astype(np.uint8), (70, 1))
    read = read_micrograph(saved(tmp_path / "a.jpg", smooth))
    np.testing.assert_allclose(read, smooth / 255, atol=0.02)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_a_colour_image_with_equal_channels_is_gray(tmp_path: Path, mode: str) -> None:
    read = read_micrograph(saved(tmp_path / "a.png", GRAY8, mode))
    np.testing.assert_allclose(read, GRAY8 / 255)


def test_a_palette_is_seen_through(tmp_path: Path) -> None:
    """Some microscopes save gray values as the places of colours."""
    image = Image.fromarray(GRAY8, mode="P")
    image.putpalette([255 - value for value in range(256) for _ in range(3)])
    image.save(tmp_path / "a.tif")
    np.testing.assert_allclose(read_micrograph(tmp_path / "a.tif"), 1 - GRAY8 / 255, atol=1e-6)


def colour(path: Path) -> None:
    pixels = np.stack([GRAY8] * 3, axis=-1)
    pixels[40, 40, 2] ^= 1
    saved(path, pixels)


def stack(path: Path) -> None:
    tifffile.imwrite(path, np.zeros((3, 70, 90), dtype=np.uint8), photometric="minisblack")


def broken(path: Path) -> None:
    saved(path, GRAY8)
    path.write_bytes(path.read_bytes()[:-200])


REFUSED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("a.png", Path.exists, "there is no file {path}"),
    "a folder": ("a.png", lambda path: path.mkdir(), "{path} can't be read: Is a directory"),
    "empty": ("a.png", lambda path: path.touch(), "{path} is empty"),
    "text": ("a.png", lambda path: path.write_text("hello"), "PNG, TIFF or JPEG can be"),
    "cut off": ("a.png", broken, "{path} can't be read as an image: "),
    "colour": ("a.png", colour, "{path} is in colour; convert it to gray"),
    "narrow": ("a.png", lambda path: saved(path, GRAY8[:, :63]), "too small: 63 x 70 px"),
    "low": ("a.png", lambda path: saved(path, GRAY8[:63]), "too small: 90 x 63 px"),
    "stack": ("a.tif", stack, "{path} holds 3 images; save one a file"),
    "floats": ("a.tif", lambda path: saved(path, GRAY.astype(np.float32)), "type float32"),
    "bits": ("a.png", lambda path: saved(path, GRAY8, "1"), "type bool; save it in 8 or 16 bits"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_micrograph_is_refused_in_a_sentence(tmp_path: Path, case: str) -> None:
    name, write, words = REFUSED[case]
    write(tmp_path / name)
    with pytest.raises(DetectorError) as caught:
        read_micrograph(tmp_path / name)
    assert words.format(path=tmp_path / name) in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("a.png", np.uint8),
        ("a.png", np.uint16),
        ("a.tif", np.uint16),
        ("a.tif", np.uint32),
        ("a.npy", np.uint8),
        ("a.npy", np.int64),
    ],
)
def test_labels_are_read_as_they_were_saved(
    tmp_path: Path, name: str, dtype: type[np.integer]
) -> None:
    labels = np.linspace(0, min(np.iinfo(dtype).max, 2**31 - 1), 70 * 90).astype(dtype)
    labels = labels.reshape(70, 90)
    write = {".png": saved, ".tif": tifffile.imwrite, ".npy": np.save}[Path(name).suffix]
    write(tmp_path / name, labels)
    np.testing.assert_array_equal(read_labels(tmp_path / name), labels)
    assert read_labels(tmp_path / name).dtype == np.uint32


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 5, 3), dtype=np.uint8), "its shape is 4 x 5 x 3"),
        (np.zeros((0, 5), dtype=np.uint8), "its shape is 0 x 5"),
        (np.zeros((4, 5)), "type float64, not a whole number for each particle"),
        (np.zeros((4, 5), dtype=np.bool_), "type bool, not a whole number for each particle"),
        (np.full((4, 5), -1), "labels must be from 0 to 4294967295"),
        (np.array([[{}]]), "can't be read as an array"),
    ],
)
def test_what_is_no_label_image_is_refused(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(DetectorError, match=words):
        read_labels(tmp_path / "a.npy")


def test_labels_are_written_as_they_are_read(tmp_path: Path) -> None:
    write_labels(tmp_path / "a.png", GRAY)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), GRAY)
    with pytest.raises(DetectorError, match="0 to 65535"):
        write_labels(tmp_path / "b.png", np.full((4, 5), 65536))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return a folder with two annotated micrographs."""
    for stem in ("one", "two"):
        saved(tmp_path / "images" / f"{stem}.jpg", GRAY8)
        saved(tmp_path / "masks" / f"{stem}.png", GRAY8)
    (tmp_path / "images" / "Thumbs.db").touch()
    (tmp_path / "images" / "._one.jpg").touch()
    return tmp_path


def test_images_and_masks_are_paired_by_stem(mine: Path) -> None:
    saved(mine / "ignore" / "two.png", GRAY8)
    one, two = annotated_folder(mine)
    assert one == Annotated(mine / "images" / "one.jpg", mine / "masks" / "one.png")
    assert (two.stem, two.ignore) == ("two", mine / "ignore" / "two.png")


def test_a_folder_that_lacks_something_is_refused_by_name(mine: Path) -> None:
    def refusal() -> str:
        with pytest.raises(DetectorError) as caught:
            annotated_folder(mine)
        return str(caught.value)

    saved(mine / "masks" / "three.png", GRAY8)
    assert refusal() == (
        f"{mine}/masks/three.png has no image in {mine}/images; add it or remove the mask"
    )
    (mine / "masks" / "three.png").unlink()
    saved(mine / "masks" / "two.png", GRAY8[:-1])
    assert refusal() == (
        f"{mine}/masks/two.png is 90 x 69 px, but {mine}/images/two.jpg is 90 x 70 px"
    )
    (mine / "masks" / "two.png").unlink()
    assert refusal() == (
        f"{mine}/images/two.jpg has no mask: there is no two.png, .tif or .npy in {mine}/masks"
    )
    (mine / "masks" / "one.png").unlink()
    assert refusal() == f"{mine}/masks holds no files ending in .png, .tif, .tiff, .npy"
    (mine / "masks").rmdir()
    assert refusal() == f"there is no folder {mine}/masks"
    saved(mine / "images" / "two.png", GRAY8)
    assert "two.jpg and two.png, which have the same name" in refusal()


def test_a_folder_stands_for_its_images(mine: Path) -> None:
    found = micrograph_files([mine / "images", mine / "images" / "two.jpg"])
    assert found == {stem: mine / "images" / f"{stem}.jpg" for stem in ("one", "two")}
    with pytest.raises(DetectorError, match="have the same name; rename one"):
        micrograph_files([mine / "images", mine / "masks"])
    with pytest.raises(DetectorError, match="there is no file"):
        micrograph_files([mine / "images" / "three.png"])
