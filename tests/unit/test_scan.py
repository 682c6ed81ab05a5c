"""The scan: what is set is where the pixels come from, for the image and its labels alike."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scene.microscopy.raster import Raster
from scene.microscopy.scan import FARTHEST, WALK_BOUND, Scan, positions, reach_px, sampled
from scene.specimen.streams import Streams

SECOND = 1e6

rasters = st.builds(
    Raster,
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    margin=st.integers(0, 5),
    pixel_nm=st.floats(1.0, 100.0),
)
angles = st.floats(-math.tau, math.tau)
scans = st.builds(
    Scan,
    dwell_time=st.floats(0.1, 1000.0),
    line_time_overhead=st.floats(0.0, 2.0),
    drift=st.floats(0.0, 100.0),
    drift_direction=angles,
    drift_walk=st.floats(0.0, 100.0),
    vibration=st.floats(0.0, 100.0),
    vibration_frequency=st.floats(0.1, 1000.0),
    vibration_direction=angles,
    flagging=st.floats(-100.0, 100.0),
    flagging_time=st.floats(0.1, 1000.0),
)


def displaced(
    raster: Raster, scan: Scan, seed: int = 1
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return how far what is seen has moved in the image, to the right and up, in nm."""
    rows, columns = positions(raster, scan, Streams(seed).counted)
    row, column = np.mgrid[: raster.height, : raster.width] + float(raster.margin)
    return (column - columns) * raster.pixel_nm, (rows - row) * raster.pixel_nm


def test_the_features_defaults_are_a_scan_that_distorts_nothing() -> None:
    scan = Scan.of({spec.name: spec.default for spec in Scan.FEATURES})
    assert scan == Scan()
    assert scan.is_neutral
    assert reach_px(Raster(40, 30, 0, 1.0), scan) == 0


def test_every_setting_is_a_feature_of_its_name() -> None:
    values = {spec.name: 0.5 + place for place, spec in enumerate(Scan.FEATURES)}
    assert {name: getattr(Scan.of(values), name) for name in values} == values


@given(raster=rasters, scan=scans)
@settings(max_examples=50, deadline=None)
def test_a_scan_without_its_effects_gives_the_image_back_to_the_bit(
    raster: Raster, scan: Scan
) -> None:
    still = replace(scan, drift=0.0, drift_walk=0.0, vibration=0.0, flagging=0.0)
    assert still.is_neutral
    image = np.random.default_rng(1).random(raster.shape, dtype=np.float32)
    rows, columns = positions(raster, still, Streams(1).counted)
    assert rows.dtype == columns.dtype == np.float32
    np.testing.assert_array_equal(sampled(image, rows, columns), raster.inner(image))


@given(raster=rasters, scan=scans, seed=st.integers(0, 2**31))
@settings(max_examples=100, deadline=None)
def test_no_pixel_comes_from_beyond_the_reach(raster: Raster, scan: Scan, seed: int) -> None:
    try:
        reach = reach_px(raster, scan)
    except ValueError:
        assume(False)
    rows, columns = positions(raster, scan, Streams(seed).counted)
    margin = raster.margin
    # A value between two pixels needs both.
    assert np.floor(rows).min() >= margin - reach
    assert np.ceil(rows).max() <= margin + raster.height - 1 + reach
    assert np.floor(columns).min() >= margin - reach
    assert np.ceil(columns).max() <= margin + raster.width - 1 + reach


@given(
    drift=st.floats(1.0, 50.0),
    direction=angles,
    dwell_time=st.floats(1.0, 500.0),
    overhead=st.floats(0.0, 2.0),
)
@settings(max_examples=50, deadline=None)
def test_drift_has_the_set_speed_and_direction(
    drift: float, direction: float, dwell_time: float, overhead: float
) -> None:
    raster = Raster(64, 48, margin=3, pixel_nm=2.0)
    scan = Scan(dwell_time, overhead, drift=drift, drift_direction=direction)
    right, up = displaced(raster, scan)
    line, pixel = np.mgrid[:48, :64]
    time = (line * 64 * dwell_time * (1 + overhead) + pixel * dwell_time) / SECOND
    middle = 48 * 64 * dwell_time * (1 + overhead) / SECOND / 2
    rounding = 1e-5 * raster.pixel_nm * 64
    moved = drift * (time - middle)
    np.testing.assert_allclose(right, moved * math.cos(direction), atol=rounding)
    np.testing.assert_allclose(up, moved * math.sin(direction), atol=rounding)


