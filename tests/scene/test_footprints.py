"""Footprints against what Blender renders of each particle alone."""

from __future__ import annotations

import numpy as np
import pytest

from scene.imaging.visibility import occluded_fractions

from .conftest import StageFactory, bead, scattered, specimen


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
def test_a_footprint_is_what_a_particle_shows_alone(new_stage: StageFactory, fidelity: str) -> None:
    particles = scattered(12)
    particles.append(bead(13, (47.0, -46.0, 9.0), diameter=20.0))  # across the frame's corner
    particles.append(bead(14, (80.0, 0.0, 9.0), diameter=6.0))  # outside
    stage = new_stage(resolution_percentage=50, fidelity=fidelity)
    stage.sync(specimen(*particles))
    everything = frozenset(particle.id for particle in particles)
    found = dict(stage.frame(everything).footprints())
    assert found.keys() == everything
    pixels = wrong = 0
    for particle_id, footprint in found.items():
        alone = stage.frame(frozenset({particle_id})).buffers.instance == particle_id
        computed = np.zeros_like(alone)
        height, width = footprint.mask.shape
        rows = slice(footprint.top, footprint.top + height)
        computed[rows, footprint.left : footprint.left + width] = footprint.mask
        pixels += int(alone.sum())
        wrong += int((alone != computed).sum())
    assert pixels > 2000
    assert wrong <= pixels / 2000, "only a centre on an outline may be judged otherwise"
    assert not found[14].mask.any()


@pytest.mark.parametrize("kind", ["ORTHO", "PERSP"])
def test_a_turned_stretched_particle_has_its_own_footprint_with_any_camera(
    new_stage: StageFactory, kind: str
) -> None:
    import bpy

    stage = new_stage(resolution_percentage=25)
    odd = bead(1, (8.0, -4.0, 12.0), diameter=20.0)
    odd.features |= {"dimensions": (30.0, 12.0, 9.0), "rotation": (0.4, 0.9, -0.3)}
    stage.sync(specimen(odd))
    camera = bpy.context.scene.camera
    camera.data.type = kind
    camera.location = (5.0, -30.0, 80.0)
    camera.rotation_euler = (0.35, 0.05, 0.2)
    bpy.context.view_layer.update()
    frame = stage.frame(frozenset({1}))
    alone = frame.buffers.instance == 1
    ((_, footprint),) = frame.footprints()
    assert 1000 < alone.sum() < alone.size / 2
    height, width = footprint.mask.shape
    rows = slice(footprint.top, footprint.top + height)
    window = alone[rows, footprint.left : footprint.left + width]
    assert alone.sum() - window.sum() <= 1
    assert (window != footprint.mask).sum() <= 2


def test_shares_tell_hidden_from_half_hidden_and_free(new_stage: StageFactory) -> None:
    particles = [
        bead(1, (0.0, 0.0, 5.0), diameter=10.0),
        bead(2, (0.0, 0.0, 25.0), diameter=20.0),
        bead(3, (10.0, 0.0, 5.0), diameter=10.0),
        bead(4, (-30.0, 0.0, 5.0), diameter=10.0),
    ]
    stage = new_stage(resolution_percentage=50)
    stage.sync(specimen(*particles))
    frame = stage.frame(frozenset({1, 2, 3, 4}))
    hidden, above, half, free = occluded_fractions(frame.buffers.instance, frame.footprints(), 4)
    assert (hidden, above, free) == (1.0, 0.0, 0.0)
    # A disc of radius 5 whose centre lies on the rim of one of radius 10: the lens of both,
    # r**2 acos(d1 / r) + R**2 acos(d2 / R) - d sqrt(r**2 - d1**2) with d = R, d1 = r**2 / (2 R).
    lens = 25 * np.arccos(0.25) + 100 * np.arccos(0.875) - 10 * np.sqrt(25 - 1.25**2)
    assert half == pytest.approx(lens / (25 * np.pi), abs=0.01)


@pytest.mark.parametrize("fidelity", ["fast", "reference"])
@pytest.mark.parametrize("kind", ["ORTHO", "PERSP"])
def test_a_particle_cut_by_the_camera_s_planes_has_the_footprint_of_what_is_left(
    new_stage: StageFactory, kind: str, fidelity: str
) -> None:
    import bpy

    stage = new_stage(resolution_percentage=25, fidelity=fidelity)
    heights = {1: 52.5, 2: 47.0, 3: 60.0, 4: 7.0, 5: 3.0, 6: -30.0, 7: 25.0}
    stage.sync(
        specimen(
            *(bead(key, (9.0 * key - 36.0, 2.3, z), 8.0) for key, z in heights.items()),
        )
    )
    camera = bpy.context.scene.camera
    camera.data.type = kind
    camera.data.clip_end = 46.2  # at a height of 5
    camera.data.lens = 12.0
    camera.data.shift_x = 0.07
    frame = stage.frame(frozenset(heights))
    shown = set()
    for particle_id, footprint in frame.footprints():
        alone = stage.frame(frozenset({particle_id})).buffers.instance == particle_id
        computed = np.zeros_like(alone)
        height, width = footprint.mask.shape
        rows = slice(footprint.top, footprint.top + height)
        computed[rows, footprint.left : footprint.left + width] = footprint.mask
        assert (alone != computed).sum() <= max(2, alone.sum() / 100), particle_id
        if alone.any():
            shown.add(particle_id)
    shares = occluded_fractions(frame.buffers.instance, frame.footprints(), len(heights))
    assert {key for key, share in enumerate(shares, 1) if share is not None} == shown
    assert {4, 5, 7} <= shown
    assert not {3, 6} & shown, "what lies wholly beyond a plane is nowhere, not hidden"
