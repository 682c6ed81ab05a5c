"""How many pixels Blender renders, against how many we count."""

from __future__ import annotations

import pytest

from scene.blender.session import Session
from scene.errors import RenderError
from scene.imaging.size import rendered_size
from scene.imaging.visibility import occluded_fractions
from scene.recipe.schema import RenderSettings

from .conftest import StageFactory, bead, specimen

NOTHING: frozenset[int] = frozenset()


@pytest.mark.parametrize("resolution", [(200, 200), (100, 128), (960, 333), (16, 1000)])
def test_blender_renders_as_many_pixels_as_we_count(
    session: Session, new_stage: StageFactory, resolution: tuple[int, int]
) -> None:
    import bpy

    from scene.blender.buffers import render_buffers
    from scene.blender.ground_truth import GroundTruth

    new_stage().sync(specimen())
    shapes, counted = {}, {}
    for percentage in range(1, 101):
        settings = RenderSettings.model_construct(
            resolution=resolution, resolution_percentage=percentage
        )
        width, height = settings.size
        if min(width, height) == 0:
            continue  # is no recipe
        truth = GroundTruth(bpy.context.scene, settings, session.set_up)
        shapes[percentage] = render_buffers(truth, [], [], []).depth.shape
        counted[percentage] = (height, width)
    assert shapes == counted
    assert len(shapes) > 90


def test_what_blender_renders_in_another_size_is_an_error(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = new_stage(resolution=(200, 200), resolution_percentage=57)
    stage.sync(specimen())
    monkeypatch.setattr(RenderSettings, "size", property(lambda _: (113, 113)))
    frame = stage.frame(NOTHING)
    for look in (lambda: frame.buffers, frame.xray, frame.real):
        with pytest.raises(RenderError, match="with 114 x 114 pixels instead of 113 x 113"):
            look()


@pytest.mark.parametrize("percentage", [29, 41, 57, 58, 69, 82])
def test_a_free_particle_is_free_at_every_percentage(
    new_stage: StageFactory, percentage: int
) -> None:
    stage = new_stage(resolution=(200, 100), resolution_percentage=percentage)
    particles = [bead(1, (-6.87, 2.61, 2.0), 4.0), bead(2, (7.93, -2.44, 2.0), 4.0)]
    stage.sync(specimen(*particles))
    frame = stage.frame(frozenset({1, 2}))
    buffers = frame.buffers
    assert buffers.instance.shape == rendered_size((200, 100), percentage)[::-1]
    for particle_id, footprint in frame.footprints():
        height, width = footprint.mask.shape
        seen = buffers.instance == particle_id
        window = seen[footprint.top :, footprint.left :][:height, :width]
        assert seen.sum() == window.sum()
        assert (window != footprint.mask).sum() <= 1
    assert occluded_fractions(buffers.instance, frame.footprints(), 2) == pytest.approx(
        [0.0, 0.0], abs=0.01
    )
