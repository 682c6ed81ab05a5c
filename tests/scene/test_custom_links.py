"""Custom features that lead into the files of library prototypes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scene.errors import ConfigurationError
from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.parse import parse
from scene.recipe.registry import Registry
from scene.recipe.schema import Recipe
from scene.specimen.values import values
from tests.prototype_library import NODES, OBJECT, colored_subtle, lump, write, write_text

if TYPE_CHECKING:
    from scene.blender.session import Session

DENTS = f'{OBJECT}.modifiers["Dents"].mid_level'
ROUGH = f'{NODES}["Principled BSDF"].inputs["Roughness"].default_value'
LENS = 'bpy.data.cameras["Camera"].lens'


@pytest.fixture(scope="module")
def library(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    with session.captured():
        write(folder / "geometries" / "lump.blend", lump)
        write(folder / "materials" / "colored_subtle.blend", colored_subtle)
        write(folder / "measurement_techniques" / "write_text.blend", write_text)
    return folder


def recipe(library: Path, p: dict[str, Any], q: dict[str, Any], t: dict[str, Any]) -> Recipe:
    def own(links: dict[str, Any]) -> dict[str, Any]:
        custom = [{"name": name, "blender_link": link} for name, link in links.items()]
        return {"custom_features": custom}

    particle = {"geometry_prototype_name": "lump", "material_prototype_name": "colored_subtle"}
    technique = {"measurement_technique_prototype_name": "write_text"}
    document = {
        "blueprints": {
            "measurement_techniques": {"T": technique | own(t)},
            "particles": {
                "P": particle | {"number": 1} | own(p),
                "Q": particle | {"number": 1} | own(q),
            },
        },
        "synth_chain": {},
    }
    return parse(document, "r", Registry([], [library]))


def test_a_link_leads_into_any_of_the_blueprint_s_prototypes(
    library: Path, session: Session
) -> None:
    made = recipe(library, {"dents": DENTS, "rough": ROUGH}, {}, {"lens": LENS})
    of_p, of_q = (made.particle_features[name] for name in "PQ")
    assert (of_p["dents"].default, of_p["rough"].default) == (0.5, 0.5)
    assert list(of_p)[:2] == ["dents", "rough"]
    assert not {"dents", "rough"} & of_q.keys()
    assert "strength" in of_q
    assert made.technique_features["lens"].default == 50.0
    registry = made.names.registry
    with session.captured():
        shape = registry.prototype(GeometryPrototype, "lump")
        corners = [
            np.array(
                [vertex.co for vertex in shape.build(values(own, shape.features) | size).vertices]
            )
            for own in ({}, {"dents": 0.0}, {"dents": 0.5})
            for size in [{"dimensions": (1.0, 1.0, 1.0)}]
        ]
        assert not np.allclose(corners[0], corners[1])
        assert np.array_equal(corners[0], corners[2])
        look = registry.prototype(MaterialPrototype, "colored_subtle")
        material = look.build(values({"rough": 0.125}, look.features), "fast")
        surface = material.node_tree.nodes["Principled BSDF"]
        assert surface.inputs["Roughness"].default_value == 0.125
        technique = registry.prototype(MeasurementTechniquePrototype, "write_text")
        import bpy

        scene = technique.scene(bpy.context.scene)
        technique.apply(scene, values({"lens": 35.0}, technique.features), "fast")
        assert scene.camera.data.lens == 35.0
        session.reset()


def test_links_that_can_t_be_followed_get_one_sentence_each(library: Path) -> None:
    p = {"nobody": 'bpy.data.objects["Nobody"].location', "x": ROUGH}
    q = {"strength": ROUGH, "x": DENTS}
    with pytest.raises(ConfigurationError) as caught:
        recipe(library, p, q, {})
    found = {problem.path: problem.message for problem in caught.value.problems}
    place = "blueprints.particles"
    assert found.keys() == {
        f"{place}.P.custom_features.0.blender_link",
        f"{place}.Q.custom_features",
        f"{place}.Q.custom_features.1",
    }
    nobody = found[f"{place}.P.custom_features.0.blender_link"]
    assert "there is no 'Nobody' among the objects" in nobody
    assert "has the name 'strength', as" in found[f"{place}.Q.custom_features"]
    assert found[f"{place}.Q.custom_features.1"].endswith(f"{ROUGH} in another blueprint")
