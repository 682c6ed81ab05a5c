"""A distorted scan: everything that is known of an image is distorted as the image is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from scene.errors import RenderError
from scene.imaging.footprint import Footprint
from scene.imaging.visibility import occluded_fractions
from scene.microscopy.scan import Scan, positions, sampled
from scene.specimen.specimen import Particle
from scene.specimen.streams import Streams

from .conftest import StageFactory, bead, scattered, specimen
from .test_computed import last_view, plain

if TYPE_CHECKING:
    from scene.blender.frame import BlenderFrame

IDS = frozenset(range(1, 42))
SCAN = {
    "drift": 120_000.0,
    "drift_direction": 0.7,
    "drift_walk": 4_000.0,
    "vibration": 1500.0,
    "vibration_frequency": 700.0,
    "flagging": 4000.0,
    "flagging_time": 150.0,
}
"""In an image of 96 pixels of 1000 nm: some pixels each."""


def large() -> list[Particle]:
    """Return what covers half of the frame."""
    particles = scattered(41)
    for particle in particles:
        particle.features["dimensions"] = 15.0, 15.0, 15.0 + particle.id % 2
    return particles


def placed(footprint: Footprint, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    image = np.zeros(shape, dtype=bool)
    height, width = footprint.mask.shape
    image[footprint.top :, footprint.left :][:height, :width] = footprint.mask
    return image


def undistorted(frame: BlenderFrame) -> tuple[NDArray[np.uint8], dict[int, Footprint]]:
    """Return the x-ray view and the footprints of all that was rendered for a frame."""
    from scene.blender.buffers import buffers_scene
    from scene.blender.outline import seen_footprints
    from scene.blender.xray import render_xray

    truth = frame._truth
    with frame._particles.selected(IDS) as shown:
        xray = render_xray(truth, shown)
        with buffers_scene(truth, shown) as scene:
            layer = scene.view_layers[0]
            layer.update()
            seen = seen_footprints(layer.depsgraph, truth.camera(), truth.size, shown)
            return xray, dict(seen)


def test_all_ground_truth_moves_with_the_image_to_the_pixel(new_stage: StageFactory) -> None:
    stage = new_stage()
    stage.sync(plain(*large(), **SCAN))
    frame = stage.frame(IDS)
    frame.real()
    view = last_view(stage)
    raster, whole = view.raster, view.buffers
    assert 5 < raster.margin < 24
    names = {spec.name for spec in Scan.FEATURES}
    scan = Scan(**{name: value for name, value in SCAN.items() if name in names})
    rows, columns = positions(raster, scan, Streams(7).counted)
    places = np.rint(rows).astype(int), np.rint(columns).astype(int)
    straight = raster.inner(whole.instance)
    found = frame.buffers
    assert (found.instance != straight).mean() > 0.1
    assert found.instance.tobytes() == whole.instance[places].tobytes()
    assert found.depth.tobytes() == whole.depth[places].tobytes()
    assert found.normal.tobytes() == whole.normal[places].tobytes()
    xray, footprints = undistorted(frame)
    assert frame.xray().tobytes() == xray[places].tobytes()
    shown = dict(frame.footprints())
    assert shown.keys() == footprints.keys() == IDS
    for key, footprint in shown.items():
        expected = placed(footprints[key], raster.shape)[places]
        np.testing.assert_array_equal(placed(footprint, found.instance.shape), expected)


@pytest.mark.parametrize("computed", [1.0, 0.0])
def test_the_image_is_sampled_where_its_labels_are(
    new_stage: StageFactory, computed: float
) -> None:
    """Whether it is computed or rendered by Cycles."""
    stage = new_stage(max_samples=4)
    stage.sync(plain(*large(), **SCAN, ground=None, computed=computed))
    frame = stage.frame(IDS)
    real, model = frame.real(), stage._formation.model
    signal = frame._path_traced() if model is None else frame._computed(model)
    raster = frame._raster
    rows, columns = positions(raster, stage._formation.chain.scan, Streams(7).counted)
    moved, straight = sampled(signal, rows, columns), raster.inner(signal)
    assert (real == np.rint(255 * np.clip(moved, 0, 1))).all()
    assert (real != np.rint(255 * np.clip(straight, 0, 1))).mean() > 0.1


def test_hidden_fractions_are_those_of_the_distorted_frame(new_stage: StageFactory) -> None:
    """All views of a specimen are taken in one scan, those of single particles too."""
    stage = new_stage()
    particles = [bead(k + 1, (3.7 * k - 20.0, 2.9 * k - 17.0, 4.0 + 3 * k), 9.0) for k in range(11)]
    stage.sync(plain(*particles, **SCAN))
    ids = frozenset(range(1, 12))
    frame = stage.frame(ids)
    instance = frame.buffers.instance
    fractions = occluded_fractions(instance, frame.footprints(), 11)
    for key, fraction in zip(sorted(ids), fractions, strict=True):
        alone = np.count_nonzero(stage.frame(frozenset({key})).buffers.instance)
        visible = np.count_nonzero(instance == key)
        assert fraction == pytest.approx(1 - visible / alone, abs=1.5 / alone)
    assert sum(fraction > 0.05 for fraction in fractions if fraction is not None) > 5


def test_a_scan_shows_what_lies_beside_the_frame(new_stage: StageFactory) -> None:
    stage = new_stage(max_samples=16)
    features = {"flagging": 12_000.0, "flagging_time": 1e5, "noise_coefficient": 0.0}
    stage.sync(specimen(**features, illumination_strength=1.0))
    real = stage.frame(frozenset()).real().astype(float)
    assert real.shape == (96, 96)
    assert real[:, :10].mean() > 0.7 * real.mean()
    assert real[:, -10:].mean() > 0.7 * real.mean()


def test_a_distorted_image_needs_a_scale(new_stage: StageFactory) -> None:
    stage = new_stage()
    stage.sync(plain(bead(1, (0.0, 0.0, 5.0)), computed=0.0, perspective=1.0, flagging=10.0))
    with pytest.raises(RenderError, match="is of type PERSP"):
        _ = stage.frame(frozenset({1})).buffers


@pytest.mark.parametrize("size", [(16, 16), (48, 16), (16, 48)])
def test_small_images_of_any_form(new_stage: StageFactory, size: tuple[int, int]) -> None:
    for percentage in (7, 100):
        stage = new_stage(resolution=size, resolution_percentage=percentage)
        stage.sync(plain(bead(1, (0.0, 0.0, 5.0)), flagging=100.0, reach=1e7))
        frame = stage.frame(frozenset({1}))
        shape = (size[1] * percentage // 100, size[0] * percentage // 100)
        assert frame.real().shape == frame.buffers.instance.shape == frame.xray().shape == shape
        assert (frame.buffers.instance == 1).any()
