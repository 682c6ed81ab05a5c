"""Classical methods on pictures whose particles are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from examples.detector.errors import DetectorError
from examples.detector.scores import judge, pooled

pytestmark = [
    pytest.mark.torch,  # scikit-image is in the same group
    pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning"),  # by scikit-image
]

type Image = NDArray[np.float32]
type Labels = NDArray[np.uint16]

CIRCLES = [(30, 40, 20.0), (30, 81, 18.0), (75, 30, 8.0), (90, 90, 30.0), (120, 30, 12.0)]


@pytest.fixture(scope="module")
def micrograph() -> tuple[Image, Labels]:
    """Return noisy discs, two of which touch, and one cut by the border."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:125, :150]
    labels = np.zeros(y.shape, dtype=np.uint16)
    gray = np.full(y.shape, 0.2)
    for number, (cy, cx, radius) in enumerate(CIRCLES, start=1):
        distance = np.hypot(y - cy, x - cx)
        labels[distance <= radius] = number
        inside = distance <= radius
        gray[inside] = 0.5 + 0.3 * (distance[inside] / radius) ** 2
    return (gray + rng.normal(0, 0.02, y.shape)).clip(0, 1).astype(np.float32), labels


@pytest.mark.parametrize("method", ["hough", "watershed"])
def test_separate_and_touching_discs_are_found(
    micrograph: tuple[Image, Labels], method: str
) -> None:
    from examples.detector import baselines

    image, labels = micrograph
    prediction = getattr(baselines, method)(image)
    scores = pooled([judge(labels, prediction.labels)])
    assert (scores.true, scores.found, scores.ap50) == (5, 5, 1.0)
    assert scores.matched_d_error < 0.05
    assert prediction.scores.shape == (prediction.labels.max(),)
    assert 0 < prediction.scores.min() <= prediction.scores.max() <= 1


@pytest.mark.parametrize("method", ["hough", "watershed"])
def test_brightness_and_contrast_change_nothing(
    micrograph: tuple[Image, Labels], method: str
) -> None:
    from examples.detector import baselines

    image, _ = micrograph
    detect = getattr(baselines, method)
    scores = pooled([judge(detect(image).labels, detect(0.3 * image + 0.1).labels)])
    assert scores.ap75 == 1.0


@pytest.mark.parametrize("method", ["hough", "watershed"])
def test_where_nothing_is_nothing_is_found(method: str) -> None:
    from examples.detector import baselines

    prediction = getattr(baselines, method)(np.full((64, 64), 0.5, dtype=np.float32))
    assert prediction.labels.max() == 0
    assert prediction.scores.shape == (0,)


@pytest.mark.parametrize("method", ["hough", "watershed"])
def test_ground_within_a_ring_of_particles_is_none(method: str) -> None:
    from examples.detector import baselines

    y, x = np.mgrid[:128, :128]
    angles = np.arange(8) * np.pi / 4
    centres = np.column_stack([64 + 40 * np.sin(angles), 64 + 40 * np.cos(angles)])
    discs = [np.hypot(y - cy, x - cx) <= 16 for cy, cx in centres]  # they touch
    image = np.where(np.any(discs, axis=0), 0.8, 0.2).astype(np.float32)
    image[discs[0]] *= np.hypot(y - 64, x - 104)[discs[0]] > 3  # a pit in the first one
    prediction = getattr(baselines, method)(image)
    assert prediction.labels[64, 64] == 0
    assert prediction.labels[64, 104] == prediction.labels[70, 104] > 0
    assert prediction.labels.max() == 8


@pytest.mark.parametrize("method", ["hough", "watershed"])
def test_a_data_bar_is_left_out(micrograph: tuple[Image, Labels], method: str) -> None:
    from examples.detector import baselines

    image, labels = micrograph
    bar = np.zeros((24, image.shape[1]), np.float32)
    bar[6:18, 10:140:6] = 1
    prediction = getattr(baselines, method)(np.concatenate([image, bar]))
    assert prediction.labels.shape == (149, 150)
    assert not prediction.labels[125:].any()
    assert pooled([judge(labels, prediction.labels[:125])]).ap50 == 1.0


def test_particles_without_ground_between_them_keep_their_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from examples.detector import baselines

    halves = np.ones((64, 64), np.int32)
    halves[:, 32:] = 2
    monkeypatch.setattr(baselines, "flood", lambda *_, **__: halves)
    prediction = baselines.watershed(np.random.default_rng(0).random((64, 64), np.float32))
    assert (prediction.labels == halves).all()
    assert len(prediction.scores) == 2


def test_more_particles_than_there_are_labels_are_refused() -> None:
    from examples.detector.baselines import _discs

    circles = np.tile([0.5, 10, 10, 4], (65536, 1))
    with pytest.raises(DetectorError, match="65,536 particles were found, and a label image holds"):
        _discs(circles, (64, 64))
