"""Shadowing: view factors of the sky that are known, and what must never happen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from blendsweep.testing.views import Ball, raised, seen
from scene.microscopy.collection import Collection
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.raster import Raster
from scene.microscopy.secondary_electrons import SecondaryElectrons
from scene.microscopy.shadowing import Shadowing, hidden_sky, unshaded
from scene.specimen.streams import Streams

GROUND = ElectronSurface(0.25)
ALL_LOST = Shadowing(1.0, 12_800.0)


def level(shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return np.zeros(shape, np.float32), np.zeros(shape, np.float32)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_loss_beside_a_wall_is_its_view_factor(axis: int) -> None:
    """(1 - cos h) / 2 for a wall without end whose top is at the elevation h."""
    height = np.zeros((256, 256), np.float32)
    height[:, :100] = 24.0
    distance = np.arange(256) + 0.5 - 100
    hidden = hidden_sky(height, height, level(height.shape), 128)
    if axis == 0:
        height = np.ascontiguousarray(height.T)
        hidden = hidden_sky(height, height, level(height.shape), 128).T
    known = (1 - distance / np.hypot(distance, 24.0)) / 2
    middle = hidden[128, 100:]
    np.testing.assert_allclose(middle, known[100:], atol=0.05)
    assert abs(middle - known[100:]).mean() < 0.015
    assert (hidden[:, :100] == 0).all()


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_low_directions_count_for_more_with_a_higher_exponent(exponent: float) -> None:
    """In a round pit whose rim stands at h all around, integrated over what leaves the surface."""
    rim = np.array([0.0, 0.3, 0.8, 1.3])
    elevation = np.linspace(0, math.pi / 2, 20_001)[:-1]
    leaving = np.sin(elevation) * np.cos(elevation) ** (2 * exponent - 1)
    free = [leaving[elevation >= own].sum() / leaving.sum() for own in rim]
    hidden = (np.sin(rim) ** 2).astype(np.float32)
    found = unshaded(hidden, Shadowing(exponent, 1.0))
    np.testing.assert_allclose(found, free if exponent else 1.0, atol=2e-3)


def visible_ball(distance: float, radius: float) -> float:
    """Mean of sin(h)**2 over directions, h being the top of a ball on a plane, by integration."""
    azimuth = np.linspace(-math.pi, math.pi, 20_001)[:-1]
    # In the vertical plane of a direction the ball is a disc, if that plane meets it.
    chord = radius**2 - (distance * np.sin(azimuth)) ** 2
    disc = np.sqrt(np.maximum(chord, 0))
    along = distance * np.cos(azimuth)
    elevation = np.arctan2(radius, along) + np.arcsin(np.minimum(disc / np.hypot(along, radius), 1))
    met = (chord > 0) & (along > 0)
    return float(np.where(met, np.sin(np.minimum(elevation, math.pi / 2)) ** 2, 0).mean())


@pytest.mark.parametrize("ratio", [1.1, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0])
def test_the_loss_beside_a_ball_is_that_of_its_silhouette(ratio: float) -> None:
    """Within 0.04, on the mean of a ring; the ball's own view factor is its limit far away."""
    radius = 24.0
    raster = Raster(256, 256, 0, 100.0)
    view = seen(raster, [(128, 128, radius, radius)], ground=GROUND)
    height = view.height / np.float32(100)
    hidden = hidden_sky(height, height, level(height.shape), 128)
    rows, columns = np.indices(height.shape)
    distance = np.hypot(columns + 0.5 - 128, rows + 0.5 - 128)
    ring = np.abs(distance - ratio * radius) < 0.7
    known = visible_ball(ratio * radius, radius)
    assert hidden[ring].mean() == pytest.approx(known, abs=0.04)
    if ratio >= 3:
        assert known == pytest.approx(1 / (1 + ratio**2) ** 1.5, abs=0.03)


def test_shadows_have_no_facets() -> None:
    """One of 16 directions is 1/16 of the sky, and an outline crosses each at once."""
    side = 240
    row, column = np.mgrid[:side, :side].astype(np.float32) - side / 2
    away = np.hypot(row, column)
    height = np.where(away < 20, 120 + np.sqrt(np.maximum(400 - away**2, 0)), 0).astype(np.float32)
    hidden = hidden_sky(height, height, level(height.shape), 100)
    steps = np.hypot(*np.gradient(hidden))[(away > 40) & (away < 90)]
    assert hidden[(away > 40) & (away < 90)].max() > 0.15
    assert steps.max() < 0.5 / 16