def test_vibration_has_the_set_amplitude_and_frequency() -> None:
    raster = Raster(100, 250, margin=0, pixel_nm=1.0)
    scan = Scan(10.0, vibration=5.0, vibration_frequency=40.0, vibration_direction=math.pi / 3)
    right, up = displaced(raster, scan)  # 1 ms a line, 0.25 s a frame: ten oscillations
    along = right * math.cos(math.pi / 3) + up * math.sin(math.pi / 3)
    across = up * math.cos(math.pi / 3) - right * math.sin(math.pi / 3)
    np.testing.assert_allclose(across, 0.0, atol=1e-4)
    amplitude = 2 * np.abs(np.fft.rfft(along.ravel())) / along.size
    assert amplitude.argmax() == 10
    assert amplitude[10] == pytest.approx(5.0, rel=1e-3)
    assert np.delete(amplitude, 10).max() < 1e-3


def test_a_vibration_faster_than_the_dwell_time_moves_nothing() -> None:
    scan = Scan(1000.0, vibration=5.0, vibration_frequency=1000.0)
    right, _ = displaced(Raster(20, 20, 0, 1.0), scan)
    np.testing.assert_allclose(right, 0.0, atol=1e-5)


def test_a_walk_strays_as_set_and_is_held_at_its_bound() -> None:
    raster = Raster(10, 200, margin=0, pixel_nm=1.0)
    scan = Scan(1000.0, drift_walk=7.0)  # 10 ms a line, 2 s a frame
    walks = np.array([displaced(raster, scan, seed) for seed in range(400)])[..., 0]
    after_half_a_second = walks[:, :, 150] - walks[:, :, 100]
    assert after_half_a_second.std() == pytest.approx(7.0 * math.sqrt(0.5), rel=0.1)
    assert np.abs(walks[:, :, 100]).max() == 0.0
    bound = WALK_BOUND * 7.0  # a second from the middle of the frame to either end
    assert np.abs(walks).max() == pytest.approx(bound, abs=1e-4)


@given(flagging=st.floats(-50.0, 50.0), time=st.floats(20.0, 500.0))
@settings(max_examples=50, deadline=None)
def test_flagging_falls_along_the_line_as_set(flagging: float, time: float) -> None:
    scan = Scan(10.0, flagging=flagging, flagging_time=time)
    right, up = displaced(Raster(60, 4, margin=2, pixel_nm=1.0), scan)
    np.testing.assert_array_equal(up, 0.0)
    lag = np.broadcast_to(flagging * np.exp(-10.0 * np.arange(60) / time), (4, 60))
    np.testing.assert_allclose(-right, lag, atol=1e-4)


def test_what_is_seen_late_has_moved_to_where_the_specimen_drifts() -> None:
    raster = Raster(61, 61, margin=10, pixel_nm=1.0)
    image = np.zeros(raster.shape, np.float32)
    image[10 + 45, 10 + 30] = 1.0  # in the lower half: later than the middle of the frame
    frame_time = 61 * 61 * 10 / SECOND
    scan = Scan(drift=16 / frame_time, drift_direction=math.pi / 2)
    rows, columns = positions(raster, scan, Streams(1).counted)
    row, column = np.argwhere(sampled(image, rows, columns) > 0.5)[0]
    assert column == 30
    assert row < 45


@given(slope=st.tuples(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0)), seed=st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_the_signal_is_linear_between_pixels(slope: tuple[float, float], seed: int) -> None:
    row, column = np.mgrid[:20, :30].astype(np.float32)
    plane = (slope[0] * row + slope[1] * column).astype(np.float32)
    draws = np.random.default_rng(seed)
    rows = draws.uniform(0, 19, (7, 9)).astype(np.float32)
    columns = draws.uniform(0, 29, (7, 9)).astype(np.float32)
    expected = slope[0] * rows + slope[1] * columns
    assert sampled(plane, rows, columns).dtype == np.float32
    np.testing.assert_allclose(sampled(plane, rows, columns), expected, atol=1e-4)


@given(raster=rasters, scan=scans, seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_one_seed_is_one_scan(raster: Raster, scan: Scan, seed: int) -> None:
    first, again = (positions(raster, scan, Streams(seed).counted) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("scan", "blamed"),
    [
        (Scan(drift=1000.0), "drift: lower it, or dwell_time"),
        (Scan(drift_walk=1000.0), "drift_walk: lower it, or dwell_time"),
        (Scan(vibration=1000.0), "vibration: lower it"),
        (Scan(flagging=-1000.0), "flagging: lower it"),
    ],
)
def test_a_scan_that_goes_too_far_is_refused_with_its_cause(scan: Scan, blamed: str) -> None:
    raster = Raster(100, 100, 0, pixel_nm=1.0)
    with pytest.raises(ValueError, match=rf"at most 25 are allowed .*{blamed}$"):
        reach_px(raster, scan)
    assert reach_px(replace(raster, pixel_nm=1000.0), scan) <= FARTHEST * 100 + 2
