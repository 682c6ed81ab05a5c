"""The technique in colour, with a perspective and Blender's view transform."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scene.errors import RenderError
from scene.specimen.specimen import MeasurementTechnique, Specimen

from .conftest import StageFactory, bead

SIZE = {"resolution": (96, 54), "resolution_percentage": 100}


def balls() -> Specimen:
    """A red and a green one."""
    shown = []
    for own, color in (
        (bead(1, (0.0, 0.0, 0.0), 1.6), (0.8, 0.05, 0.05, 1.0)),
        (bead(2, (-0.9, 1.2, 0.0), 1.0), (0.05, 0.8, 0.05, 1.0)),
    ):
        shown.append(replace(own, material="plain", features=own.features | {"color": color}))
    return Specimen(shown, [MeasurementTechnique("Any", "default", None)])


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
@pytest.mark.parametrize("bit_depth", [8, 16])
def test_real_is_in_color_and_labels_fit(
    new_stage: StageFactory, fidelity: str, bit_depth: int
) -> None:
    stage = new_stage(**SIZE, fidelity=fidelity, bit_depth=bit_depth)
    stage.sync(balls())
    frame = stage.frame(frozenset({1, 2}))
    real, ids = frame.real(), frame.buffers.instance
    white = 2**bit_depth - 1
    assert real.shape == (54, 96, 4)
    assert np.iinfo(real.dtype).max == white
    assert (real[..., 3] == white).all()
    red, green = (real[ids == n].mean(axis=0) / white for n in (1, 2))
    assert red[0] > 1.5 * red[1]
    assert green[1] > 1.5 * green[0]
    # The world's gray, 0.0509, through Filmic.
    ground = real[ids == 0][:, :3] / white
    assert np.median(ground) == pytest.approx(70 / 255, abs=0.02)
    assert stage.pixel_size_nm() is None


def test_the_same_run_has_the_same_bytes(new_stage: StageFactory) -> None:
    images = []
    for _ in range(2):
        stage = new_stage(**SIZE)
        stage.sync(balls())
        images.append(stage.frame(frozenset({1, 2})).real().tobytes())
    assert images[0] == images[1]


def test_a_data_bar_needs_a_scale(new_stage: StageFactory) -> None:
    stage = new_stage(**SIZE, data_bar="below")
    stage.sync(balls())
    with pytest.raises(RenderError, match="is of type PERSP"):
        stage.frame(frozenset({1})).real()
