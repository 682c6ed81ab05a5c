"""Spheres as points of clouds, beside other particles as objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from scene.specimen.specimen import LARGEST_PARTICLE_ID, Particle

from .conftest import StageFactory, bead, ellipsoid, particles_in, specimen

if TYPE_CHECKING:
    import bpy


def forms(scene: bpy.types.Scene) -> tuple[list[list[int]], list[int]]:
    """Return the ids in each cloud, and those of objects."""
    clouds, objects = [], []
    for made in scene.objects:
        if made.type == "POINTCLOUD":
            clouds.append([point.value for point in made.data.attributes["particle_id"].data])
        elif "particle_id" in made:
            objects.append(made["particle_id"])
    return clouds, objects


def mixed() -> list[Particle]:
    # No centre of a pixel lies on an outline.
    places = {key: (12.0 * key - 41.987, 3.0 * key - 10.019, 8.0 + key) for key in range(1, 7)}
    beads = [bead(key, places[key], 14.0) for key in (1, 2, 5)]
    others = [ellipsoid(key, places[key], 15.0, 9.0, 12.0) for key in (3, 6)]
    patched = bead(4, places[4], 14.0)
    patched.material = "sem_patchy_silicone"
    return sorted((*beads, *others, patched), key=lambda particle: particle.id)


def test_spheres_of_one_material_are_one_cloud(new_stage: StageFactory) -> None:
    import bpy

    coarse = bead(7, (0.0, 20.0, 5.0), subdivisions=0)
    new_stage().sync(specimen(*mixed(), coarse))
    # Stretched ones are no spheres, and the other material goes by an object's coordinates.
    assert forms(bpy.context.scene) == ([[1, 2, 5, 7]], [3, 4, 6])
    assert len(bpy.data.pointclouds) == 1


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
def test_what_is_absent_leaves_no_trace(new_stage: StageFactory, fidelity: str) -> None:
    everything = mixed()
    present = [particle for particle in everything if particle.id in {2, 3, 5}]
    images = []
    for particles in (everything, present):
        stage = new_stage(max_samples=4, fidelity=fidelity)
        stage.sync(specimen(*particles))
        views = (({3, 5}, {2}), ({2}, ()), ({3}, {2, 5}))
        frames = [stage.frame(frozenset(seen), frozenset(unseen)) for seen, unseen in views]
        images.append([
            image
            for frame in frames
            for image in (frame.buffers.instance, frame.buffers.depth, frame.xray(), frame.real())
        ])  # fmt: skip
    for with_others, without in zip(*images, strict=True):
        np.testing.assert_array_equal(with_others, without)


def test_all_kinds_of_particles_show_their_ids(new_stage: StageFactory) -> None:
    stage = new_stage(resolution_percentage=25)
    stage.sync(specimen(*mixed()))
    frame = stage.frame(frozenset(range(1, 7)))
    assert set(np.unique(frame.buffers.instance).tolist()) == {0, *range(1, 7)}
    for particle_id, shape in frame.footprints():
        alone = stage.frame(frozenset({particle_id})).buffers.instance == particle_id
        height, width = shape.mask.shape
        window = alone[shape.top : shape.top + height, shape.left : shape.left + width]
        assert alone.sum() == window.sum() > 100
        assert (window != shape.mask).sum() <= 2


def test_particles_change_their_form_as_their_dimensions_do(new_stage: StageFactory) -> None:
    import bpy

    one, two = bead(1, (-20.0, 0.0, 5.0)), bead(2, (20.0, 0.0, 5.0))
    stage = new_stage(resolution_percentage=50)
    world = specimen()
    steps: list[tuple[list[Particle], tuple[list[list[int]], list[int]]]] = [
        ([], ([], [])),
        ([one], ([[1]], [])),
        ([one, two], ([[1, 2]], [])),
        ([two], ([[2]], [])),
    ]
    for particles, expected in steps:
        world.particles = particles
        stage.sync(world)
        assert forms(bpy.context.scene) == expected
        ids = {particle.id for particle in particles}
        assert set(np.unique(stage.frame(frozenset(ids)).buffers.instance)) == {0, *ids}
    for dimensions, expected in (
        ((6.0, 6.0, 6.5), ([], [2])),
        ((9.0, 9.0, 9.0), ([[2]], [])),
    ):
        two.features["dimensions"] = dimensions
        stage.sync(world)
        assert forms(bpy.context.scene) == expected
        assert particles_in(bpy.context.scene)[2][1] == pytest.approx(list(dimensions))
        seen = stage.frame(frozenset({2})).buffers.instance == 2
        area = 0.2**2 * seen.sum()
        assert area == pytest.approx(np.pi / 4 * dimensions[0] * dimensions[1], rel=0.02)
    assert len(bpy.data.pointclouds) == 1


def test_renders_of_some_leave_no_copies(new_stage: StageFactory) -> None:
    import bpy

    stage = new_stage(max_samples=1)
    stage.sync(specimen(*mixed()))
    before = [[made.name for made in kind] for kind in (bpy.data.objects, bpy.data.pointclouds)]
    frame = stage.frame(frozenset({1, 3}), frozenset({2, 6}))
    frame.real(), frame.xray(), frame.buffers, list(frame.footprints())
    after = [[made.name for made in kind] for kind in (bpy.data.objects, bpy.data.pointclouds)]
    assert after == before


def test_as_many_as_there_are_ids(new_stage: StageFactory) -> None:
    import bpy

    stage = new_stage(resolution_percentage=100)
    side = 255
    ids = np.arange(1, LARGEST_PARTICLE_ID + 1)
    x, y = 0.35 * (ids % side - side / 2), 0.35 * (ids // side - side / 2)
    places = zip(ids.tolist(), x.tolist(), y.tolist(), strict=True)
    particles = [bead(key, (east, north, 5.0), 0.3) for key, east, north in places]
    stage.sync(specimen(*particles))
    instance = stage.frame(frozenset(ids.tolist())).buffers.instance
    assert len(bpy.context.scene.objects) < 10
    columns, rows = np.floor((x + 48) * 10).astype(int), np.floor((48 - y) * 10).astype(int)
    np.testing.assert_array_equal(instance[rows, columns], ids)
