"""A study from micrographs to tables: with a stub for training, what is done is not done again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from examples.detector import sim2real as study
from examples.detector.errors import DetectorError
from examples.detector.micrographs import write_labels
from examples.detector.prediction import Prediction
from examples.detector.stages import CODE, Rendered, Trained

STEMS = ("a", "b")


def discs() -> np.ndarray:
    """Labels of four discs of 20 px."""
    y, x = np.mgrid[:80, :120]
    labels = np.zeros((80, 120), np.uint16)
    for label, (row, column) in enumerate([(20, 20), (20, 60), (50, 30), (50, 90)], 1):
        labels[np.hypot(y - row, x - column) <= 10] = label
    return labels


def found(image: np.ndarray) -> Prediction:
    """Find two of the discs."""
    labels = np.where(discs() > 2, 0, discs()).astype(np.uint16)
    assert labels.shape == image.shape
    return Prediction(labels, np.ones(2, np.float32))


@pytest.fixture
def real(tmp_path: Path) -> Path:
    folder = tmp_path / "real"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for stem in STEMS:
        gray = np.where(discs(), 200, 40).astype(np.uint8)
        Image.fromarray(gray).save(folder / "images" / f"{stem}.png")
        write_labels(folder / "masks" / f"{stem}.png", discs())
    return folder


@dataclass
class Trainer:
    """Trains in no time, and is interrupted in the prediction that is asked of it."""

    interrupted_at: int | None = None
    trained: list[int] = field(default_factory=list)
    predicted: int = 0

    def __call__(self, data: list[str], checkpoint: Path, seed: int) -> Trained:
        assert data == ["there"]
        if not checkpoint.exists():
            checkpoint.write_text("trained")
            self.trained.append(seed)
        return Trained(self.detect, 120.0 + 60 * seed)

    def detect(self, image: np.ndarray) -> Prediction:
        if self.predicted == self.interrupted_at:
            raise KeyboardInterrupt
        self.predicted += 1
        return found(image)


@pytest.fixture
def carry_out(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    def rendered(sweep: Path, *, progress: bool) -> Rendered:
        assert (sweep.name, progress) == ("one.yaml", False)
        return Rendered("there", 30, 90.0)

    monkeypatch.setattr(study, "render", rendered)

    def carry_out(trainer: Any, **changed: Any) -> Path:
        arguments: dict[str, Any] = {
            "real": real,
            "output": tmp_path / "study",
            "seeds": 2,
            "train": trainer,
            "baselines": {"guessing": found},
            "sweeps": [Path("one.yaml")],
            "progress": False,
        }
        return study.sim2real(**arguments | changed)

    return carry_out


def test_a_study_leaves_detectors_predictions_overlays_and_tables(
    carry_out: Callable[..., Path], tmp_path: Path
) -> None:
    page = carry_out(Trainer(), command="just this")
    assert page == tmp_path / "study" / "tables.md"
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"<!-- (?:end of )?(\w+) -->", text) == [
        *("detectors", "detectors", "images", "images", "sizes", "sizes")
    ]
    assert "| trained on renders alone | 0.500 ± 0.000 |" in text
    assert "| guessing | 0.500 |" in text
    assert "; `just this`. 30 images, rendered in 1.5 minutes of one core; 2 detectors" in text
    assert "each trained for 2.5 ± 0.7 minutes" in text
    for name in ("seed-0", "seed-1"):
        for stem in STEMS:
            file = tmp_path / "study" / "overlays" / name / f"{stem}.png"
            with Image.open(file) as picture:
                assert (picture.size, picture.mode) == ((120, 80), "RGB")


@pytest.mark.parametrize("interrupted_at", [0, 1, 3])
def test_an_interrupted_study_goes_on_where_it_was(
    interrupted_at: int, carry_out: Callable[..., Path]
) -> None:
    first = Trainer(interrupted_at)
    with pytest.raises(KeyboardInterrupt):
        carry_out(first)
    second = Trainer()
    carry_out(second)
    assert sorted(first.trained + second.trained) == [0, 1]
    assert second.predicted == 4 - interrupted_at // 2 * 2  # the images of a seed appear together
    third = Trainer()
    carry_out(third)
    assert third.trained == []
    assert third.predicted == 0


def test_predictions_of_another_detector_are_not_kept(
    carry_out: Callable[..., Path], tmp_path: Path
) -> None:
    carry_out(Trainer())
    (tmp_path / "study" / "seed-1.pt").unlink()
    again = Trainer()
    carry_out(again)
    assert again.trained == [1]
    assert again.predicted == 2


def test_what_finds_particles_is_known_by_its_files() -> None:
    assert {path.stem for path in CODE} == {"baselines", "crops", "detector", "merging"}


def no_images(real: Path) -> None:
    for path in (real / "images").iterdir():
        path.unlink()


def no_mask(real: Path) -> None:
    (real / "masks" / "b.png").unlink()


def broken_mask(real: Path) -> None:
    (real / "masks" / "b.png").write_bytes(b"no image")


def in_colour(real: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8)
    Image.fromarray(colours).save(real / "images" / "a.png")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (no_images, "holds no files"),
        (no_mask, "has no mask"),
        (broken_mask, "can't be read"),
        (in_colour, "is in colour"),
    ],
)
def test_what_is_wrong_with_the_micrographs_is_said_before_anything_starts(
    spoil: Callable[[Path], None],
    sentence: str,
    real: Path,
    tmp_path: Path,
    carry_out: Callable[..., Path],
) -> None:
    spoil(real)
    trainer = Trainer()
    with pytest.raises(DetectorError, match=sentence) as caught:
        carry_out(trainer)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "study").exists()


def test_a_page_without_places_for_the_tables_is_refused_before_anything_starts(
    carry_out: Callable[..., Path], tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# My page\n", encoding="utf-8")
    with pytest.raises(DetectorError, match="has no <!-- detectors -->"):
        carry_out(Trainer(), page=page)
    assert not (tmp_path / "study").exists()


def test_what_is_not_a_study_is_not_written_over(
    carry_out: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(DetectorError, match=r"holds something else \(thesis\.tex\)"):
        carry_out(Trainer())
