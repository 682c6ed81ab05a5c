"""Geometry buffers against the analytic sphere, and what belongs to them."""

from __future__ import annotations

from unittest.mock import MagicMock

import numpy as np
import pytest
from numpy.typing import NDArray

from scene.imaging.modes import Categorical, DepthMap, NormalMap, Stylized
from scene.microscopy.geometry import GeometryBuffers

from .conftest import StageFactory, bead, scattered, specimen

CAMERA_HEIGHT = 51.2


def pixel_centres(
    size: int, width: float = 96.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ticks = (np.arange(size) + 0.5) / size * width - width / 2
    x, y = np.meshgrid(ticks, -ticks)
    return x, y


@pytest.fixture(params=["fast", "reference"])
def sphere_buffers(new_stage: StageFactory, request: pytest.FixtureRequest) -> GeometryBuffers:
    stage = new_stage(resolution_percentage=25, fidelity=request.param)
    stage.sync(specimen(bead(65_535, (10.0, -5.0, 7.0), diameter=40.0, subdivisions=4)))
    return stage.frame(frozenset({65_535})).buffers


def test_depth_is_that_of_the_analytic_sphere(sphere_buffers: GeometryBuffers) -> None:
    x, y = pixel_centres(240)
    squared = (x - 10.0) ** 2 + (y + 5.0) ** 2
    inside = squared < 19.0**2
    expected = CAMERA_HEIGHT - 7.0 - np.sqrt(20.0**2 - squared[inside])
    assert sphere_buffers.depth.dtype == np.float32
    np.testing.assert_allclose(sphere_buffers.depth[inside], expected, atol=0.02)
    assert np.isinf(sphere_buffers.depth[squared > 20.01**2]).all()


def test_the_silhouette_is_that_of_the_analytic_sphere(sphere_buffers: GeometryBuffers) -> None:
    x, y = pixel_centres(240)
    radius = np.hypot(x - 10.0, y + 5.0)
    clear = np.abs(radius - 20.0) > 0.02  # a twentieth of a pixel
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(sphere_buffers.instance[clear] == 65_535, radius[clear] < 20.0)


def test_normals_are_those_of_the_analytic_sphere(sphere_buffers: GeometryBuffers) -> None:
    x, y = pixel_centres(240)
    inside = np.hypot(x - 10.0, y + 5.0) < 19.0
    normal = sphere_buffers.normal[inside]
    nx, ny = (x[inside] - 10.0) / 20.0, (y[inside] + 5.0) / 20.0
    expected = np.stack([nx, ny, np.sqrt(1 - nx**2 - ny**2)], axis=-1)
    np.testing.assert_allclose(normal, expected, atol=0.01)


def test_a_point_is_the_analytic_sphere(new_stage: StageFactory) -> None:
    stage = new_stage(resolution_percentage=25)
    stage.sync(specimen(bead(9, (10.003, -5.007, 7.0), diameter=40.0)))
    buffers = stage.frame(frozenset({9})).buffers
    x, y = pixel_centres(240)
    x, y = x - 10.003, y + 5.007
    np.testing.assert_array_equal(buffers.instance == 9, np.hypot(x, y) <= 20.0)
    inside = np.hypot(x, y) < 19.9
    # Cycles' rays lie within a thousandth of a pixel of the pixels' centres.
    height = np.sqrt(20.0**2 - x[inside] ** 2 - y[inside] ** 2)
    slope = np.hypot(x, y)[inside] / height
    error = np.abs(buffers.depth[inside] - (CAMERA_HEIGHT - 7.0 - height))
    assert (error < 4e-4 * (1 + slope)).all()
    normal = np.stack([x[inside], y[inside], height], axis=-1) / 20.0
    np.testing.assert_allclose(buffers.normal[inside], normal, atol=1e-3)


def test_what_a_ray_only_touches_has_an_id(new_stage: StageFactory) -> None:
    import bpy

    # The ray through the centre of pixel (665, 764) meets this bead's edge at a right angle to its
    # normal, to the last bit: no light of the bead's goes that way.
    stage = new_stage(resolution=(1184, 1184), resolution_percentage=100)
    place = 8.639510238964986, 2.092872457334372, 38.175065454109394
    stage.sync(specimen(bead(606, place, diameter=12.396246154327107)))
    (camera,) = bpy.data.cameras
    camera.ortho_scale = 64 / 1.81665866351387 * (1184 / 640)
    buffers = stage.frame(frozenset({606})).buffers
    assert buffers.instance[665, 764] == 606


def test_normals_have_unit_length_and_face_the_camera(new_stage: StageFactory) -> None:
    particles = scattered(40)
    stage = new_stage()
    stage.sync(specimen(*particles))
    buffers = stage.frame(frozenset(range(1, 41))).buffers
    seen = buffers.instance > 0
    np.testing.assert_allclose(np.linalg.norm(buffers.normal[seen], axis=-1), 1.0, atol=1e-5)
    assert (buffers.normal[seen][:, 2] > 0).all()
    assert not buffers.normal[~seen].any()


def test_ids_are_exact_up_to_the_largest(new_stage: StageFactory) -> None:
    ids = [1, 255, 256, 32_767, 32_768, 40_001, 65_534, 65_535]
    stage = new_stage(resolution_percentage=20)
    stage.sync(specimen(*(bead(key, (-42.0 + 12 * k, 3.0, 5.0)) for k, key in enumerate(ids))))
    buffers = stage.frame(frozenset(ids)).buffers
    columns = ((-42.0 + 12 * np.arange(8) + 48.0) * 2).astype(int)
    assert buffers.instance[(48 - 3) * 2, columns].tolist() == ids
    assert set(np.unique(buffers.instance).tolist()) == {0, *ids}


def test_overlapping_particles_hide_but_are_nothing(new_stage: StageFactory) -> None:
    behind, before = bead(1, (0.0, 0.0, 5.0), diameter=20.0), bead(2, (0.0, 0.0, 30.0))
    stage = new_stage()
    stage.sync(specimen(behind, before, bead(3, (20.0, 0.0, 5.0))))
    alone = stage.frame(frozenset({1})).buffers
    hidden = stage.frame(frozenset({1}), frozenset({2})).buffers
    both = stage.frame(frozenset({1, 2})).buffers
    assert alone.instance[48, 48] == 1
    assert set(np.unique(alone.instance).tolist()) == {0, 1}
    covered = both.instance == 2
    assert covered.sum() > 20
    assert not hidden.instance[covered].any()
    assert np.isinf(hidden.depth[covered]).all()
    np.testing.assert_array_equal(hidden.instance[~covered], alone.instance[~covered])
    assert set(np.unique(hidden.instance).tolist()) == {0, 1}


def test_a_second_mode_does_not_render_again(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scene.blender import buffers

    rendered = MagicMock(wraps=buffers.render_passes)
    monkeypatch.setattr(buffers, "render_passes", rendered)
    world = specimen(bead(1, (0.0, 0.0, 5.0)))
    stage = new_stage()
    for mode in (Categorical(), DepthMap(), NormalMap(), Stylized()):
        stage.sync(world)
        mode.render(stage.frame(frozenset({1})))
    assert rendered.call_count == 1
    world.particles[0].features["location"] = (5.0, 0.0, 5.0)
    stage.sync(world)
    moved = stage.frame(frozenset({1})).buffers
    assert rendered.call_count == 2
    assert moved.instance[48, 53] == 1


def test_the_number_of_particles_can_grow_and_shrink(new_stage: StageFactory) -> None:
    first, second = bead(1, (-20.0, 0.0, 5.0)), bead(2, (20.0, 0.0, 5.0))
    stage = new_stage()
    for particles in ([first], [first, second], [second]):
        stage.sync(specimen(*particles))
        ids = {particle.id for particle in particles}
        buffers = stage.frame(frozenset(ids)).buffers
        assert set(np.unique(buffers.instance).tolist()) == {0, *ids}


def test_equal_beads_share_one_mesh(new_stage: StageFactory) -> None:
    import bpy

    stage = new_stage(fidelity="reference")
    stage.sync(specimen(*scattered(30), bead(31, (0.0, 0.0, 9.0), subdivisions=2)))
    shared = [mesh for mesh in bpy.data.meshes if mesh.name.startswith("Sphere")]
    assert len(shared) == 2
    assert len([m for m in bpy.data.materials if m.name.startswith("sem_polystyrene")]) == 1
    assert not bpy.data.pointclouds
