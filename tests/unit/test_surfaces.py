"""Relief and patches: as steep, as rough and as large as the material says, on any surface."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from blendsweep.testing.views import seen
from scene.microscopy.edge import Edge
from scene.microscopy.electron_surface import ElectronSurface
from scene.microscopy.patches import patchy
from scene.microscopy.raster import Raster
from scene.microscopy.relief import Normals, with_relief
from scene.microscopy.secondary_electrons import SecondaryElectrons
from scene.microscopy.texture import SIZE, cells, clouds
from scene.microscopy.view import View
from scene.specimen.streams import Streams

ROUGH = ElectronSurface(relief_amplitude=15.0, relief_wavelength=600.0)
SLOPE = math.tau * 15.0 / 600.0
"""Its root mean square slope."""

RASTER = Raster(240, 240, 0, 50.0)


def smooth_normals(view: View) -> Normals:
    x, y, z = np.moveaxis(view.buffers.normal, -1, 0).copy()
    z[view.buffers.instance == 0] = 1
    return x, y, z


def relief(view: View, seed: int = 1) -> tuple[Normals, NDArray[np.float32]]:
    return with_relief(smooth_normals(view), view.height, view, Streams(seed).counted)


def tilt(view: View, bumpy: Normals) -> NDArray[np.float32]:
    """Return the square of the slope between rough and smooth surfaces."""
    cosine = sum(a * b for a, b in zip(bumpy, smooth_normals(view), strict=True))
    return 1 / cosine**2 - 1


def test_the_slope_of_level_ground_follows_from_amplitude_and_wavelength() -> None:
    view = seen(RASTER, [], ground=ROUGH)
    normals, height = relief(view)
    assert np.sqrt(tilt(view, normals).mean()) == pytest.approx(SLOPE, rel=0.05)
    assert height.std() == pytest.approx(15.0, rel=0.05)


def test_slopes_are_those_of_the_heights() -> None:
    """What tilts the normals is the same surface that shades."""
    view = seen(RASTER, [], ground=ElectronSurface(relief_amplitude=15.0, relief_wavelength=2000.0))
    (x, y, z), height = relief(view)
    along = np.gradient(height, RASTER.pixel_nm, axis=1)
    upwards = -np.gradient(height, RASTER.pixel_nm, axis=0)
    inner = (slice(2, -2),) * 2
    for slope, component in ((along, x), (upwards, y)):
        expected = (-component / z)[inner]
        assert np.corrcoef(slope[inner].ravel(), expected.ravel())[0, 1] > 0.97
        assert slope[inner].std() == pytest.approx(expected.std(), rel=0.06)


def test_relief_is_as_steep_at_the_limb_as_on_top() -> None:
    raster = Raster(480, 480, 0, 50.0)
    view = seen(raster, [(240, 240, 235, 235)], particles=ROUGH)
    # A ring holds too few bumps for one draw to tell.
    square = np.mean([tilt(view, relief(view, seed)[0]) for seed in range(4)], axis=0)
    cosine = view.buffers.normal[..., 2]
    expected = SLOPE
    for low, high in ((0.35, 0.6), (0.6, 0.8), (0.8, 1.0)):
        ring = (cosine > low) & (cosine <= high)
        assert np.sqrt(square[ring].mean()) == pytest.approx(expected, rel=0.1)


def test_relief_does_not_stretch_at_the_limb() -> None:
    """Along the surface, bumps follow each other as closely there as on top."""
    raster = Raster(640, 640, 0, 50.0)
    view = seen(raster, [(320, 320, 318, 318)], particles=ROUGH)
    (x, _, _), _ = relief(view)
    columns = np.arange(320, 636)
    arc = 318 * np.arcsin((columns + 0.5 - 320) / 318)
    slope = (x - view.buffers.normal[..., 0])[300:340, columns]

    def crossings(part: NDArray[np.bool_]) -> float:
        signs = np.signbit(slope[:, part])
        length = arc[part][-1] - arc[part][0]
        return float((signs[:, 1:] != signs[:, :-1]).sum(axis=1).mean() / length)

    assert crossings((arc > 250) & (arc < 400)) == pytest.approx(crossings(arc < 150), rel=0.35)


@pytest.mark.parametrize("pixels", [0.5, 2.0, 4.0, 12.0])
def test_of_bumps_as_fine_as_a_pixel_their_mean_is_left(pixels: float) -> None:
    """A sine wave's mean over a pixel is sinc(x) as high, x being half its phase there."""
    surface = ElectronSurface(relief_amplitude=5.0, relief_wavelength=pixels * RASTER.pixel_nm)
    _, height = relief(seen(RASTER, [], ground=surface))
    mean = np.sinc(1 / pixels) if pixels >= 1 else 0.0
    assert height.std() / 5.0 == pytest.approx(mean, abs=0.2 if pixels < 1 else 0.06)


