"""Relaxation: beads end inside the volume, apart from each other, and nothing is left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.specimen import Particle, Specimen

from .conftest import StageFactory, bead, ellipsoid, particles_in, scattered, specimen

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


LUMP: dict[str, Any] = {"gravity": (0.0, 0.0, -100.0), "use_gravity": True, "num_frames": 120}


def lump(*places: tuple[float, float, float], **features: Any) -> list[Particle]:
    """Beads of diameter 6 that hang on the first one."""
    beads = [bead(n + 1, place) for n, place in enumerate(places)]
    for made in beads[1:]:
        made.parent = 1
    for made in beads:
        made.features |= {"rotation": (0.3, -0.2, 1.0)} | features
    return beads


@pytest.mark.parametrize("shape", ["SPHERE", "Convex_Hull", "mesh"])
def test_an_agglomerate_moves_as_one_body(new_stage: StageFactory, shape: str) -> None:
    # Slanted, so that it turns over when its lower end meets the floor.
    beads = lump((0.0, 0.0, 12.0), (4.0, 0.0, 15.0), (8.0, 0.0, 18.0))
    alone = bead(4, (-30.0, 0.0, 20.0))
    world = specimen(*beads, alone)
    before = np.array([particle.features["location"] for particle in beads])
    new_stage().relax(world, frozenset({1, 4}), RelaxationSettings(collision_shape=shape, **LUMP))
    after = np.array([particle.features["location"] for particle in beads])
    for ends in (before, after):
        np.testing.assert_allclose(np.linalg.norm(np.diff(ends, axis=0), axis=1), 5.0, rtol=1e-9)
    assert after[:, 2] == pytest.approx(3.0, abs=0.1)  # it lies flat
    turns = {tuple(np.round(particle.features["rotation"], 9)) for particle in beads}
    assert len(turns) == 1  # as before: all alike
    assert turns != {(0.3, -0.2, 1.0)}
    assert alone.features["location"][2] == pytest.approx(3.0, abs=0.05)
    assert beads[1].initial_pose["location"] == (4.0, 0.0, 15.0)


def test_an_agglomerate_is_balanced_at_its_centre_of_mass(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large and a small box on the edge of a table, their mean beyond it, their weight not."""
    import bpy

    from scene.prototypes.technique import Container, MeasurementTechniquePrototype

    def table(_: object, scene: bpy.types.Scene) -> list[Container]:
        top = bpy.data.objects.new("Table", bpy.data.meshes.new("Table"))
        corners = [(-9.0, -9.0, 10.0), (0.0, -9.0, 10.0), (0.0, 9.0, 10.0), (-9.0, 9.0, 10.0)]
        top.data.from_pydata(corners, [], [(0, 1, 2, 3)])
        scene.collection.objects.link(top)
        return [Container(top)]

    monkeypatch.setattr(MeasurementTechniquePrototype, "containers", table)
    large, small = bead(1, (-2.0, 0.0, 14.0), 8.0), bead(2, (3.0, 0.0, 13.0), 6.0)
    small.parent = 1
    settings = RelaxationSettings(collision_shape="BOX", **LUMP | {"damping": 0.5})
    new_stage().relax(specimen(large, small), frozenset({1, 2}), settings)
    assert large.features["location"] == pytest.approx((-2.0, 0.0, 14.0), abs=0.1)
    assert small.features["rotation"] == pytest.approx((0.0, 0.0, 0.0), abs=0.05)


def test_what_hangs_on_a_particle_outside_the_set_stays(new_stage: StageFactory) -> None:
    beads = lump((0.0, 0.0, 12.0), (4.0, 0.0, 15.0))
    new_stage().relax(specimen(*beads), frozenset({2}), RelaxationSettings(**LUMP))
    assert [particle.initial_pose for particle in beads] == [{}, {}]


@pytest.mark.parametrize("shape", ["CONVEX_HULL", "MESH"])
def test_a_ball_is_simulated_as_a_sphere_by_its_own_shape(
    new_stage: StageFactory, shape: str
) -> None:
    ends = []
    for chosen in (shape, "SPHERE"):
        world = specimen(*scattered(20))
        settings = RelaxationSettings(collision_shape=chosen, **LUMP | {"num_frames": 30})
        new_stage().relax(world, frozenset(range(1, 21)), settings)
        ends.append([particle.features for particle in world.particles])
    assert ends[0] == ends[1]


@pytest.mark.parametrize("shape", ["CONVEX_HULL", "MESH"])
def test_an_ellipsoid_rests_on_its_flat_side(new_stage: StageFactory, shape: str) -> None:
    flat = ellipsoid(1, (0.0, 0.0, 20.0), 8.0, 8.0, 4.0)
    flat.features["rotation"] = (1.2, 0.1, 0.4)
    settings = RelaxationSettings(collision_shape=shape, **LUMP | {"damping": 0.9})
    new_stage().relax(specimen(flat), frozenset({1}), settings)
    assert flat.features["location"][2] == pytest.approx(2.0, rel=0.06)


