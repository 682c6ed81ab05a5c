"""Training goes on where it stopped, and what it makes finds particles in images of any size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples.detector.errors import DetectorError
from tests.examples.detector.shapes import discs, picture_of

pytestmark = pytest.mark.torch

STEPS = 100
ONE_SCALE: dict[str, Any] = {"finest": 1.0, "longer_side": 1, "number": 1}


@pytest.fixture(autouse=True)
def _pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train on discs instead of a data set, which tests of the examples read elsewhere."""
    from examples.detector import crops, training

    def read(_: Sequence[str]) -> list[crops.Picture]:
        rng = np.random.default_rng(3)
        sets = [
            discs((320, 320), *((*rng.uniform(0, 320, 2), rng.uniform(8, 40)) for _ in range(12)))
            for _ in range(4)
        ]
        return [
            crops.Picture.of(picture_of(labels, seed), labels) for seed, labels in enumerate(sets)
        ]

    monkeypatch.setattr(training, "read_pictures", read)
    monkeypatch.setattr(
        training, "facts_of", lambda output: {"output": output, "runs": 4, "hash": "0"}
    )


def settings(**changes: Any) -> Any:
    from examples.detector.training import Training

    return Training(**{"steps": STEPS, "batch": 2, "rate": 4e-3, "averaging": 0.9} | changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("detector") / "detector.pt"


def test_a_trained_detector_finds_discs(trained: Path) -> None:
    from examples.detector.detector import Detector
    from examples.detector.training import train

    train(["made"], trained, settings(), progress=False)
    detector = Detector.load(trained)
    labels = discs((300, 420), (80, 90, 30), (200, 200, 20), (120, 330, 40))
    found = detector.predict(picture_of(labels, 9).astype(np.float32) / 255)
    assert found.labels.shape == labels.shape
    assert len(found.scores) == found.labels.max()
    for label in (1, 2, 3):
        overlaps = np.bincount(found.labels[labels == label])
        best = int(overlaps[1:].argmax()) + 1
        union = ((found.labels == best) | (labels == label)).sum()
        assert overlaps[best] / union > 0.4
    assert detector.about["data"] == [{"output": "made", "runs": 4, "hash": "0"}]
    assert detector.about["settings"]["steps"] == STEPS


def test_an_interrupted_training_ends_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from examples.detector import training

    whole, cut = tmp_path / "whole.pt", tmp_path / "cut.pt"
    training.train(["made"], whole, settings(steps=8), progress=False)
    learn = training._State._learn_from

    def stop(self: Any, batch: Any) -> float:
        if self.step == 5:
            raise KeyboardInterrupt
        return learn(self, batch)

    monkeypatch.setattr(training, "SAVED_EVERY", 0)
    monkeypatch.setattr(training._State, "_learn_from", stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(["made"], cut, settings(steps=8), progress=False)
    monkeypatch.setattr(training._State, "_learn_from", learn)
    assert torch.load(cut)["step"] == 5
    training.train(["made"], cut, settings(steps=8), progress=False)
    first, second = (torch.load(path)["average"] for path in (whole, cut))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_checkpoint_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    from examples.detector.training import train

    checkpoint = tmp_path / "one.pt"
    train(["made"], checkpoint, settings(steps=10), progress=False)
    with pytest.raises(DetectorError, match=r"other settings .* remove it, or name another file"):
        train(["made"], checkpoint, settings(steps=10, seed=1), progress=False)
    train(["moved"], checkpoint, settings(steps=10), progress=False)
    with pytest.raises(DetectorError, match="other data"):
        train(["made", "more"], checkpoint, settings(steps=10), progress=False)


def test_data_in_another_order_are_other_data_and_moved_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from examples.detector import training

    def facts(output: str) -> dict[str, Any]:
        return {"output": output, "runs": 4, "hash": Path(output).name}

    def again(*outputs: str) -> Any:
        return training.train(outputs, checkpoint, settings(steps=1), progress=False)

    monkeypatch.setattr(training, "facts_of", facts)
    checkpoint = tmp_path / "one.pt"
    seconds = again("old/a", "old/b").about["seconds"]
    assert again("new/a", "new/b").about["seconds"] == seconds > 0
    with pytest.raises(DetectorError, match=r"trained on other data, .* \(old/a, old/b\): remove"):
        again("old/b", "old/a")


def test_a_checkpoint_that_cannot_be_written_is_refused_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from examples.detector import training

    monkeypatch.setattr(training, "read_pictures", lambda _: pytest.fail("data were read"))
    (tmp_path / "file").touch()
    with pytest.raises(DetectorError, match=r"one\.pt can't be written: .*(File exists|Not a dir)"):
        training.train(["made"], tmp_path / "file" / "one.pt", settings(), progress=False)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    import torch
    from torch.optim.swa_utils import AveragedModel

    from examples.detector.detector import Detector
    from examples.detector.network import StarNetwork
    from examples.detector.training import train

    path = tmp_path / "wide.pt"
    for state in (AveragedModel(StarNetwork((8, 16))).state_dict(), None):
        torch.save({"average": state, "step": 1, "about": {"seconds": 1.0}}, path)
        with pytest.raises(
            DetectorError, match=r"wide\.pt holds another network than this version"
        ):
            Detector.load(path)
    with pytest.raises(DetectorError, match=r"wide\.pt was trained with other settings"):
        train(["made"], path, settings(), progress=False)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    from examples.detector.detector import Detector

    path = tmp_path / "broken.pt"
    path.write_bytes(content)
    with pytest.raises(DetectorError, match=r"broken\.pt is not a checkpoint"):
        Detector.load(path)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    from examples.detector.detector import Detector

    with pytest.raises(DetectorError, match=r"there is no checkpoint .*none\.pt"):
        Detector.load(tmp_path / "none.pt")
    with pytest.raises(DetectorError, match="can't be read: Is a directory"):
        Detector.load(tmp_path)


@pytest.mark.parametrize("shape", [(64, 64), (65, 1000), (900, 801)])
def test_tiles_say_what_the_whole_says(shape: tuple[int, int]) -> None:
    """Peaks of tiles are those of one pass over everything, each once."""
    import torch

    from examples.detector.detector import Detector, Rules
    from examples.detector.network import StarNetwork

    torch.manual_seed(2)
    network = StarNetwork()
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    tiled, whole = (
        Detector(network, {}, Rules(**ONE_SCALE, mirrors=1, least_peak=0.5, tile=tile, margin=160))
        for tile in (512, 1024)
    )
    first, second = (detector.views(image)[0].outlines for detector in (tiled, whole))
    places = [set(map(tuple, outlines.centres.tolist())) for outlines in (first, second)]
    assert len(places[0]) == len(first.centres)
    # Far from the seams the network sees the same; its borders are padded by zeros.
    assert len(places[0] ^ places[1]) <= 0.03 * len(places[0] | places[1])


@pytest.mark.parametrize(
    ("shape", "finest", "coarsest"),
    [
        ((1024, 1536), 1.41, 0.125),
        ((484, 712), 2048 / 712, 0.26),
        ((4000, 6000), 1.41, 0.032),
        ((64, 64), 4.0, 2.0),
        ((64, 9000), 1.41, 1.41),
    ],
)
def test_small_micrographs_are_enlarged_and_large_ones_made_small(
    shape: tuple[int, int], finest: float, coarsest: float
) -> None:
    from examples.detector.detector import Rules

    scales = Rules().scales(shape)
    assert scales[0] == pytest.approx(finest)
    assert scales[-1] == pytest.approx(coarsest, rel=0.4)
    assert scales == sorted(scales, reverse=True)


def spots() -> Any:
    """Return a detector that finds a disc of a radius of 9 pixels wherever a pixel is bright."""
    import torch

    from examples.detector.detector import Detector, Rules
    from examples.detector.network import StarNetwork

    class Brightness(StarNetwork):
        """Takes bright pixels for centres."""

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            bright = torch.nn.functional.max_pool2d(images, 2)[:, 0]
            distances = torch.full((1, 32, *bright.shape[1:]), 9.0)
            return 10 * (bright - 0.5), distances.log()

    return Detector(Brightness(), {}, Rules(**ONE_SCALE, mirrors=4))


def test_mirrored_views_find_the_same_places() -> None:
    image = np.zeros((100, 140), np.float32)
    image[30, 41] = image[77, 100] = 1
    for view in spots().views(image):
        found = view.outlines.centres[np.argsort(view.outlines.centres[:, 0])]
        assert found == pytest.approx(np.array([[30, 41], [77, 100]]), abs=0.51)


def test_a_data_bar_is_left_out() -> None:
    image = np.full((300, 320), 0.2, np.float32)
    image[56:67, 55:66] = image[195:206, 85:96] = 1
    bar = np.zeros((40, 320), np.float32)
    bar[12:28, 20:300:9] = 1
    found = spots().predict(np.concatenate([image, bar]))
    assert found.labels.shape == (340, 320)
    assert found.labels.max() == len(found.scores)
    assert 0 != found.labels[60, 60] != found.labels[200, 90] != 0
    assert not found.labels[300:].any()
