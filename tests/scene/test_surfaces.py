"""Surfaces of particles: where they are rendered, and of what is rendered."""

from __future__ import annotations

import math

import numpy as np
import pytest

from .conftest import StageFactory, bead, ellipsoid, specimen


def test_surfaces_lie_where_the_particles_are(new_stage: StageFactory) -> None:
    lying = ellipsoid(2, (10.0, -4.0, 8.0), 2.0, 4.0, 6.0)
    lying.features["rotation"] = (math.pi / 2, 0.0, 0.0)  # y and z change places
    world = specimen(bead(1, (1.0, 2.0, 30.0), 5.0, subdivisions=2), lying, bead(3, (0.0,) * 3))
    stage = new_stage()
    found = stage.surfaces(world, frozenset({2, 1}))
    assert list(found) == [1, 2]
    for particle, sides in ((world.particles[0], (5.0, 5.0, 5.0)), (lying, (2.0, 6.0, 4.0))):
        corners = found[particle.id].vertices
        centre = particle.features["location"]
        np.testing.assert_allclose((corners.min(0) + corners.max(0)) / 2, centre, atol=1e-5)
        np.testing.assert_allclose(np.ptp(corners, axis=0), sides, rtol=1e-5)
        volume = math.pi / 6 * math.prod(sides)
        assert found[particle.id].volume == pytest.approx(volume, rel=0.01)
    shown = stage.frame(frozenset({2}), frozenset({1})).surfaces()
    assert list(shown) == [2]
    np.testing.assert_array_equal(shown[2].vertices, found[2].vertices)


def test_modifiers_act_as_in_a_render(new_stage: StageFactory) -> None:
    import bpy

    stage, world = new_stage(), specimen(ellipsoid(1, (0.0, 0.0, 9.0), 2.0, 4.0, 6.0))
    plain = stage.surfaces(world, frozenset({1}))[1]
    modifier = bpy.data.objects["Bead.00000"].modifiers.new("Finer", "SUBSURF")
    modifier.levels, modifier.render_levels = 0, 1
    finer = stage.surfaces(world, frozenset({1}))[1]
    assert len(finer.triangles) == 4 * len(plain.triangles)
    assert modifier.levels == 0
    modifier.show_render = False
    assert len(stage.surfaces(world, frozenset({1}))[1].triangles) == len(plain.triangles)


def test_nothing_is_left_behind(new_stage: StageFactory) -> None:
    import bpy

    stage, world = new_stage(), specimen(bead(1, (0.0, 0.0, 9.0)))
    stage.sync(world)
    objects = len(bpy.data.objects)
    stage.surfaces(world, frozenset({1}))
    assert len(bpy.data.objects) == objects
