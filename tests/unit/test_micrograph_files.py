"""Files of micrographs: data bars left out, pixel sizes of instruments, what can't be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from orchestrator.statistics.data_bar import specimen_rows
from orchestrator.statistics.instrument import Instrument, instrument_of
from orchestrator.statistics.micrographs import image_files, read_micrograph
from scene.errors import ConfigurationError
from scene.microscopy.data_bar import DataBar, draw, rows
from tests.standins.micrographs import eight_bit, micrograph, with_bar

IMAGE = micrograph(shape=(240, 320))


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(10, 70),
    ground=st.sampled_from([0, 3, 128, 255]),
    frame=st.integers(0, 2),
    left=st.sampled_from([0.0, 0.05]),
    right=st.sampled_from([1.0, 0.6]),
    under=st.sampled_from([0, 5, 12]),
)
def test_a_data_bar_of_any_height_is_found(
    height: int, ground: int, frame: int, left: float, right: float, under: int
) -> None:
    box = (left, right)
    image = with_bar(IMAGE, height, ground=ground, frame=frame, box=box, under=under)
    found = specimen_rows(image)
    assert 240 - height - under <= found <= 240 - height - under + frame


def test_the_data_bars_of_our_own_images_are_found() -> None:
    bar = draw(320, 10.0, DataBar())
    assert specimen_rows(np.concatenate([IMAGE, bar])) == 240
    assert len(bar) == rows(320)


def test_a_bar_survives_compression_with_loss(tmp_path: Path) -> None:
    Image.fromarray(with_bar(IMAGE, 32)).save(tmp_path / "a.jpg", quality=85)
    found = read_micrograph(tmp_path / "a.jpg")
    assert found.bar_rows in range(30, 35)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), dark=st.floats(0, 90))
def test_images_without_a_bar_are_left_whole(seed: int, dark: float) -> None:
    """Also such with an entirely black ground."""
    image = micrograph(seed, shape=(160, 200))
    assert specimen_rows(eight_bit(image - dark)) == 160


def test_a_dark_place_at_the_bottom_is_no_bar() -> None:
    image = IMAGE.copy()
    slope = np.clip((np.arange(320) - 160) // 4 + 210, 0, 240)
    image[np.arange(240)[:, None] >= slope] = 0
    assert specimen_rows(image) == 240


def fei(rows: int) -> tuple[int, str, int, bytes, bool]:
    text = f"[User]\r\nUser=x\r\n[Scan]\r\nPixelWidth=2.5e-009\r\n[Image]\r\nResolutionY={rows}\r\n"
    return 34682, "s", 0, text.encode(), True


def zeiss(text: str) -> tuple[int, str, int, bytes, bool]:
    lines = f"1\r\n2\r\nAP_MAG\r\nMag = 10 K X\r\nAP_IMAGE_PIXEL_SIZE\r\n{text}\r\n"
    return 34118, "s", 0, lines.encode("cp1252"), True


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (fei(200), Instrument("FEI", 2.5, 200)),
        (zeiss("Image Pixel Size = 5.582 nm"), Instrument("Zeiss", 5.582)),
        (zeiss("Image Pixel Size = 1.25 µm"), Instrument("Zeiss", 1250.0)),
        (zeiss("Image Pixel Size = unknown"), Instrument("Zeiss")),
        ((270, "s", 0, "ordinary words", True), Instrument()),
        (
            (40000, "s", 0, "[SemImageFile]\r\nPixelSize=12.4\r\n", True),
            Instrument("Hitachi", 12.4),
        ),
        (
            (270, "s", 0, "$$SM_MICRON_BAR 125\n$$SM_MICRON_MARKER 1um\n", True),
            Instrument("JEOL", 8.0),
        ),
    ],
)
def test_what_instruments_write_into_tags(tag: Any, expected: Instrument, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, IMAGE, extratags=[tag], metadata=None)
    found = instrument_of(path)
    assert (found.maker, found.rows) == (expected.maker, expected.rows)
    assert found.pixel_nm == pytest.approx(expected.pixel_nm)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[SemImageFile]\r\nPixelSize=99.21\r\n", Instrument("Hitachi", 99.21)),
        ("PixelSize=4.9\r\n".encode("utf-16"), Instrument("Hitachi", 4.9)),
        (
            b"$CM_MAG 5000\r\n$CM_FULL_SIZE 320 200\r\n$$SM_MICRON_BAR 100\r\n"
            b"$$SM_MICRON_MARKER 500nm\r\n",
            Instrument("JEOL", 5.0, 200),
        ),
        (b"$$SM_MICRON_BAR 0\r\n$$SM_MICRON_MARKER 500nm\r\n", Instrument("JEOL")),
        (b"my notes\n", Instrument()),
    ],
)
@pytest.mark.parametrize("name", ["a.tif", "a.bmp"])
def test_what_instruments_write_beside_an_image(
    name: str, content: bytes, expected: Instrument, tmp_path: Path
) -> None:
    Image.fromarray(IMAGE).save(tmp_path / name)
    (tmp_path / "a.txt").write_bytes(content)
    found = instrument_of(tmp_path / name)
    assert (found.maker, found.rows) == (expected.maker, expected.rows)
    assert found.pixel_nm == pytest.approx(expected.pixel_nm)


def test_our_own_images_say_it_too(tmp_path: Path) -> None:
    text = PngInfo()
    text.add_text("pixel_size_nm", "100.0")
    Image.fromarray(IMAGE).save(tmp_path / "a.png", pnginfo=text)
    assert instrument_of(tmp_path / "a.png") == Instrument("Blendsweep", 100.0)


def test_the_instrument_says_where_its_bar_begins(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IMAGE, extratags=[fei(200)], metadata=None)
    found = read_micrograph(tmp_path / "a.tif")
    assert (found.image.shape, found.bar_rows, found.pixel_nm) == ((200, 320), 40, 2.5)


def written(path: Path, pixels: np.ndarray, **how: Any) -> Path:
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, metadata=None, **how)
    else:
        Image.fromarray(pixels).save(path)
    return path


DEEP = IMAGE.astype(np.uint16)


@pytest.mark.parametrize(
    ("name", "pixels", "how", "expected", "remark"),
    [
        ("a.png", IMAGE, {}, IMAGE, ()),
        ("a.png", np.stack([IMAGE] * 3, axis=2), {}, IMAGE, ()),
        ("a.tif", IMAGE, {"compression": "zlib"}, IMAGE, ()),
        ("a.tif", ~IMAGE, {"photometric": "miniswhite"}, IMAGE, ()),
        ("a.tif", np.stack([IMAGE, ~IMAGE]), {"photometric": "minisblack"}, IMAGE, ()),
        ("a.png", DEEP * 257, {}, DEEP * 257, ()),
        ("a.tif", DEEP * 16, {}, DEEP * 16 * (65535 / 4095), ("uses 12 of 16 bits; 4095",)),
        (
            "a.tif",
            (IMAGE / 255).astype(np.float32),
            {},
            (IMAGE - IMAGE.min()) * (65535 / np.ptp(IMAGE)),
            ("has values of float32;",),
        ),
        (
            "a.png",
            np.stack([IMAGE, IMAGE - 8, IMAGE], axis=2),
            {},
            IMAGE - 0.587 * 8,
            ("is in colour",),
        ),
        (
            "a.png",
            np.stack([IMAGE, IMAGE // 2, IMAGE], axis=2),
            {},
            0.413 * IMAGE + 0.587 * (IMAGE // 2),
            ("is colourful, as micrographs are not",),
        ),
    ],
)
def test_images_of_other_kinds(
    name: str,
    pixels: np.ndarray,
    how: dict[str, Any],
    expected: np.ndarray,
    remark: tuple[str, ...],
    tmp_path: Path,
) -> None:
    found = read_micrograph(written(tmp_path / name, pixels, **how))
    np.testing.assert_allclose(found.image, expected, rtol=0, atol=1)
    assert len(found.remarks) == len(remark)
    assert all(text.startswith(start) for text, start in zip(found.remarks, remark, strict=True))


def test_a_label_image_is_doubted(tmp_path: Path) -> None:
    found = read_micrograph(written(tmp_path / "a.png", IMAGE // 64 * 64))
    assert found.remarks == ("has only 3 gray levels, as drawings and label images have",)


@pytest.mark.parametrize(
    "content", [b"", b"no image at all", b"II*\0\xff\xff\xff\0", b"\x89PNG\r\n"]
)
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_what_is_no_image_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match="can't be read as an image") as caught:
        read_micrograph(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tiny_image_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", IMAGE[:20])
    with pytest.raises(ConfigurationError, match=r"is 320 x 20 pixels; at least 32 x 32"):
        read_micrograph(path)


def test_the_images_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.tif", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "c.png").mkdir()
    assert [path.name for path in image_files(tmp_path)] == ["a.tif", "b.PNG"]


def test_folders_that_hold_no_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"")
    for place, message in (
        (tmp_path, r"holds no image: none of its files ends in \.png, \.tif"),
        (tmp_path / "notes.txt", "is not a folder"),
        (tmp_path / "none", "there is no such folder"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            image_files(place)