def test_halos_are_round() -> None:
    """The few directions that are looked in do not show."""
    radius = 16.0
    view = seen(Raster(128, 128, 0, 100.0), [(64, 64, radius, radius)], ground=GROUND)
    height = view.height / np.float32(100)
    hidden = hidden_sky(height, height, level(height.shape), 64)
    rows, columns = np.indices(height.shape)
    distance = np.hypot(columns + 0.5 - 64, rows + 0.5 - 64)
    for ratio in (1.3, 2.0, 3.0):
        ring = np.abs(distance - ratio * radius) < 0.7
        assert hidden[ring].std() < 0.04


@given(
    balls=st.lists(
        st.tuples(st.floats(0, 64), st.floats(0, 64), st.floats(0, 40), st.floats(2, 12)),
        min_size=1,
        max_size=6,
    ),
    high=st.floats(20.0, 60.0),
)
@settings(max_examples=25, deadline=None)
def test_a_high_ball_makes_nothing_brighter(balls: list[Ball], high: float) -> None:
    """Neither the ground far from it nor that beside it, nor other balls."""
    raster = Raster(64, 64, 0, 100.0)
    model = SecondaryElectrons(shadowing=ALL_LOST)
    without = model.signal(seen(raster, balls, ground=GROUND), Streams(1).counted)
    view = seen(raster, [*balls, (32, 32, high, 8)], ground=GROUND)
    with_it = model.signal(view, Streams(1).counted)
    others = view.buffers.instance != len(balls) + 1
    assert (with_it[others] <= without[others] + 1e-6).all()
    assert (with_it <= SecondaryElectrons().signal(view, Streams(1).counted)).all()


def test_no_ground_glows_beside_a_step() -> None:
    height = np.zeros((64, 128), np.float32)
    height[:, :48] = 3000.0
    view = raised(Raster(128, 64, 0, 100.0), height, GROUND)
    signal = SecondaryElectrons(shadowing=ALL_LOST).signal(view, Streams(1).counted)
    assert (signal[:, 48:] <= 0.25).all()
    assert (np.diff(signal[32, 48:]) >= -1e-6).all(), "the shade does not fade with the distance"
    assert (signal[:, :48] == 1).all()


@given(radius=st.floats(2.0, 30.0), elevation=st.floats(0.0, 60.0))
@settings(max_examples=20, deadline=None)
def test_a_lone_ball_does_not_shade_itself(radius: float, elevation: float) -> None:
    view = seen(Raster(64, 64, 0, 100.0), [(32.2, 31.7, elevation, radius)])
    signal = SecondaryElectrons(shadowing=ALL_LOST).signal(view, Streams(1).counted)
    np.testing.assert_allclose(signal[view.buffers.instance == 1], 1.0, atol=1e-3)


def test_the_rim_of_a_lower_ball_stays() -> None:
    """Of two balls that touch, the lower one loses towards the higher one alone."""
    raster = Raster(128, 64, 0, 100.0)
    view = seen(raster, [(40, 32, 20, 20), (74, 32, 41, 20)])
    signal = SecondaryElectrons(shadowing=ALL_LOST).signal(view, Streams(1).counted)
    lower = np.flatnonzero(view.buffers.instance[32] == 1)
    assert signal[32, lower[0]] > 0.97
    assert signal[32, lower[-1]] < 0.75
    assert (signal[view.buffers.instance == 2] > 0.98).all()


def test_what_is_not_seen_shades() -> None:
    raster = Raster(64, 64, 0, 100.0)
    model = SecondaryElectrons(shadowing=ALL_LOST)
    alone = model.signal(seen(raster, [], ground=GROUND), Streams(1).counted)
    shaded = model.signal(
        seen(raster, [], unseen=[(32, 32, 12, 12)], ground=GROUND), Streams(1).counted
    )
    assert (alone == 0.25).all()
    assert shaded[32, 46] < 0.2


def test_the_shadow_lies_away_from_the_detector() -> None:
    raster = Raster(64, 64, 0, 100.0)
    view = seen(raster, [(32, 32, 10, 10)], ground=GROUND)
    model = SecondaryElectrons(
        shadowing=ALL_LOST, collection=Collection(0.8, detector_azimuth=math.pi / 2)
    )
    signal = model.signal(view, Streams(1).counted)
    above, below = signal[18, 32], signal[45, 32]
    assert below < 0.9 * above, "the detector is above in the image"


def test_neighbours_in_the_margin_count() -> None:
    """The frame's pixels are the same whether or not more lies around it."""
    ball = (10.0, 48.0, 12.0, 12.0)  # left of the smaller frame
    model = SecondaryElectrons(shadowing=Shadowing(1.0, 1600.0))
    wide = model.signal(seen(Raster(96, 96, 0, 100.0), [ball], ground=GROUND), Streams(1).counted)
    raster = Raster(48, 48, 24, 100.0)
    framed = model.signal(seen(raster, [ball], ground=GROUND), Streams(1).counted)
    assert raster.inner(framed)[24, 0] < 0.24
    np.testing.assert_array_equal(raster.inner(framed), wide[24:72, 24:72])