def test_a_surface_seen_from_near_is_no_stair() -> None:
    """Its heights change from pixel to pixel as the slopes say, however large its bumps are."""
    surface = ElectronSurface(relief_amplitude=500.0, relief_wavelength=20_000.0)
    (x, _, z), height = relief(seen(RASTER, [], ground=surface))
    rise = np.diff(height, axis=1) / RASTER.pixel_nm
    slope = (-x / z)[:, 1:]
    assert (rise - slope).std() < 0.1 * slope.std()


def test_normals_stay_unit_vectors_that_face_the_beam() -> None:
    steep = ElectronSurface(relief_amplitude=1000.0, relief_wavelength=100.0)
    view = seen(RASTER, [(120, 120, 100, 100)], ground=steep, particles=steep)
    normals, height = relief(view)
    assert np.isfinite(height).all()
    np.testing.assert_allclose(sum(own**2 for own in normals), 1, atol=1e-5)
    assert (normals[2] > 0).all()


def test_rough_surfaces_are_brighter_as_they_are_tilted() -> None:
    """By the mean of the yield law over slopes, to second order n s^2 / 2 for a slope s."""
    view = seen(RASTER, [], ground=ROUGH)
    flat = seen(RASTER, [], ground=ElectronSurface())
    model = SecondaryElectrons(edge=Edge(1.0, 0.0))
    rough, smooth = (model.signal(own, Streams(1).counted).mean() for own in (view, flat))
    assert smooth == 1
    assert rough - 1 == pytest.approx(SLOPE**2 / 2, rel=0.2)


def test_each_particle_has_its_own_bumps() -> None:
    view = seen(RASTER, [(60, 120, 50, 50), (180, 120, 50, 50)], particles=ROUGH)
    (x, _, _), _ = relief(view)
    bumps = x - view.buffers.normal[..., 0]
    left, right = bumps[80:160, 20:100], bumps[80:160, 140:220]
    assert abs(np.corrcoef(left.ravel(), right.ravel())[0, 1]) < 0.3


@pytest.mark.parametrize("axis", [0, 1])
def test_opposite_sides_of_a_particle_are_not_mirror_images(axis: int) -> None:
    fine = replace(ROUGH, relief_wavelength=400.0)
    view = seen(RASTER, [(120, 120, 110, 110)], particles=fine)
    _, height = relief(view)
    bump = (height - view.height) * view.buffers.normal[..., 2]
    flanks = np.abs(view.buffers.normal[..., 1 - axis]) > 0.85
    mirrored = np.flip(bump, axis)
    assert abs(np.corrcoef(bump[flanks], mirrored[flanks])[0, 1]) < 0.4


@pytest.mark.parametrize("ids", [[], [3]])
def test_rough_particles_that_no_pixel_shows_change_nothing(ids: list[int]) -> None:
    view = seen(RASTER, [(60, 120, 50, 50)])
    view.particles.clear()  # type: ignore[attr-defined]
    view.particles.update({ROUGH: np.array(ids, np.intp), ElectronSurface(): np.array([1])})  # type: ignore[attr-defined]
    normals, height = relief(view)
    np.testing.assert_array_equal(height, view.height)
    np.testing.assert_array_equal(normals[0], view.buffers.normal[..., 0])


def test_materials_differ_from_particle_to_particle() -> None:
    view = seen(RASTER, [(60, 120, 50, 50), (180, 120, 50, 50)])
    view.particles.clear()  # type: ignore[attr-defined]
    view.particles.update({ROUGH: np.array([2]), ElectronSurface(): np.array([1])})  # type: ignore[attr-defined]
    normals, _ = relief(view)
    square = tilt(view, normals)
    np.testing.assert_allclose(square[view.buffers.instance == 1], 0, atol=1e-5)
    assert np.sqrt(square[view.buffers.instance == 2].mean()) > 0.1


