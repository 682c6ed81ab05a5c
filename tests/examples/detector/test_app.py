"""The commands of the detector: what they print, write and refuse."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from examples.detector import app
from examples.detector.micrographs import read_labels
from examples.detector.overlay import FOUND, MISSED
from examples.detector.prediction import Prediction
from examples.detector.prediction_folder import PredictionFolder, claim


class Done(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


type Command = Callable[..., Done]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["detector", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


def labels(*corners: tuple[int, int]) -> np.ndarray:
    image = np.zeros((80, 100), dtype=np.uint16)
    for number, (y, x) in enumerate(corners, start=1):
        image[y : y + 20, x : x + 20] = number
    return image


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    save(tmp_path / "mine" / "masks" / "one.png", labels((10, 10), (50, 50)))
    save(tmp_path / "mine" / "masks" / "two.png", labels((10, 10)))
    save(tmp_path / "found" / "one.png", labels((10, 10)))
    return tmp_path


def test_evaluate_prints_and_writes_the_figures(command: Command, folders: Path) -> None:
    target = folders / "new" / "scores.json"
    done = command("evaluate", folders / "mine", folders / "found", "--per-image", "--json", target)
    assert (done.code, done.err) == (0, "")
    assert "two has no prediction: it counts as an image where nothing was found" in done.out
    assert "one: 1 found of 2, AP50 0.500" in done.out
    assert "all 2 images: 1 found of 3\nAP50                0.333\n" in done.out
    assert "16 to 32 3 1 0.333 1.000" in " ".join(done.out.split())
    written = json.loads(target.read_text())
    assert written["all"]["ap50"] == 1 / 3
    assert written["missing"] == ["two"]
    assert written["images"]["two"]["matched_d_error"] is None
    again = command("evaluate", folders / "mine" / "masks", folders / "found", "--json", target)
    assert again.code == 0


def test_evaluate_leaves_out_what_is_marked_as_not_to_be_judged(
    command: Command, folders: Path
) -> None:
    save(folders / "found" / "two.png", labels((10, 10), (40, 40)))
    assert "3 found of 3" in command("evaluate", folders / "mine", folders / "found").out
    save(folders / "mine" / "ignore" / "two.png", labels((40, 40)))
    assert "2 found of 3" in command("evaluate", folders / "mine", folders / "found").out


def test_evaluate_refuses_what_does_not_belong_together(command: Command, folders: Path) -> None:
    mine, found = folders / "mine", folders / "found"
    assert command("evaluate", folders / "none", found) == (
        2,
        "",
        f"error: there is no folder {folders}/none\n",
    )
    save(found / "one.png", labels()[:-1])
    done = command("evaluate", mine, found)
    assert done.code == 2
    assert done.err == (
        f"error: {found}/one.png is 100 x 79 px, but {mine}/masks/one.png is 100 x 80 px\n"
    )
    (found / "one.png").rename(found / "three.png")
    done = command("evaluate", mine, found)
    assert done.code == 2
    assert done.err == (
        f"error: {found} holds no prediction for any image of {mine}/masks: "
        "one should have one of the same name\n"
    )


@pytest.mark.parametrize("content", ["{}", "[]", "hello", '{"kind": "recipe"}'])
def test_evaluate_writes_over_no_file_of_others(
    command: Command, folders: Path, content: str
) -> None:
    target = folders / "notes.json"
    target.write_text(content)
    done = command("evaluate", folders / "mine", folders / "found", "--json", target)
    assert (done.code, done.out) == (2, "")
    assert "holds something that is not an evaluation; give a new file" in done.err
    assert target.read_text() == content


def test_predictions_are_label_images_and_a_table(tmp_path: Path) -> None:
    image = labels((10, 10), (50, 50))
    image[image == 1] = 3  # label 1 has no pixels left
    prediction = Prediction(image, np.array([0.5, 0.25, 0.75], dtype=np.float32))
    nothing = Prediction(labels(), np.zeros(0, dtype=np.float32))
    assert PredictionFolder(tmp_path).write([("one", prediction), ("two", nothing)]) == 2
    np.testing.assert_array_equal(read_labels(tmp_path / "one.png"), image)
    head = "label,x_px,y_px,diameter_px,score"
    assert (tmp_path / "one.csv").read_text().splitlines() == [
        head,
        "2,59.50,59.50,22.57,0.2500",
        "3,19.50,19.50,22.57,0.7500",
    ]
    assert (tmp_path / "two.csv").read_text().splitlines() == [head]


def test_a_folder_is_gone_on_with_by_the_same_command_alone(tmp_path: Path) -> None:
    claim(tmp_path / "new", "predictions of hough")
    claim(tmp_path / "new", "predictions of hough")
    with pytest.raises(app.bs.BlendsweepError, match="holds predictions of hough, not overlays"):
        claim(tmp_path / "new", "overlays")
    save(tmp_path / "other" / "one.png", labels())
    with pytest.raises(app.bs.BlendsweepError, match=r"holds something else \(one.png\)"):
        claim(tmp_path / "other", "overlays")
    with pytest.raises(app.bs.BlendsweepError, match="is a file; give a folder"):
        claim(tmp_path / "other" / "one.png", "overlays")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["one.png"]


@pytest.fixture
def pictures(folders: Path) -> Path:
    """Return a folder with the micrographs of `folders`."""
    for stem in ("one", "two"):
        save(folders / "mine" / "images" / f"{stem}.png", np.full((80, 100), 128, dtype=np.uint8))
    return folders


def test_overlay_draws_a_picture_of_each_micrograph(command: Command, pictures: Path) -> None:
    mine, found, to = pictures / "mine", pictures / "found", pictures / "looks"
    one = mine / "images" / "one.png"
    done = command("overlay", found, one, "--truth", mine, "--to", to)
    assert done == (0, f"1 picture: {to}\n", "")
    picture = np.array(Image.open(to / "one.png"))
    assert tuple(picture[10, 20]) == FOUND
    assert tuple(picture[50, 60]) == MISSED
    assert command("overlay", found, one, "--to", to).code == 0
    assert (np.array(Image.open(to / "one.png"))[50, 60] == 128).all()


def test_overlay_refuses_micrographs_without_a_prediction(command: Command, pictures: Path) -> None:
    images, to = pictures / "mine" / "images", pictures / "looks"
    done = command("overlay", pictures / "found", images, "--to", to)
    assert done == (2, "", f"error: {pictures}/found has nothing for {images}/two.png\n")
    assert not to.exists()


def test_one_wrong_image_is_reported_before_anything_is_written(
    command: Command, pictures: Path
) -> None:
    (pictures / "mine" / "images" / "two.png").write_text("hello")
    to = pictures / "looks"
    done = command("overlay", pictures / "found", pictures / "mine" / "images", "--to", to)
    assert done.code == 2
    assert done.err.startswith(f"error: {pictures}/mine/images/two.png can't be read as an image")
    assert not to.exists()


class Bright:
    """Stands in for a trained detector: all that is bright is one particle."""

    @classmethod
    def load(cls, path: Path) -> Bright:
        assert path.is_file()
        return cls()

    def predict(self, image: np.ndarray) -> Prediction:
        assert image.dtype == np.float32
        return Prediction((image > 0.6).astype(np.uint16), np.ones(1, dtype=np.float32))


@pytest.mark.torch
def test_predict_writes_label_images_and_a_table(
    command: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examples.detector.detector.Detector", Bright, raising=False)
    detector, to, one = (
        pictures / "a.pt",
        pictures / "new",
        pictures / "mine" / "images" / "one.png",
    )
    save(one, np.where(labels((10, 10)) > 0, 200, 50).astype(np.uint8))
    detector.write_text("weights")
    assert command("predict", detector, one, "--to", to) == (
        0,
        f"1 particle in 1 image: {to}\n",
        "",
    )
    np.testing.assert_array_equal(read_labels(to / "one.png"), labels((10, 10)))
    assert (to / "one.csv").read_text().splitlines()[1] == "1,19.50,19.50,22.57,1.0000"
    assert command("predict", detector, one, "--to", to).code == 0
    detector.write_text("other weights")
    refused = command("predict", detector, one, "--to", to)
    assert refused.code == 2
    assert "holds predictions of a.pt (" in refused.err
    assert "give another folder" in refused.err


@pytest.mark.torch
def test_baseline_writes_label_images_and_a_table(command: Command, pictures: Path) -> None:
    images, to = pictures / "mine" / "images", pictures / "hough"
    save(images / "one.png", np.where(labels((10, 10), (50, 50)) > 0, 200, 50).astype(np.uint8))
    done = command("baseline", "hough", images, "--to", to)
    assert done == (0, f"2 particles in 2 images: {to}\n", "")
    assert len(np.unique(read_labels(to / "one.png"))) == 3
    assert len((to / "one.csv").read_text().splitlines()) == 3
    refused = command("baseline", "watershed", images, "--to", to)
    assert refused.code == 2
    assert refused.err == (
        f"error: {to} holds predictions of hough, not predictions of watershed; "
        "give another folder\n"
    )


def test_without_its_packages_a_command_says_how_to_get_them(
    command: Command, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    monkeypatch.delitem(sys.modules, "examples.detector.baselines", raising=False)
    images, to = pictures / "mine" / "images", pictures / "new"
    done = command("baseline", "hough", images, "--to", to)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: skimage is not installed; "
        "`uv run --group detector python -m examples.detector` installs it\n"
    )
    assert not to.exists()


@pytest.mark.torch
def test_the_help_names_the_usual_number_of_steps(command: Command) -> None:
    from examples.detector.training import Training

    assert f"[default: {Training().steps}]" in " ".join(command("train", "--help").out.split())


def test_help_names_every_command(command: Command) -> None:
    done = command("--help")
    assert done.code == 0
    names = (
        "train",
        "predict",
        "baseline",
        "evaluate",
        "overlay",
        "sim2real",
        "ablation",
        "limits",
    )
    for name in names:
        assert f"{name} " in done.out
        assert command(name, "--help").code == 0
