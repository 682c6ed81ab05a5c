"""Particles refract as in what fills the measurement volume, which is itself never seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scene.blender.session import Session
from scene.imaging.frame import RenderingMode
from scene.prototypes.material import MaterialPrototype
from scene.recipe.registry import builtin_classes
from scene.specimen.specimen import MeasurementTechnique, Specimen

from .conftest import StageFactory, bead

TECHNIQUE = MeasurementTechnique("T", "secondary_electron_microscope", None, {})


def test_indices_are_divided_by_that_of_the_volume(new_stage: StageFactory) -> None:
    import bpy

    stage = new_stage()
    particle = replace(bead(1, (0.0, 0.0, 20.0), diameter=30.0), material="plain")
    indices = []
    for name in ("vacuum", "plain", None):
        stage.sync(Specimen([particle], [replace(TECHNIQUE, volume_material=name)]))
        (shown,) = bpy.data.collections["Particles"].objects
        (material,) = shown.data.materials
        (node,) = [node for node in material.node_tree.nodes if "IOR" in node.inputs]
        indices.append(node.inputs["IOR"].default_value)
    assert indices == pytest.approx([1.45, 1.0, 1.45])


def test_a_material_without_one_index_can_t_fill_the_volume(new_stage: StageFactory) -> None:
    stage = new_stage()
    technique = replace(TECHNIQUE, volume_material="sem_polystyrene")
    with pytest.raises(ValueError, match=r"with an input IOR.*; none has one"):
        stage.sync(Specimen([], [technique]))


def test_materials_say_whether_they_have_one_index(session: Session) -> None:
    from scene.prototypes.shader import indices_of_refraction

    session.reset()
    for name, prototype in builtin_classes(MaterialPrototype).items():
        made = prototype()
        features = {spec.name: spec.default for spec in made.features}
        indices = list(indices_of_refraction(made.build(features, "reference")))
        assert (len(indices) == 1) == (made.has_one_index and not made.is_nothing), name


def test_there_need_be_no_particles(new_stage: StageFactory) -> None:
    stage = new_stage()
    stage.sync(Specimen([], [replace(TECHNIQUE, background_material="sem_patchy_silicone")]))
    frame = stage.frame(frozenset())
    assert frame.real().std() > 0
    for mode in builtin_classes(RenderingMode).values():
        for name, image in mode().images(frame).items():
            if isinstance(image, bytes):
                assert len(image) == 84  # the header of an STL file without a triangle
            else:
                assert name == "real" or (image == image[0, 0]).all(), name
