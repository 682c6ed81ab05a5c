"""Images with a data bar: what lies beneath it is not known, and counts as nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scene.errors import RenderError
from scene.execution.chain import _add_visibility
from scene.imaging.modes import (
    Categorical,
    DepthMap,
    Ignore,
    NormalMap,
    Real,
    Stylized,
    StylizedXray,
)
from scene.microscopy.data_bar import draw, rows
from scene.specimen.specimen import Particle

from .conftest import StageFactory, bead, specimen
from .test_computed import plain

SHOWN, CUT, COVERED = 1, 2, 3
BAR = rows(96)


def beads(place: str) -> list[Particle]:
    """Return one in the middle, one half under an overlay's bar, one wholly under it."""
    edge = -48.0 + BAR if place == "overlay" else -48.0
    return [
        bead(SHOWN, (0.0, 0.0, 5.0), 20.0),
        bead(CUT, (20.0, edge, 5.0), 10.0),
        bead(COVERED, (-30.0, edge - 5.0, 5.0), 6.0),
    ]


@pytest.mark.parametrize(("place", "depth"), [("overlay", 16), ("below", 8)])
def test_nothing_is_known_beneath_a_bar(new_stage: StageFactory, place: str, depth: int) -> None:
    images = {}
    for where in ("none", place):
        stage = new_stage(data_bar=where, bit_depth=depth)
        stage.sync(specimen(*beads(place), beam_energy=12.0))
        frame = stage.frame(frozenset({SHOWN, CUT, COVERED}))
        modes = (
            Real(),
            Categorical(),
            DepthMap(),
            NormalMap(),
            Stylized(),
            StylizedXray(),
            Ignore(),
        )
        made = {name: image for mode in modes for name, image in mode.images(frame).items()}
        images[where] = made | {"normal": frame.buffers.normal}
    bare, barred = images.values()
    height = 96 - BAR if place == "overlay" else 96
    assert {image.shape[:2] for image in barred.values()} == {(height + BAR, 96)}
    for name in ("real", "categorical", "instances", "depth", "normal", "stylized_xray"):
        assert (barred[name][:height] == bare[name][:height]).all(), name
        assert barred[name].dtype == bare[name].dtype
    factor = 257 if depth == 16 else 1
    chain = stage._formation.chain
    assert chain.data_bar.beam_energy == 12.0
    bar = draw(96, 1000.0, chain.data_bar).astype(int) * factor
    assert bar.max() == 255 * factor
    assert (barred["real"][height:] == bar).all()
    assert (barred["ignore"] == np.repeat([0, 255], [height, BAR])[:, None]).all()
    assert not bare["ignore"].any()
    for name, nothing in {
        "categorical": 0, "instances": 0, "depth": np.inf, "depth_map": 255, "normal": 0,
        "normal_map": 0, "stylized_xray": 13,
    }.items():  # fmt: skip
        assert (barred[name][height:] == nothing).all(), name
    assert (barred["stylized"][height + 2 :] == 13).all()


@pytest.mark.parametrize("place", ["overlay", "below"])
def test_particles_are_counted_where_they_are_seen(new_stage: StageFactory, place: str) -> None:
    stage = new_stage(data_bar=place)
    stage.sync(specimen(*beads(place)))
    frame = stage.frame(frozenset({SHOWN, CUT, COVERED}))
    found = dict(frame.footprints())
    assert frame.specimen_rows == (96 - BAR if place == "overlay" else 96)
    for key, footprint in found.items():
        seen = np.count_nonzero(frame.buffers.instance == key)
        assert abs(np.count_nonzero(footprint.mask) - seen) <= 1
        assert footprint.top + len(footprint.mask) <= max(frame.specimen_rows, footprint.top)
    table: dict[str, list[Any]] = {"particle_id": [SHOWN, CUT, COVERED]}
    coverage = _add_visibility(table, frame)
    labels = frame.buffers.instance[: frame.specimen_rows]
    assert coverage == (labels > 0).mean()
    assert table["visible_pixels"] == [np.count_nonzero(labels == key) for key in (1, 2, 3)]
    assert table["touches_border"] == [False, True, False]
    assert table["occluded_fraction"] == [
        pytest.approx(0.0, abs=0.01),
        pytest.approx(0.0, abs=0.03),
        None,
    ]


def test_a_bar_needs_a_scale(new_stage: StageFactory) -> None:
    stage = new_stage(data_bar="below")
    stage.sync(plain(computed=0.0, perspective=1.0))
    with pytest.raises(RenderError, match="is of type PERSP"):
        stage.frame(frozenset()).real()
