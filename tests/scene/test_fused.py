"""Metaballs that have grown together: exact masks, depths, normals and outlines of each ball."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from scene.imaging.visibility import occluded_fractions
from scene.shapes.metaballs import field_radius
from scene.specimen.specimen import Particle, Specimen

from .conftest import StageFactory, specimen

type Array = NDArray[np.float64]

SIZE = 128
SMALL = {"resolution": [SIZE, SIZE], "resolution_percentage": 100}
"""10 pixels for a scene unit, and the origin in the middle."""


def ball(
    particle_id: int,
    location: tuple[float, float, float],
    diameter: float = 4.0,
    threshold: float = 0.6,
    **features: float,
) -> Particle:
    values = {
        "dimensions": (diameter,) * 3,
        "location": location,
        "influence_threshold": threshold,
        **features,
    }
    return Particle(
        particle_id, "Ball", particle_id - 1, "meta_ball_sphere", "sem_polystyrene", values
    )


def rays() -> Array:
    """Return where the pixels' centres lie, (SIZE, SIZE, 2)."""
    ticks = (np.arange(SIZE) + 0.5 - SIZE / 2) / 10
    return np.stack(np.meshgrid(ticks, -ticks, indexing="xy"), axis=-1)


def fields(points: Array, world: Specimen) -> Array:
    """Return the field of each ball at points, from the formula."""
    found = []
    for particle in world.particles:
        diameter, threshold = (
            particle.features["dimensions"],
            particle.features["influence_threshold"],
        )
        radius = field_radius(diameter[0], threshold)
        squares = ((points - np.array(particle.features["location"])) ** 2).sum(axis=-1)
        found.append(2.0 * np.clip(1.0 - squares / radius**2, 0.0, None) ** 3)
    return np.stack(found, axis=-1)


def marched(world: Specimen) -> tuple[NDArray[np.int64], Array]:
    """Return what each pixel shows by marching its ray: ids, 0 for nothing, and heights."""
    threshold = world.particles[0].features["influence_threshold"]
    xy = rays()
    heights = np.linspace(10.0, 0.0, 250)
    low = np.full((SIZE, SIZE), np.nan)
    for height in heights:
        inside = fields(at(xy, np.full((SIZE, SIZE), height)), world).sum(axis=-1) >= threshold
        low[np.isnan(low) & inside] = height
    seen = ~np.isnan(low)
    low = np.where(seen, low, 0.0)
    high = low + (heights[0] - heights[1])
    for _ in range(40):
        middle = (low + high) / 2
        inside = fields(at(xy, middle), world).sum(axis=-1) >= threshold
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    strongest = np.argmax(fields(at(xy, low), world), axis=-1) + 1
    return np.where(seen, strongest, 0), np.where(seen, low, np.nan)


def gradient(points: Array, world: Specimen) -> Array:
    """Return the unit normals of the surface by differences of the field."""
    step = 1e-5
    slopes = [
        (fields(points + step * axis, world) - fields(points - step * axis, world)).sum(axis=-1)
        for axis in np.eye(3)
    ]
    normals = -np.stack(slopes, axis=-1)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def at(xy: Array, height: Array) -> Array:
    return np.concatenate([xy, height[..., np.newaxis]], axis=-1)


