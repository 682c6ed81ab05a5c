"""Relaxation: beads end inside the volume, apart from each other, and nothing is left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.specimen import Specimen

from .conftest import StageFactory, bead, particles_in, scattered, specimen

if TYPE_CHECKING:
    from scene.blender.stage import Stage

FALLING = {"collision_shape": "SPHERE", "use_gravity": True, "num_frames": 250}


def relax(
    stage: Stage, world: Specimen, **settings: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ids = frozenset(particle.id for particle in world.particles)
    stage.relax(world, ids, RelaxationSettings(**FALLING | settings))
    locations = np.array([p.features["location"] for p in world.particles])
    radii = np.array([p.features["dimensions"][0] / 2 for p in world.particles])
    return locations, radii


@pytest.mark.parametrize("gravity", [-100.0, -10_000.0])
def test_beads_come_to_rest_inside_the_volume_and_apart(
    new_stage: StageFactory, gravity: float
) -> None:
    world = specimen(*scattered(150))
    locations, radii = relax(new_stage(), world, gravity=(0.0, 0.0, gravity), num_frames=120)
    slack = 0.05 * radii
    assert (locations[:, 2] - radii > -slack).all()
    assert (np.abs(locations[:, :2]).max(axis=1) + radii < 60.0 + slack).all()
    distance = np.linalg.norm(locations[:, None] - locations[None], axis=-1)
    np.fill_diagonal(distance, np.inf)
    gap = distance - radii[:, None] - radii[None]
    assert (gap > -0.05 * np.minimum(radii[:, None], radii[None])).all()
    assert np.median(locations[:, 2] - radii) < 8.0


def test_the_pose_before_the_first_relaxation_is_kept(new_stage: StageFactory) -> None:
    world, stage = specimen(*scattered(20)), new_stage()
    before = [particle.features["location"] for particle in world.particles]
    for _ in range(2):
        relax(stage, world, gravity=(0.0, 0.0, -100.0), num_frames=20)
    assert [particle.initial_pose["location"] for particle in world.particles] == before
    assert [particle.features["location"] for particle in world.particles] != before


def test_the_same_start_gives_the_same_end(new_stage: StageFactory) -> None:
    ends = []
    for _ in range(2):
        world = specimen(*scattered(60))
        ends.append(relax(new_stage(), world, gravity=(0.0, 0.0, -100.0), num_frames=40)[0])
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize(
    ("num_frames", "substeps", "time_scale", "merged"),
    [(40, 10, 1.0, 40), (40, 10, 5.0, 8), (10, 7, 0.3, 2), (7, 7, 1.0, 1), (1, 1, 100.0, 1)],
)
def test_merged_frames_give_the_same_poses_to_the_bit(
    new_stage: StageFactory,
    monkeypatch: pytest.MonkeyPatch,
    num_frames: int,
    substeps: int,
    time_scale: float,
    merged: int,
) -> None:
    from scene.blender import physics

    settings: dict[str, Any] = {
        "gravity": (0.0, 0.0, -100.0),
        "num_frames": num_frames,
        "substeps_per_frame": substeps,
        "time_scale": time_scale,
    }
    assert physics.merged_frames(RelaxationSettings(**FALLING | settings)) == merged
    ends = []
    for _ in range(2):
        world = specimen(*scattered(60))
        relax(new_stage(), world, **settings)
        ends.append([(p.features["location"], p.features["rotation"]) for p in world.particles])
        monkeypatch.setattr(physics, "merged_frames", lambda _: 1)
    assert ends[0] == ends[1]


def test_nothing_is_left_behind(new_stage: StageFactory) -> None:
    import bpy

    stage = new_stage()
    world = specimen(*scattered(5))
    stage.sync(world)
    scene = bpy.context.scene
    scene.frame_set(3)
    objects = len(bpy.data.objects)
    before = tuple(scene.gravity), scene.use_gravity, len(bpy.data.collections)
    relax(stage, world, gravity=(0.0, 0.0, -100.0), num_frames=10)
    assert scene.rigidbody_world is None
    assert all(made.rigid_body is None for made in bpy.data.objects)
    assert len(bpy.data.objects) == objects
    assert scene.frame_current == 3
    assert (tuple(scene.gravity), scene.use_gravity, len(bpy.data.collections)) == before


def test_only_the_given_particles_move_and_the_scene_follows(new_stage: StageFactory) -> None:
    import bpy

    still, falling = bead(1, (-20.0, 0.0, 40.0)), bead(2, (20.0, 0.0, 40.0))
    world = specimen(still, falling)
    settings: Any = FALLING | {"gravity": (0.0, 0.0, -100.0)}
    new_stage().relax(world, frozenset({2}), RelaxationSettings(**settings))
    assert still.features["location"] == (-20.0, 0.0, 40.0)
    assert "rotation" not in still.features
    assert falling.features["location"][2] == pytest.approx(3.0, abs=0.05)
    assert len(falling.features["rotation"]) == 3
    assert particles_in(bpy.context.scene)[2][0] == list(falling.features["location"])
    assert not [made for made in bpy.context.scene.objects if made.name.startswith("Bead")]


def test_without_gravity_or_contact_nothing_moves(new_stage: StageFactory) -> None:
    world = specimen(bead(1, (0.0, 0.0, 25.0)))
    locations, _ = relax(new_stage(), world, use_gravity=False, num_frames=10)
    np.testing.assert_allclose(locations[0], (0.0, 0.0, 25.0), atol=1e-5)
