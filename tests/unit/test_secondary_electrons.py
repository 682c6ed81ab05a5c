"""The microscope's image as a whole: nothing without effects, and effects that add up."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from blendsweep.testing.views import Ball, raised, seen
from scene.microscopy.blur import blurred
from scene.microscopy.charging import Charging, charged, faded, with_streaks
from scene.microscopy.collection import Collection, collected
from scene.microscopy.delocalisation import Delocalisation, delocalised
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.electron_yield import by_id
from scene.microscopy.geometry import GeometryBuffers
from scene.microscopy.raster import Raster
from scene.microscopy.secondary_electrons import SecondaryElectrons
from scene.microscopy.shadowing import Shadowing
from scene.microscopy.view import View
from scene.specimen.streams import Streams

RASTER = Raster(64, 48, 8, 100.0)
GROUND, PARTICLE = ElectronSurface(0.1), ElectronSurface(0.5)
BALLS: list[Ball] = [(30, 30, 10, 10), (48, 34, 12, 12), (36, 34, 26, 8), (70, 20, 5, 5)]
DEFAULT = SecondaryElectrons.of({spec.name: spec.default for spec in SecondaryElectrons.FEATURES})


def signal(model: SecondaryElectrons, view: View, seed: int = 1) -> NDArray[np.float32]:
    found = model.signal(view, Streams(seed).counted)
    assert found.dtype == np.float32
    assert found.shape == view.raster.shape
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    return found


def flat(view: View) -> NDArray[np.float32]:
    instance = view.buffers.instance
    return np.where(instance > 0, np.float32(0.5), np.float32(0.1))


def test_material_contrast_is_the_ratio_of_the_yields() -> None:
    view = seen(RASTER, BALLS, ground=GROUND, particles=PARTICLE)
    np.testing.assert_array_equal(signal(SecondaryElectrons(), view), flat(view))


@pytest.mark.parametrize(
    "off",
    [
        "edge_exponent",
        "detector_asymmetry",
        "shadowing",
        "backscatter_fraction",
        "charging",
    ],
)
def test_nothing_of_one_effect_is_the_image_without_it(off: str) -> None:
    """Whatever its other parameters are, and to the bit."""
    values = {spec.name: spec.default for spec in SecondaryElectrons.FEATURES}
    stage = next(
        field.name
        for field in dataclasses.fields(SecondaryElectrons)
        if off in {spec.name for spec in getattr(DEFAULT, field.name).FEATURES}
    )
    neutral = type(getattr(DEFAULT, stage))()
    view = seen(RASTER, BALLS, ground=GROUND, particles=PARTICLE)
    none = signal(SecondaryElectrons.of({**values, off: 0.0}), view)
    without = dataclasses.replace(DEFAULT, **{stage: neutral})
    np.testing.assert_array_equal(none, signal(without, view))
    assert (none != signal(DEFAULT, view)).any()


def test_nothing_of_every_effect_is_flat_material_contrast() -> None:
    values = {spec.name: 0.0 for spec in SecondaryElectrons.FEATURES}
    view = seen(RASTER, BALLS, ground=GROUND, particles=PARTICLE)
    np.testing.assert_array_equal(signal(SecondaryElectrons.of(values), view), flat(view))
    assert SecondaryElectrons.of(values).reach_nm == 0


@pytest.mark.parametrize("name", [spec.name for spec in SecondaryElectrons.FEATURES])
@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_every_bound_gives_an_image(name: str, bound: str) -> None:
    values = {spec.name: spec.default for spec in SecondaryElectrons.FEATURES}
    spec = next(spec for spec in SecondaryElectrons.FEATURES if spec.name == name)
    rough = dataclasses.replace(
        PARTICLE, relief_amplitude=20.0, relief_wavelength=500.0, patch_contrast=0.1
    )
    view = seen(RASTER, BALLS, ground=rough, particles=rough)
    signal(SecondaryElectrons.of({**values, name: getattr(spec, bound)}), view)


def test_a_level_surface_alone_gives_its_yield_whatever_the_effects() -> None:
    view = seen(RASTER, [], ground=GROUND)
    strong = dataclasses.replace(DEFAULT, collection=Collection(1.0, 2.0, 0.7))
    np.testing.assert_allclose(signal(strong, view), 0.1, rtol=1e-5)


def test_no_shadow_reaches_farther_than_what_lies_around_the_frame_is_known() -> None:
    raster = Raster(700, 4, 0, 100.0)
    wall = np.zeros(raster.shape)
    wall[:, 640:] = 20_000.0
    model = SecondaryElectrons(shadowing=Shadowing(shadowing=1.0, shadowing_range=1e6))
    found = signal(model, raised(raster, wall, GROUND))
    np.testing.assert_array_equal(found[:, : 640 - 300], np.float32(0.1))
    assert (found[:, 640 - 200 : 640] < 0.099).all()


def test_an_empty_specimen_without_ground_is_black() -> None:
    assert (signal(DEFAULT, seen(RASTER, [])) == 0).all()


def test_without_ground_particles_are_the_same_in_black() -> None:
    view = seen(RASTER, BALLS[:1], particles=PARTICLE)
    local = dataclasses.replace(DEFAULT, delocalisation=Delocalisation())
    found = signal(local, view)
    assert (found[view.buffers.instance == 0] == 0).all()
    assert found[30, 30] > 0.4


def test_all_ids_have_their_material() -> None:
    """Each of 65,535 particles one of its own."""
    ids = np.arange(1, 2**16)
    instance = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    normal = np.zeros((256, 256, 3), np.float32)
    normal[..., 2] = instance > 0
    depth = np.where(instance > 0, 1, np.inf).astype(np.float32)
    surfaces = {ElectronSurface(own / 2**16): np.array([own]) for own in ids.tolist()}
    view = View(
        Raster(256, 256, 0, 100.0),
        GeometryBuffers(depth, normal, instance),
        np.zeros((256, 256), np.float32),
        particles=surfaces,
    )
    expected = (instance / 2**16).astype(np.float32)
    np.testing.assert_array_equal(signal(SecondaryElectrons(), view), expected)


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    pixel=st.floats(1.0, 1e5),
    rise=st.floats(0.0, 1e6),
)
@settings(max_examples=25, deadline=None)
def test_any_geometry_gives_an_image(
    seed: int, shape: tuple[int, int], pixel: float, rise: float
) -> None:
    """However ragged it is: each pixel another particle, tilt and height, some of them none."""
    rng = np.random.default_rng(seed)
    instance = rng.choice(np.array([0, 1, 2, 65_535], np.uint16), shape)
    normal = rng.normal(size=(*shape, 3)).astype(np.float32)
    normal[..., 2] = np.maximum(abs(normal[..., 2]), 1e-3)
    normal *= ((instance > 0) / np.linalg.norm(normal, axis=-1))[..., np.newaxis]
    height = np.where(instance > 0, rng.random(shape) * rise, 0).astype(np.float32)
    depth = np.where(instance > 0, 2e6 - height, np.inf).astype(np.float32)
    rough = ElectronSurface(0.5, 30.0, 500.0, 0.3, 900.0)
    view = View(
        Raster(shape[1], shape[0], 0, pixel),
        GeometryBuffers(depth, normal.astype(np.float32), instance),
        height,
        (rng.random(shape) * rise).astype(np.float32),
        GROUND,
        {rough: np.array([1, 65_535]), PARTICLE: np.array([2])},
    )
    signal(DEFAULT, view)


def test_values_are_looked_up_by_id() -> None:
    view = seen(RASTER, BALLS, ground=GROUND, particles=PARTICLE)
    table = by_id(view, "secondary_electron_yield")
    assert table[[0, 1, 2, 3, 4, 5]].tolist() == pytest.approx([0.1, 0.5, 0.5, 0.5, 0.5, 0.0])


def test_the_same_streams_give_the_same_bytes_and_others_do_not() -> None:
    rough = dataclasses.replace(PARTICLE, relief_amplitude=20.0, relief_wavelength=500.0)
    patchy = dataclasses.replace(GROUND, patch_contrast=0.2, patch_size=1000.0)
    view = seen(RASTER, BALLS, ground=patchy, particles=rough)
    first = signal(DEFAULT, view)
    np.testing.assert_array_equal(first, signal(DEFAULT, view))
    other = signal(DEFAULT, view, seed=2)
    particle = view.buffers.instance > 0
    assert (first[particle] != other[particle]).any()
    assert (first[~particle] != other[~particle]).any()


@given(
    asymmetry=st.floats(0.05, 1.0),
    azimuth=st.floats(-math.pi, math.pi),
    elevation=st.floats(0.0, 1.5),
)
@settings(max_examples=20, deadline=None)
def test_slopes_that_face_the_detector_are_brighter(
    asymmetry: float, azimuth: float, elevation: float
) -> None:
    """By 1 + a n.d, against a level surface."""
    collection = Collection(asymmetry, azimuth, elevation)
    detector = np.array(
        [
            math.cos(elevation) * math.cos(azimuth),
            math.cos(elevation) * math.sin(azimuth),
            math.sin(elevation),
        ]
    )
    normals = np.random.default_rng(1).normal(size=(50, 3))
    normals[:, 2] = abs(normals[:, 2])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    x, y, z = normals.T.astype(np.float32)
    found = collected(x, y, z, collection)
    expected = (1 + asymmetry * normals @ detector) / (1 + asymmetry * detector[2])
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-5)


def test_a_detector_above_in_the_image_brightens_the_upper_side() -> None:
    view = seen(Raster(64, 64, 0, 100.0), [(32, 32, 20, 20)], particles=PARTICLE)
    model = SecondaryElectrons(collection=Collection(0.4, math.pi / 2, 0.0))
    found = signal(model, view)
    assert found[20, 32] / found[43, 32] == pytest.approx((1 + 0.23) / (1 - 0.23), rel=0.02)
    np.testing.assert_allclose(found[32, 20], found[32, 43], rtol=1e-3)


@given(deviation=st.floats(0.0, 60.0), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_a_blur_is_gaussian_and_keeps_the_sum(deviation: float, seed: int) -> None:
    image = np.random.default_rng(seed).random((96, 131)).astype(np.float32)
    image[20:50, 30:60] += 2
    found = blurred(image, deviation)
    assert found.shape == image.shape
    exact = ndimage.gaussian_filter(image.astype(np.float64), deviation, truncate=6)
    if deviation >= 0.05:
        np.testing.assert_allclose(found, exact, atol=0.005 * float(np.ptp(image)))
    assert found.sum(dtype=np.float64) == pytest.approx(image.sum(dtype=np.float64), rel=1e-4)


@pytest.mark.parametrize("spread", [50.0, 500.0, 3000.0])
def test_delocalised_signal_is_moved_not_made(spread: float) -> None:
    view = seen(RASTER, BALLS, ground=GROUND, particles=PARTICLE)
    before = signal(SecondaryElectrons(), view)
    after = delocalised(before, RASTER.pixel_nm, Delocalisation(0.4, spread))
    assert after.sum(dtype=np.float64) == pytest.approx(before.sum(dtype=np.float64), rel=1e-4)
    assert after.max() <= before.max() + 1e-4
    assert after.min() >= before.min() - 1e-4


def test_a_point_s_signal_falls_to_a_part_in_e_within_the_range() -> None:
    point = np.zeros((129, 129), np.float32)
    point[64, 64] = 1
    found = delocalised(point, 100.0, Delocalisation(1.0, 2000.0))
    assert found[64, 84] / found[64, 64] == pytest.approx(math.exp(-1), rel=0.02)


def test_the_frame_s_border_does_not_show() -> None:
    """With the margin that the model asks for, what lies beyond counts as it should."""
    balls: list[Ball] = [(80, 80, 12, 12), (60, 90, 9, 9), (110, 70, 20, 14)]
    model = SecondaryElectrons(delocalisation=Delocalisation(0.5, 800.0))
    wide = Raster(160, 160, 0, 100.0)
    margin = math.ceil(model.reach_nm / 100)
    raster = Raster(60, 60, margin, 100.0)
    corner = 50 - margin
    own: list[Ball] = [(x - corner, y - corner, z, r) for x, y, z, r in balls]
    whole = signal(model, seen(wide, balls, ground=GROUND, particles=PARTICLE))
    framed = signal(model, seen(raster, own, ground=GROUND, particles=PARTICLE))
    np.testing.assert_allclose(raster.inner(framed), whole[50:110, 50:110], atol=0.01)


def test_charged_particles_brighten_and_the_ground_beside_them_darkens() -> None:
    view = seen(Raster(128, 96, 0, 100.0), [(40, 48, 12, 12)], ground=GROUND, particles=PARTICLE)
    before = signal(SecondaryElectrons(), view)
    instance = view.buffers.instance
    after = charged(before, instance, 100.0, Charging(0.5, 1000.0))
    assert (after[instance > 0] > before[instance > 0]).all()
    assert (after[instance == 0] <= before[instance == 0]).all()
    assert after[48, 53] < 0.88 * before[48, 56]
    assert after[48, 120] == pytest.approx(before[48, 120], rel=1e-3)


def test_streaks_follow_bright_objects_along_the_line() -> None:
    view = seen(Raster(128, 96, 0, 100.0), [(40, 48, 12, 12)], ground=GROUND, particles=PARTICLE)
    before = signal(SecondaryElectrons(), view)
    after = with_streaks(before, view.buffers.instance, 100.0, Charging(1.0, 1000.0))
    loss = 1 - after / before
    assert (loss[view.buffers.instance > 0] == 0).all()
    assert (loss[48, :28] == 0).all(), "the beam has not been there yet"
    assert loss[48, 60] > 0.05
    behind = loss[48, 53:]
    assert (np.diff(behind) <= 0).all()
    assert (loss[20] == 0).all(), "other lines have no streak"


@given(length=st.floats(0.5, 300.0), seed=st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_what_fades_is_an_exponential_mean(length: float, seed: int) -> None:
    row = np.random.default_rng(seed).random((1, 200)).astype(np.float32)
    decay = math.exp(-1 / length)
    expected, value = [], 0.0
    for own in row[0].tolist():
        value = value * decay + own * (1 - decay)
        expected.append(value)
    np.testing.assert_allclose(faded(row, length)[0], expected, atol=2e-3)