@pytest.mark.parametrize("size", [200.0, 800.0])
def test_patches_have_the_contrast_and_the_size_of_the_material(size: float) -> None:
    surface = ElectronSurface(patch_contrast=0.2, patch_size=size)
    factor = patchy(seen(RASTER, [], ground=surface), Streams(1).counted)
    assert factor.mean() == pytest.approx(1, abs=0.1)
    assert factor.std() == pytest.approx(0.2, rel=0.3)
    lag = round(size / RASTER.pixel_nm / 4)
    near = np.corrcoef(factor[:, lag:].ravel(), factor[:, :-lag].ravel())[0, 1]
    assert near > 0.8
    assert (factor >= 0).all()


def test_the_darkest_patches_give_nothing() -> None:
    surface = ElectronSurface(patch_contrast=1.0, patch_size=400.0)
    factor = patchy(seen(RASTER, [], ground=surface), Streams(1).counted)
    assert factor.min() == 0
    assert 0 < np.count_nonzero(factor == 0) < factor.size / 2


def test_patches_do_not_repeat_where_their_texture_does() -> None:
    surface = ElectronSurface(patch_contrast=0.2, patch_size=200.0)
    factor = patchy(seen(RASTER, [], ground=surface), Streams(1).counted)
    period = round(SIZE / clouds().texels * surface.patch_size / RASTER.pixel_nm)
    for shifted, kept in (
        (factor[period:], factor[:-period]),
        (factor.T[period:], factor.T[:-period]),
    ):
        assert np.corrcoef(shifted.ravel(), kept.ravel())[0, 1] < 0.7


def test_each_particle_has_its_own_patches() -> None:
    """At the same place, another particle has others."""
    surface = ElectronSurface(patch_contrast=0.2, patch_size=200.0)
    here, elsewhere = (60, 120, 50, 50), (180, 120, 50, 50)
    one, other = (
        patchy(seen(RASTER, balls, particles=surface), Streams(1).counted)[80:160, 20:100]
        for balls in ([here], [elsewhere, here])
    )
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.3


@pytest.mark.parametrize("texels_apart", [0.2, 0.9])
def test_between_texels_a_surface_is_smooth(texels_apart: float) -> None:
    """Heights are those of the slopes, not of a stair."""
    texture = cells()
    step = np.float32(texels_apart / texture.texels)
    along = np.arange(400, dtype=np.float32) * step
    height, slope, _ = texture.between(along, np.full_like(along, 3.21)).T
    error = np.diff(height) / step - (slope[1:] + slope[:-1]) / 2
    assert error.std() < 0.1 * slope.std()
    stair = texture.at(along, np.full_like(along, 3.21))[:, 0]
    assert abs(np.diff(height, 2)).max() < abs(np.diff(stair, 2)).max() / 2


def test_textures_have_unit_deviation_and_the_slope_of_a_unit_wave() -> None:
    values = cells().values.astype(np.float64)
    assert values[:, 0].mean() == pytest.approx(0, abs=1e-4)
    assert values[:, 0].std() == pytest.approx(1, abs=1e-5)
    assert np.sqrt((values[:, 1:] ** 2).sum(axis=1).mean()) == pytest.approx(math.tau, rel=1e-5)
    assert clouds().values.std() == pytest.approx(1, abs=1e-5)


def test_textures_stay_where_they_are_on_the_specimen() -> None:
    """Whatever the margin, the magnification and the number of pixels."""
    uneven = ElectronSurface(
        relief_amplitude=15.0, relief_wavelength=9000.0, patch_contrast=0.3, patch_size=9000.0
    )
    found = []
    for raster in (
        Raster(80, 60, 0, 400.0),
        Raster(80, 60, 11, 400.0),
        Raster(240, 180, 0, 400.0 / 3),
        Raster(240, 180, 5, 400.0),
    ):
        view = seen(raster, [], ground=uneven)
        normals, _ = relief(view)
        images = [raster.inner(image) for image in (*normals[:2], patchy(view, Streams(1).counted))]
        found.append(np.stack(images))
    plain, margin, finer, wider = found
    np.testing.assert_allclose(margin, plain, atol=1e-5)
    # The texture is looked up at the nearest of its texels.
    for image in (finer[:, 1::3, 1::3], wider[:, 60:120, 80:160]):
        assert np.corrcoef(image.ravel(), plain.ravel())[0, 1] > 0.99
        np.testing.assert_allclose(image, plain, atol=0.1)
