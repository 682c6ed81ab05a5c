"""Shapes in Blender: exact labels in a heap, meshes that are shared where they can be."""

from __future__ import annotations

import numpy as np
import pytest

from scene.prototypes.geometry import GeometryPrototype, ProceduralGeometry
from scene.prototypes.surface_mesh import SurfaceMeshes, surface_mesh
from scene.recipe.registry import Registry, builtin_classes
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementTechnique, Particle, Specimen

from .conftest import StageFactory

PROCEDURAL = sorted(
    name
    for name, made in builtin_classes(GeometryPrototype).items()
    if issubclass(made, ProceduralGeometry)
)


def particle(
    number: int, geometry: str, x: float, material: str = "plain", **features: FeatureValue
) -> Particle:
    shape = Registry().prototype(GeometryPrototype, geometry)
    values = {spec.name: spec.default for spec in shape.features if spec.is_stored}
    pose: dict[str, FeatureValue] = {
        "dimensions": (20.0, 15.0, 10.0),
        "location": (x, 0.0, 20.0),
        "rotation": (0.4, 0.5, 0.3),
    }
    return Particle(number, "P", number - 1, geometry, material, values | pose | features)


def specimen(*particles: Particle) -> Specimen:
    technique = MeasurementTechnique("T", "secondary_electron_microscope", "plain", {})
    return Specimen(list(particles), [technique])


def test_a_heap_of_all_shapes_has_exact_labels_and_outlines(new_stage: StageFactory) -> None:
    """What is seen of a particle is part of its outline, and what is seen alone is all of it."""
    heap = [
        particle(number, name, -40.0 + 8 * number, "sem_polystyrene")
        for number, name in enumerate(PROCEDURAL, 1)
    ]
    stage = new_stage(resolution_percentage=15)
    stage.sync(specimen(*heap))
    ids = frozenset(made.id for made in heap)
    frame = stage.frame(ids)
    instance = frame.buffers.instance
    assert set(np.unique(instance).tolist()) == {0, *ids}
    covered = {}
    for number, footprint in frame.footprints():
        whole = np.zeros(instance.shape, dtype=bool)
        height, width = footprint.mask.shape
        whole[footprint.top : footprint.top + height, footprint.left : footprint.left + width] = (
            footprint.mask
        )
        assert np.count_nonzero((instance == number) & ~whole) <= 1
        covered[number] = np.count_nonzero(whole)
    for number in (1, len(heap)):
        alone = stage.frame(frozenset({number})).buffers.instance == number
        assert np.count_nonzero(alone) == pytest.approx(covered[number], abs=2)


def test_particles_of_one_shape_and_many_colours_are_one_mesh_for_ground_truth(
    new_stage: StageFactory,
) -> None:
    import bpy

    colours = [(red, 0.5, 0.5, 1.0) for red in (0.1, 0.5, 0.9)]
    made = [
        particle(number, "ellipsoid", 30.0 * number - 60, color=colour)
        for number, colour in enumerate(colours, 1)
    ]
    stage = new_stage()
    stage.sync(specimen(*made))
    frame = stage.frame(frozenset({1, 2, 3}))
    own = {shape.name: shape.data for shape in bpy.data.collections["Particles"].objects}
    assert len({mesh.name for mesh in own.values()}) == 3
    with frame.buffers_scene() as scene:
        shown = [shape for shape in scene.objects if shape.type == "MESH"]
        assert len(shown) == 3
        assert len({shape.data.name for shape in shown}) == 1
    for shape in bpy.data.collections["Particles"].objects:
        assert shape.data == own[shape.name]
        (material,) = shape.data.materials
        (node,) = (n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
        index = int(shape.name[-5:])
        assert np.allclose(node.inputs["Base Color"].default_value, colours[index])


@pytest.mark.parametrize("name", PROCEDURAL)
def test_a_mesh_is_the_surface_whether_it_shares_its_triangles_or_not(
    new_stage: StageFactory, name: str
) -> None:
    from scene.blender.surfaces import mesh_surface

    new_stage()
    geometry = Registry().prototype(GeometryPrototype, name)
    assert isinstance(geometry, ProceduralGeometry)
    defaults = {spec.name: spec.default for spec in geometry.features}
    meshes = SurfaceMeshes()
    for size in ((3.0, 2.0, 1.0), (4.0, 4.0, 2.0)):
        for shape in (1, 2):
            surface = geometry.surface(defaults | {"dimensions": size, "shape": shape})
            shared, own = meshes.mesh("Shared", surface), surface_mesh("Own", surface)
            for mesh in (shared, own):
                made = mesh_surface(mesh)
                assert np.array_equal(made.vertices, surface.vertices.astype(np.float32))
                assert np.array_equal(made.triangles, surface.triangles)
                assert not mesh.validate()
                if surface.normals is not None:
                    normals = np.empty(surface.normals.size, dtype=np.float32)
                    mesh.vertex_normals.foreach_get("vector", normals)
                    assert np.allclose(normals, surface.normals.ravel(), atol=2e-4)


def test_particles_of_different_shapes_have_meshes_of_their_own(new_stage: StageFactory) -> None:
    """Their triangles are the same, and Blender keeps these once."""
    import bpy

    from scene.blender.outline import mesh_arrays

    made = [particle(n, "rough_sphere", 30.0 * n - 60, shape=n) for n in (1, 2)]
    new_stage().sync(specimen(*made))
    one, other = (shape.data for shape in bpy.data.collections["Particles"].objects)
    assert one != other
    assert np.array_equal(mesh_arrays(one)[1], mesh_arrays(other)[1])
    assert not np.array_equal(mesh_arrays(one)[0], mesh_arrays(other)[0])


def test_what_a_plugin_gives_for_a_surface_is_looked_at(
    new_stage: StageFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin_classes(GeometryPrototype)["rod"], "surface", lambda *_: None)
    stage = new_stage()
    with pytest.raises(TypeError, match="Rod: surface must give an instance of TriangleMesh"):
        stage.sync(specimen(particle(1, "rod", 0.0)))