@pytest.mark.parametrize(("source", "height"), [("BASE", 2.0), ("deform", 2.5), ("FINAL", 3.0)])
def test_modifiers_count_as_the_mesh_source_says(
    new_stage: StageFactory, source: str, height: float
) -> None:
    import bpy

    stage, world = new_stage(), specimen(ellipsoid(1, (0.0, 0.0, 20.0), 8.0, 8.0, 4.0))
    stage.sync(world)
    modifiers = bpy.data.objects["Bead.00000"].modifiers
    deform = modifiers.new("Larger", "DISPLACE")
    deform.strength, deform.mid_level = 0.125, 0.0
    shell = modifiers.new("Thicker", "SOLIDIFY")
    shell.thickness, shell.offset = 0.125, 1.0
    stage.relax(world, frozenset({1}), RelaxationSettings(mesh_source=source, **LUMP))
    assert world.particles[0].features["location"][2] == pytest.approx(height, rel=0.06)
    assert deform.show_viewport and shell.show_viewport  # noqa: PT018


def test_several_containers_hold_particles_each_with_its_own_surface(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bpy

    from scene.prototypes.technique import Container, MeasurementTechniquePrototype

    def containers(_: object, scene: bpy.types.Scene) -> list[Container]:
        table = bpy.data.objects.new("Table", bpy.data.meshes.new("Table"))
        corners = [(-9.0, -9.0, 10.0), (9.0, -9.0, 10.0), (9.0, 9.0, 10.0), (-9.0, 9.0, 10.0)]
        table.data.from_pydata(corners, [], [(0, 1, 2, 3)])
        scene.collection.objects.link(table)
        return [Container(table), Container(scene.objects["MeasurementVolume"])]

    monkeypatch.setattr(MeasurementTechniquePrototype, "containers", containers)
    on, beside = bead(1, (0.0, 0.0, 20.0)), bead(2, (30.0, 0.0, 20.0))
    new_stage().relax(specimen(on, beside), frozenset({1, 2}), RelaxationSettings(**LUMP))
    assert on.features["location"][2] == pytest.approx(13.0, abs=0.05)
    assert beside.features["location"][2] == pytest.approx(3.0, abs=0.05)


def satellites(particle_id: int, place: tuple[float, float, float], **features: Any) -> Particle:
    made = bead(particle_id, place)
    made.geometry = "satellite_sphere"
    del made.features["subdivisions"]
    made.features |= {"rotation": (0.4, 0.1, 0.2), **features}
    return made


def test_a_union_of_balls_is_simulated_as_such(new_stage: StageFactory) -> None:
    """It comes to rest on three of them, or on one and the floor below it: on no facet."""
    from scene.prototypes.geometries.satellite_sphere import SatelliteSphere
    from scene.shapes.agglomeration.turns import matrix_of

    made = satellites(1, (0.0, 0.0, 12.0), satellites=5, satellite_ratio=0.4, shape=3)
    lying = {"num_frames": 240, "damping": 0.99}
    new_stage().relax(specimen(made), frozenset({1}), RelaxationSettings(**LUMP | lying))
    geometry = SatelliteSphere()
    features = {spec.name: made.features.get(spec.name, spec.default) for spec in geometry.features}
    balls = 6.0 * geometry.balls(features)
    rotation, location = made.features["rotation"], made.features["location"]
    centres = balls[:, :3] @ matrix_of(rotation).T + location  # type: ignore[arg-type]
    bottoms = np.sort(centres[:, 2] - balls[:, 3])
    assert bottoms[0] == pytest.approx(0.0, abs=0.02)
    assert bottoms[1] == pytest.approx(0.0, abs=0.02)
    assert made.initial_pose["rotation"] == (0.4, 0.1, 0.2)


def test_a_hollow_particle_keeps_its_hollow(new_stage: StageFactory) -> None:
    """A ball falls into a bowl by `MESH`, and stays on top of it by `CONVEX_HULL`."""
    import bpy

    depths = {}
    for shape in ("MESH", "CONVEX_HULL"):
        stage = new_stage()
        bowl, ball = ellipsoid(1, (0.0, 0.0, 5.0), 20.0, 20.0, 10.0), bead(2, (0.0, 0.0, 14.0), 4.0)
        world = specimen(bowl, ball)
        stage.sync(world)
        mesh = bpy.data.objects["Bead.00000"].data
        for vertex in mesh.vertices:
            x, y, z = vertex.co
            if z > 0:
                vertex.co.z = -0.8 * z * (1 - 2 * (x * x + y * y) ** 0.5)
        stage.relax(world, frozenset({1, 2}), RelaxationSettings(collision_shape=shape, **LUMP))
        depths[shape] = ball.features["location"][2]
    assert depths["MESH"] < depths["CONVEX_HULL"] - 1.5
