"""The report's comparison with real images, on data sets and folders made here."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from scipy import ndimage

from orchestrator.dataset.dataset import DataSet
from orchestrator.dataset.layout import run_folder
from orchestrator.dataset.storage.storage import Storage
from orchestrator.report.real.looks import looks, real_images, synthetic_images
from orchestrator.report.real.sentences import doubts, giveaways, sentence
from orchestrator.report.report import build_report, write_report
from orchestrator.report.sample import read_sample
from orchestrator.statistics.comparison import Difference, compare
from orchestrator.statistics.summary import STATISTICS
from scene.errors import ConfigurationError
from scene.imaging.files import FileRecord
from tests.standins.micrographs import eight_bit, micrograph, noise, spheres, with_bar
from tests.unit.test_report import data_set, result, text_of

SHAPE = (160, 200)


def synthetic(folder: Path, count: int = 3, *, noisier: float = 1.0, **changed: Any) -> Storage:
    """Return a data set whose runs show spheres, with so much more noise."""
    results, images = [], {}
    for index in range(count):
        made = result(index)
        assert made.outcome.record is not None
        image = noisy(index, noisier)
        file = FileRecord("real", "real.png", "", 0, SHAPE[1], SHAPE[0])
        record = dataclasses.replace(made.outcome.record, files=(file,), **changed)
        outcome = dataclasses.replace(made.outcome, record=record)
        results.append(dataclasses.replace(made, outcome=outcome))
        images[made.run.run_id] = image
    storage = data_set(folder, results)
    for run_id, image in images.items():
        path = folder / run_folder(run_id)
        path.mkdir(parents=True)
        Image.fromarray(image).save(path / "real.png")
    return storage


def noisy(seed: int, noisier: float) -> np.ndarray:
    levels = ndimage.gaussian_filter(spheres(12, spread=0.3, shape=SHAPE, seed=seed).levels, 0.8)
    return eight_bit(levels + 3 * noisier * noise(SHAPE, seed=seed))


@pytest.fixture
def real(tmp_path: Path) -> Path:
    folder = tmp_path / "real <micrographs>"
    folder.mkdir()
    for seed in range(5):
        Image.fromarray(noisy(seed + 10, 1.0)).save(folder / f"{seed}.png")
    return folder


def said(storage: Storage, real: Path) -> str:
    """Return all sentences of the comparison, without the drawings, which take their time."""
    data = DataSet(storage)
    images, left_out = real_images(str(real))
    micrographs, made = looks(images, synthetic_images(data, read_sample(data)))
    found = compare([look.summary for look in micrographs], [look.summary for look in made])
    return "\n".join([*left_out, *doubts(micrographs, made), *giveaways(found)])


def test_what_gives_images_away_stands_on_the_page_the_worst_first(
    tmp_path: Path, real: Path
) -> None:
    files = build_report(DataSet(synthetic(tmp_path / "out", noisier=3)), real=str(real))
    shown = text_of(files["report.html"])
    assert "3 synthetic images against 5 real ones in" in shown
    assert "real &lt;micrographs&gt;" in shown
    first = shown.split("worst first")[1]
    assert re.match(r" Noise is (2\.[5-9]|3(\.\d)?) times that of the real images", first), first[
        :80
    ]
    assert "Coverage is 0.00, the fraction of the real images" in shown
    mean = re.search(r"The mean distance of all statistics is (\d+\.\d\d), in their", shown)
    assert mean is not None
    assert float(mean[1]) > 1
    assert "Naeem et al. 2020" in shown
    for name in ("real_contact_sheet", "real_curves", "real_distances"):
        assert files[f"{name}.png"].startswith(b"\x89PNG")
    html = files["report.html"].decode()
    assert html.startswith("<!doctype html>")
    assert html.count('class="figure real_') == 2


def test_images_that_are_alike_are_not_given_away(tmp_path: Path, real: Path) -> None:
    shown = said(synthetic(tmp_path / "out", 5), real)
    assert "Noise is" not in shown
    assert "real images were found" not in shown


def test_nothing_is_compared_unasked(tmp_path: Path) -> None:
    files = build_report(DataSet(synthetic(tmp_path)))
    assert "Beside real images" not in text_of(files["report.html"])
    assert not [name for name in files if name.startswith("real_")]


def test_what_is_doubtful_is_said(tmp_path: Path, real: Path) -> None:
    for path in real.iterdir():
        path.unlink()
    image = micrograph(3, shape=SHAPE)
    text_ = PngInfo()
    text_.add_text("pixel_size_nm", "10.0")
    Image.fromarray(with_bar(image, 24)).save(real / "bar.png", pnginfo=text_)
    Image.fromarray(np.stack([image, image - 8, image], axis=2)).save(real / "colour.png")
    Image.fromarray(np.kron(image, np.ones((1, 2), dtype=np.uint8))).save(real / "wide.png")
    ramp = np.linspace(0, 255, SHAPE[1]).astype(np.uint8)
    Image.fromarray(np.tile(ramp, (SHAPE[0], 1))).save(real / "drawing.png")
    (real / "broken.tif").write_bytes(b"no image")
    shown = said(synthetic(tmp_path / "out", pixel_size_nm=100.0), real)
    for expected in (
        "Only 4 real images were found",
        "A data bar was found in 1 of 4 real images and left out (24 rows at the bottom).",
        "colour.png is in colour; its luminance is used.",
        "drawing.png has no noise to speak of; it may not be a micrograph.",
        "broken.tif can't be read as an image",
        "it is left out.",
        "Real images are mostly 200 x 160 pixels, synthetic ones 200 x 160:",
        "A pixel is 10 nm wide in the real images and 100 nm in the synthetic ones",
    ):
        assert expected in shown, expected


def test_real_images_of_different_scales_are_told_of(tmp_path: Path, real: Path) -> None:
    for number, path in enumerate(sorted(real.iterdir())):
        (real / f"{path.stem}.txt").write_text(f"PixelSize={10 * (number + 1)}\n")
    shown = said(synthetic(tmp_path / "out"), real)
    assert "Real images are of different scales: their pixels are 10 nm to 50 nm wide." in shown


def test_one_real_image_will_do(tmp_path: Path, real: Path) -> None:
    for path in sorted(real.iterdir())[1:]:
        path.unlink()
    shown = said(synthetic(tmp_path / "out"), real)
    assert "Only one real image was found" in shown


def test_runs_whose_image_is_gone_are_passed_over(tmp_path: Path) -> None:
    storage = synthetic(tmp_path / "out", 3)
    gone, damaged, _ = sorted((tmp_path / "out" / "runs").iterdir())
    (gone / "real.png").unlink()
    (damaged / "real.png").write_bytes(b"")
    data = DataSet(storage)
    (image,) = synthetic_images(data, read_sample(data))
    assert image.name not in {gone.name, damaged.name}
    assert image.image.shape == SHAPE


def test_larger_images_are_measured_in_a_frame_of_the_same_size(tmp_path: Path, real: Path) -> None:
    storage = synthetic(tmp_path / "out")
    same = said(storage, real)
    for path in real.iterdir():
        image = np.array(Image.open(path))
        framed = np.zeros((900, 1000), np.uint8)
        top, left = (900 - SHAPE[0]) // 2, (1000 - SHAPE[1]) // 2
        framed[top : top + SHAPE[0], left : left + SHAPE[1]] = image
        Image.fromarray(framed).save(path)
    sentence, _, rest = said(storage, real).partition("\n")
    assert sentence.startswith(
        "Real images are 1000 x 900 pixels, synthetic ones 200 x 160: of each the middle, at most "
        "200 x 160, is measured"
    )
    assert rest == same


def test_without_images_to_compare_there_is_one_sentence(tmp_path: Path, real: Path) -> None:
    out = data_set(tmp_path / "out", [result(0)])
    with pytest.raises(ConfigurationError, match="has no image of the mode 'real' yet"):
        build_report(DataSet(out), real=str(real))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="empty: holds no image"):
        build_report(DataSet(out), real=str(tmp_path / "empty"))
    (tmp_path / "empty" / "a.png").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"a\.png: can't be read as an image"):
        build_report(DataSet(out), real=str(tmp_path / "empty"))
    assert not (tmp_path / "out" / "report").exists()


def test_the_report_is_not_written_among_the_real_images(tmp_path: Path, real: Path) -> None:
    synthetic(tmp_path / "out")
    before = sorted(path.name for path in real.iterdir())
    with pytest.raises(ConfigurationError, match=r"--to: .*holds the real images; give another"):
        write_report(str(tmp_path / "out"), str(real / "." / ""), real=str(real))
    assert sorted(path.name for path in real.iterdir()) == before


NOISE, GROUND = (
    next(s for s in STATISTICS if s.name == name) for name in ("noise", "ground_level")
)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (
            Difference(NOISE, 5.9, 13.5, (5, 7), (5.5, 15), 4, 0.2),
            "Noise is 2.3 times that of the real images (5.9 against 13.5 gray levels).",
        ),
        (
            Difference(NOISE, 0.0, 13.5, (0, 0), (10, 15), 9, 0.2),
            "Noise is 13.5 gray levels higher than in the real images (0 against 13.5 gray "
            "levels); more than 95 % of the synthetic images are above the former.",
        ),
        (
            Difference(GROUND, 90, 18.2, (85, 95), (15, 40), 9, 6),
            "The gray value of the ground is 71.8 gray levels lower than in the real images (90 "
            "against 18.2 gray levels); more than 95 % of the synthetic images are below the "
            "former.",
        ),
        (
            Difference(GROUND, 90, 92, (85, 95), (15, 140), 3, 6),
            "The gray value of the ground varies more than in the real images (85 to 95 against "
            "15 to 140 gray levels, the middle 90 %).",
        ),
        (
            Difference(GROUND, 90, 92, (15, 140), (89, 95), 3, 6),
            "The gray value of the ground varies less than in the real images (15 to 140 against "
            "89 to 95 gray levels, the middle 90 %).",
        ),
    ],
)
def test_sentences(difference: Difference, expected: str) -> None:
    assert sentence(difference) == expected
