"""What the detector reads of a data set, and what it refuses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from examples.detector import data_sets
from examples.detector.errors import DetectorError


def run(image: np.ndarray) -> Any:
    return SimpleNamespace(run_id="0a", place="here/runs/0a", image=lambda _: image)


def test_a_gray_image_is_returned_as_it_is() -> None:
    image = np.zeros((40, 50), np.uint16)
    assert data_sets.gray(run(image)) is image


def test_a_colour_image_is_refused_by_the_name_of_its_run() -> None:
    with pytest.raises(DetectorError, match="run 0a in here/runs/0a is in colour"):
        data_sets.gray(run(np.zeros((40, 50, 3), np.uint8)))


def test_a_data_set_of_failures_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = SimpleNamespace(uri="there", runs=lambda **_: iter(()))
    monkeypatch.setattr(data_sets.bs, "open_dataset", lambda _: empty)
    with pytest.raises(DetectorError, match=r"^there holds no run that succeeded"):
        data_sets.succeeded("key:secret@there")
