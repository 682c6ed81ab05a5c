"""Vacuum: a substrate of it is not there, and neither is a particle, but for its labels."""

from __future__ import annotations

import numpy as np
import pytest

from scene.specimen.specimen import MeasurementTechnique, Specimen

from .conftest import StageFactory, bead


@pytest.mark.parametrize(
    "microscope", ["secondary_electron_microscope", "scanning_electron_microscope"]
)
def test_a_substrate_of_vacuum_is_none(new_stage: StageFactory, microscope: str) -> None:
    import bpy

    images = {}
    for background in ("vacuum", None, "sem_carbon_tape"):
        stage = new_stage()
        technique = MeasurementTechnique("T", microscope, background, {})
        stage.sync(Specimen([bead(1, (0.0, 0.0, 20.0), diameter=30.0)], [technique]))
        images[background] = stage.frame(frozenset({1})).real()
        is_hidden = bpy.context.scene.objects["Substrate"].hide_render
        assert is_hidden == (background != "sem_carbon_tape")
    assert np.array_equal(images["vacuum"], images[None])
    assert not np.array_equal(images["sem_carbon_tape"], images[None])


@pytest.mark.parametrize(
    "microscope", ["secondary_electron_microscope", "scanning_electron_microscope"]
)
def test_a_particle_of_vacuum_is_labelled_and_not_seen(
    new_stage: StageFactory, microscope: str
) -> None:
    stage = new_stage()
    particle = bead(1, (0.0, 0.0, 20.0), diameter=30.0)
    particle.material = "vacuum"
    technique = MeasurementTechnique("T", microscope, None, {"noise_coefficient": 0.0})
    stage.sync(Specimen([particle], [technique]))
    frame = stage.frame(frozenset({1}))
    assert (frame.buffers.instance == 1).any()
    assert frame.real().max() <= 1