def border(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the pixels with a neighbour that shows something else."""
    edge = np.zeros(ids.shape, dtype=bool)
    edge[1:] |= ids[1:] != ids[:-1]
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    return binary_dilation(edge, iterations=1)


TWO = (ball(1, (-1.8, 0.3, 5.0)), ball(2, (1.8, -0.4, 5.5)))
UNEQUAL = (ball(1, (-1.0, 0.0, 5.0), 6.0), ball(2, (2.6, 0.8, 6.0), 2.5))
TIGHT = (ball(1, (-1.9, 0.3, 5.0), 4.0, 0.001), ball(2, (1.9, -0.4, 5.5), 4.0, 0.001))
THREE = (*TWO, ball(3, (0.2, 2.6, 4.0)))


@pytest.mark.parametrize("balls", [TWO, UNEQUAL, TIGHT, THREE])
def test_every_pixel_shows_the_ball_whose_field_is_the_strongest(
    new_stage: StageFactory, balls: tuple[Particle, ...]
) -> None:
    world, stage = specimen(*balls), new_stage(**SMALL)
    stage.sync(world)
    buffers = stage.frame(frozenset(range(1, len(balls) + 1))).buffers
    ids, heights = marched(world)
    wrong = buffers.instance != ids
    assert not (wrong & ~border(ids)).any()
    assert np.count_nonzero(wrong) <= 4  # of some 700 at borders
    inner = (ids > 0) & ~border(ids)
    distance = buffers.depth[inner] + heights[inner]
    assert np.abs(distance - np.median(distance)).mean() < 0.005
    world_axes = gradient(at(rays(), heights)[inner], world)
    cosines = np.einsum("ij,ij->i", buffers.normal[inner], world_axes)
    assert np.degrees(np.arccos(np.clip(cosines, -1, 1))).mean() < 0.45  # one step of normal_map


def test_what_is_rendered_does_not_depend_on_the_fidelity(new_stage: StageFactory) -> None:
    world = specimen(*THREE)
    shown = []
    for fidelity in ("fast", "reference"):
        stage = new_stage(fidelity=fidelity, **SMALL)
        stage.sync(world)
        shown.append(stage.frame(frozenset({1, 2, 3})).buffers)
    np.testing.assert_array_equal(shown[0].instance, shown[1].instance)
    np.testing.assert_array_equal(shown[0].normal, shown[1].normal)


def test_a_ball_that_is_alone_in_an_image_is_a_sphere(new_stage: StageFactory) -> None:
    world, stage = specimen(*TWO), new_stage(**SMALL)
    stage.sync(world)
    lone = stage.frame(frozenset({1})).buffers.instance
    squares = ((rays() - np.array([-1.8, 0.3])) ** 2).sum(axis=-1)
    assert np.count_nonzero(lone) == pytest.approx(np.count_nonzero(squares < 4.0), rel=0.003)
    fused = stage.frame(frozenset({1, 2})).buffers.instance
    among = stage.frame(frozenset({1}), frozenset({2})).buffers.instance
    np.testing.assert_array_equal(among, np.where(fused == 1, 1, 0))
    assert np.count_nonzero(among != lone) > 20  # the neck on one side


def test_outlines_are_those_of_the_parts(new_stage: StageFactory) -> None:
    above = (ball(1, (0.0, 0.0, 3.0)), ball(2, (1.2, 0.0, 6.2)), ball(3, (-4.0, 2.0, 4.0)))
    world, stage = specimen(*above), new_stage(**SMALL)
    stage.sync(world)
    frame = stage.frame(frozenset({1, 2, 3}))
    instance = frame.buffers.instance
    covered = {}
    for particle_id, shape in frame.footprints():
        mask = np.zeros(instance.shape, dtype=bool)
        height, width = shape.mask.shape
        mask[shape.top : shape.top + height, shape.left : shape.left + width] = shape.mask
        covered[particle_id] = mask
    assert sorted(covered) == [1, 2, 3]
    union = covered[1] | covered[2] | covered[3]
    assert np.count_nonzero(union != (instance > 0)) <= 2
    for particle_id, mask in covered.items():
        assert np.count_nonzero((instance == particle_id) & ~mask) <= 2
    lower, upper, apart = occluded_fractions(instance, frame.footprints(), 3)
    assert upper == pytest.approx(0.0, abs=0.01)
    assert apart == 0.0
    assert lower == pytest.approx(1 - (instance == 1).sum() / covered[1].sum(), abs=0.01)
    assert 0.4 < lower < 0.9


def test_of_two_balls_in_one_place_the_first_is_seen(new_stage: StageFactory) -> None:
    world = specimen(ball(1, (0.0, 0.0, 4.0)), ball(2, (0.0, 0.0, 4.000001)))
    stage = new_stage(**SMALL)
    stage.sync(world)
    frame = stage.frame(frozenset({1, 2}))
    assert set(np.unique(frame.buffers.instance)) == {0, 1}
    assert [particle_id for particle_id, _ in frame.footprints()] == [1]
    assert set(np.unique(stage.frame(frozenset({2})).buffers.instance)) == {0, 2}


def test_simulations_take_each_ball_alone_and_files_the_fused_surface_once(
    new_stage: StageFactory, tmp_path: Path
) -> None:
    import bpy

    world, stage = specimen(*TWO), new_stage(**SMALL)
    alone = stage.surfaces(world, frozenset({1, 2}))
    for particle in world.particles:
        centre = np.array(particle.features["location"])
        distances = np.linalg.norm(alone[particle.id].vertices - centre, axis=1)
        np.testing.assert_allclose(distances, 2.0, rtol=1e-5)
    fused = stage.frame(frozenset({1, 2})).surfaces()
    points = np.concatenate([fused[1].vertices, fused[2].vertices])
    np.testing.assert_allclose(fields(points, world).sum(axis=-1), 0.6, atol=1e-3)
    stage.save(tmp_path / "state.blend")
    made = bpy.data.objects["Ball.00000"]
    assert len(made.data.vertices) > 1178  # as many as a lone ball has, and those of the seam
    moved = specimen(ball(1, (-5.0, 0.0, 4.0)), ball(2, (5.0, 0.0, 4.0)))
    stage.sync(moved)
    stage.save(tmp_path / "state.blend")
    assert len(made.data.vertices) == 1178


def test_parts_are_of_as_many_meshes_as_needed(new_stage: StageFactory) -> None:
    import bpy

    world, stage = specimen(*THREE), new_stage(**SMALL)
    stage.sync(world)
    frame = stage.frame(frozenset({1, 2, 3}))
    _ = frame.buffers
    before = len(bpy.data.objects), len(bpy.data.meshes)
    for ids in ({1}, {2, 3}, {3}):
        _ = stage.frame(frozenset(ids)).buffers
    assert (len(bpy.data.objects), len(bpy.data.meshes)) == before
    assert len(list(frame.footprints())) == 3
    assert frame.real().any()
    assert frame.xray().any()


def test_patterns_go_on_from_ball_to_ball(new_stage: StageFactory) -> None:
    import bpy

    world, stage = specimen(*THREE), new_stage(**SMALL)
    stage.sync(world)
    stage._particles.fuse()
    centres, sizes = set(), set()
    for particle in world.particles:
        mesh = bpy.data.objects[f"Ball.{particle.index:05d}"].data
        place = np.array(particle.features["location"]) + mesh.texspace_location
        centres.add(tuple(np.round(place, 4)))
        sizes.add(tuple(mesh.texspace_size))
    assert len(centres) == len(sizes) == 1


def test_balls_of_a_blueprint_share_their_threshold(new_stage: StageFactory) -> None:
    world = specimen(TWO[0], ball(2, (1.8, 0.0, 5.0), threshold=0.5))
    with pytest.raises(ValueError, match="'Ball' fuse, so all have the same influence_threshold"):
        new_stage(**SMALL).sync(world)
