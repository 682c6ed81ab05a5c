"""Prototypes from files of Blender: what is read of them, what is refused, what they look like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scene.prototypes.geometry import FusedGeometry, GeometryPrototype, Neighbour
from scene.prototypes.library.blocks import load_blocks
from scene.prototypes.library.facts import FileFacts, facts_of
from scene.prototypes.library.folder import Library, PrototypeFile
from scene.prototypes.library.geometry import evaluated
from scene.prototypes.library.links import parsed_link
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.technique import MeasurementTechniquePrototype
from scene.recipe.registry import Registry
from scene.recipe.schema import RenderSettings
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.relaxation import RelaxationSettings
from scene.specimen.specimen import MeasurementTechnique, Particle, Specimen
from scene.specimen.streams import Streams
from tests.prototype_library import GEOMETRY, LIBRARY, WEDGE, stl

if TYPE_CHECKING:
    import bpy

    from scene.blender.session import Session

KINDS = {
    "geometries": GeometryPrototype,
    "materials": MaterialPrototype,
    "measurement_techniques": MeasurementTechniquePrototype,
}


@pytest.fixture(scope="session")
def registry(prototype_library: Path) -> Registry:
    found = Registry([], [prototype_library])
    found.look_into((KINDS[kind], name) for kind in LIBRARY for name in LIBRARY[kind])
    return found


def spec(registry: Registry, kind: type, prototype: str, feature: str) -> FeatureSpec:
    (found,) = [s for s in registry.prototype(kind, prototype).features if s.name == feature]
    return found


def test_features_are_what_the_files_links_lead_to(registry: Registry) -> None:
    def read(kind: type, prototype: str, feature: str) -> tuple[Any, ...]:
        found = spec(registry, kind, prototype, feature)
        return found.kind, found.components, found.integer, found.default

    color = (0.8, 0.8, 0.8, 1.0)
    technique = MeasurementTechniquePrototype
    assert read(MaterialPrototype, "colored_subtle", "color") == ("number", 4, False, color)
    assert read(GeometryPrototype, "pebble", "subdivisions") == ("number", 1, True, 1)
    assert read(GeometryPrototype, "strand", "thickness") == ("number", 1, False, 0.25)
    assert read(technique, "write_text", "input_text") == ("string", 1, False, "text")
    assert read(technique, "woodTable_sideCam", "glass_hide") == ("boolean", 1, False, False)
    assert read(technique, "woodTable_sideCam", "camera_distance") == ("number", 1, False, 30.0)


def test_bounds_are_rounded_like_the_values_between_them(session: Session) -> None:
    import bpy

    from scene.prototypes.library.blocks import Blocks
    from scene.prototypes.library.features import linked_features
    from scene.prototypes.library.settings import LinkedFeature

    session.reset()
    clouds = bpy.data.textures.new("Clouds", "CLOUDS")
    clouds.nabla = 0.0  # which makes it the least there is, 0.0010000000474974513
    blocks = Blocks(clouds, {("textures", "Clouds"): clouds}, (5, 2, 0))
    step = LinkedFeature(name="step", blender_link='bpy.data.textures["Clouds"].nabla')
    (found,), unavailable = linked_features([step], blocks)
    assert (found.minimum, found.default, unavailable) == (0.001, 0.001, {})


def test_levels_of_subdivision_end_before_memory_does(registry: Registry) -> None:
    assert spec(registry, GeometryPrototype, "pebble", "subdivisions").maximum == 6


def test_a_particles_place_and_size_have_other_names(registry: Registry) -> None:
    height = spec(registry, GeometryPrototype, "pebble", "height")
    assert (height.alias_of, height.ratio, height.default) == (("dimensions", 2), True, 0.5)
    z = spec(registry, GeometryPrototype, "pebble", "location_z")
    assert (z.alias_of, z.ratio) == (("location", 2), False)
    size = spec(registry, GeometryPrototype, "pebble", "dimensions").default
    assert size == pytest.approx((0.951, 1.0, 0.5), abs=1e-3)


def test_a_link_to_nowhere_is_no_feature(registry: Registry) -> None:
    lump = registry.prototype(GeometryPrototype, "lump")
    assert "nowhere" not in {s.name for s in lump.features}
    assert "there is no 'Bumps' among the textures (Dents)" in lump.unavailable["nowhere"]


def test_the_volume_follows_the_resolution_as_the_files_drivers_say(registry: Registry) -> None:
    plane = registry.prototype(MeasurementTechniquePrototype, "plane_topCam_fog")
    assert plane.volume((2048, 2048)).sides == pytest.approx((20.0, 20.0, 30.0))
    assert plane.volume((1024, 512)).sides == pytest.approx((10.0, 10.0, 30.0))
    assert (plane.resolution, plane.max_samples) == ((2048, 2048), 32)


def test_library_prototypes_come_before_those_that_ship(tmp_path: Path) -> None:
    (tmp_path / "geometries").mkdir()
    (tmp_path / "geometries" / "sphere.stl").write_bytes(stl(WEDGE))
    sphere = Registry([], [tmp_path]).prototype(GeometryPrototype, "sphere")
    assert {s.name for s in sphere.features} == {"dimensions", "width", "height"}
    with pytest.raises(ValueError, match=r"unknown geometry prototype 'spher'.*'sphere'"):
        Registry([], [tmp_path]).prototype(GeometryPrototype, "spher")


def corners(mesh: bpy.types.Mesh) -> np.ndarray[Any, Any]:
    return np.array([vertex.co for vertex in mesh.vertices])


def test_shapes_are_evaluated_as_they_are_rendered(registry: Registry, session: Session) -> None:
    session.reset()
    pebble = registry.prototype(GeometryPrototype, "pebble")
    coarse, fine = (len(pebble.build({"subdivisions": n}).vertices) for n in (0, 1))
    assert (coarse, fine) == (42, 42 + 120 + 80 - 0)
    assert np.ptp(corners(pebble.build({"subdivisions": 1})), axis=0) == pytest.approx([1, 1, 1])
    strand = registry.prototype(GeometryPrototype, "strand")
    values = {"thickness": 0.5, "long": 2.0, "dimensions": (1.0, 1.0, 1.0)}
    assert strand.true_size
    assert np.ptp(corners(strand.build(values)), axis=0) == pytest.approx([1, 1, 1])
    letter = registry.prototype(GeometryPrototype, "letter")
    assert len(letter.build({"letter": "O"}).polygons) > len(letter.build({"letter": "I"}).polygons)


def test_modifiers_work_at_the_particles_size(registry: Registry, session: Session) -> None:
    session.reset()
    lump = registry.prototype(GeometryPrototype, "lump")
    values = {"strength": 0.2, "grain": 0.7}

    own = spec(registry, GeometryPrototype, "lump", "dimensions").default
    assert isinstance(own, tuple)

    def roughness(size: float) -> float:
        mesh = lump.build({**values, "dimensions": tuple(size * side for side in own)})
        radii = np.linalg.norm(corners(mesh), axis=1)
        return float(radii.std() / radii.mean())

    assert roughness(1.0) > 5 * roughness(20.0) > 0
    first = corners(lump.build({**values, "dimensions": (3.0, 3.0, 3.0)}))
    lump.build({**values, "strength": 0.9, "dimensions": (1.0, 2.0, 3.0)})
    again = corners(lump.build({**values, "dimensions": (3.0, 3.0, 3.0)}))
    assert np.array_equal(first, again)  # whatever was built between


def test_a_ball_of_a_file_grows_together_with_its_family(
    registry: Registry, session: Session
) -> None:
    import bpy

    ball = registry.prototype(GeometryPrototype, "meta_ball")
    assert isinstance(ball, FusedGeometry)
    specs = {s.name: s for s in ball.features}
    assert specs.keys() == {
        *("dimensions", "location", "rotation", "location_z"),
        *("influence_threshold", "fineness"),
    }
    assert specs["influence_threshold"].default == pytest.approx(0.3)
    assert specs["fineness"].shared
    size = specs["dimensions"].default
    assert isinstance(size, tuple)

    session.reset()
    mesh = load_blocks(
        registry.library.folders[0] / "geometries" / "meta_ball.blend", "objects", GEOMETRY
    )
    blender = evaluated(mesh.main, rendered=True)
    assert np.ptp(corners(blender), axis=0) == pytest.approx(size, rel=0.01)
    bpy.data.meshes.remove(blender)

    alone: Any = {"dimensions": size, "influence_threshold": 0.3, "fineness": 0.15}
    near = Neighbour((0.8 * size[0], 0.0, 0.0), alone, is_earlier=False)
    part = ball.part(alone, [near])
    assert part is not None
    assert ball.part(alone, []) is not None
    reach = part.mesh.vertices.max(axis=0)
    assert reach[0] == pytest.approx(0.4 * size[0])  # the wall between them
    assert reach[1] == pytest.approx(size[1] / 2, rel=0.2)


def test_a_material_is_copied_with_its_groups(registry: Registry, session: Session) -> None:
    session.reset()
    cracks = registry.prototype(MaterialPrototype, "cracks_subtle")
    two = [cracks.build({"crack_scale": scale}, "fast") for scale in (3.0, 9.0)]
    scales = [
        node.node_tree.nodes["Cells"].inputs["Scale"].default_value
        for made in two
        for node in made.node_tree.nodes
        if node.type == "GROUP"
    ]
    assert scales == [3.0, 9.0]


def test_a_volume_that_is_not_a_box_is_known_by_its_surface(session: Session) -> None:
    import bpy

    from scene.prototypes.library.technique import _corners, _surface

    session.reset()
    corners = np.array([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)])
    mesh = bpy.data.meshes.new("Volume")
    mesh.from_pydata(corners.tolist(), [], [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)])
    volume = bpy.data.objects.new("Volume", mesh)
    volume.location, volume.scale = (5.0, 0.0, -1.0), (2.0, 4.0, 8.0)
    bpy.context.scene.collection.objects.link(volume)
    box = _corners(volume)
    assert box.tolist() == [5.0, 0.0, -1.0, 7.0, 4.0, 7.0]
    surface = np.array(_surface(volume, box))
    np.testing.assert_allclose(surface, corners[[[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]])
    cube = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh.clear_geometry()
    mesh.from_pydata(cube, [], faces)
    assert _surface(volume, _corners(volume)) == ()


def test_a_techniques_drivers_follow_what_is_set(registry: Registry, session: Session) -> None:
    import bpy

    session.reset()
    side = registry.prototype(MeasurementTechniquePrototype, "woodTable_sideCam")
    scene = side.scene(bpy.context.scene)
    bpy.context.window.scene = scene
    values = {"glass_hide": True, "glass_collision": False, "camera_distance": 12.0}
    side.apply(scene, values, "fast")
    bpy.context.view_layer.update()
    assert scene.camera.location.y == -12.0
    glass = scene.objects["Glass"]
    assert glass.hide_render
    assert not glass.rigid_body.collision_collections[0]
    assert {"Substrate", "MeasurementVolume"} <= set(scene.objects.keys())
    assert scene.rigidbody_world is None  # each simulation makes one


@pytest.mark.parametrize("glass", [True, False])
def test_particles_rest_on_the_walls_that_a_file_brings(
    registry: Registry, session: Session, glass: bool
) -> None:
    from scene.blender.stage import Stage

    session.reset()
    stage = Stage(session, registry, RenderSettings(), Streams(1))
    start: dict[str, FeatureValue] = {"location": (0.0, 0.0, 16.0)}
    size: dict[str, FeatureValue] = {"dimensions": (14.0,) * 3, "subdivisions": 1}
    bead = Particle(1, "Bead", 0, "sphere", "plain", size | start)
    technique = MeasurementTechnique(
        "Table", "woodTable_sideCam", "wood", {"glass_collision": glass, "camera_distance": 30.0}
    )
    settings = RelaxationSettings(
        gravity=(0.0, 0.0, -100.0),
        use_gravity=True,
        collision_shape="SPHERE",
        num_frames=40,
        damping=0.1,
    )
    made = Specimen([bead], [technique])
    for _ in range(2):  # they are walls afterwards, too
        bead.features |= start
        stage.relax(made, frozenset({1}), settings)
        location = bead.features["location"]
        assert isinstance(location, tuple)
        on_the_rim = 8.0 + (7.0**2 - 6.0**2) ** 0.5
        assert location[2] == pytest.approx(on_the_rim if glass else 7.0, abs=0.2)


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ('objects["Cube"].location', None),
        ('objects["Cube"].location.y', None),
        ("objects['Cube']['it.s #1 $']", None),
        ('objects["Cube"]["row"][1]', None),
        ("objects[0].hide_render", None),
        ('objects["Cube"].parent', "'parent' is empty"),
        ('objects["Cube"].data', "leads to no value but to 'Data'"),
        ('objects["Cube"].select_set', "has no 'select_set'"),
        ('objects["Cube"].bl_rna.name', "has no 'bl_rna'"),
        ('objects["Cube"].__class__.name', "has no '__class__'"),
        ('objects["Cube"].rna_type.name', "has no 'rna_type'"),
        ('objects["Cube"].location[3]', "has no 3"),
        ('objects["Cube"].location.w', "has no 'w'"),
        ('objects["Cube"].type', "'Type', which can't be set"),
        ('objects["Cube"]["none"]', "has no 'none'"),
        ('objects["Cube"].matrix_world', "which is not a number, a text or a vector"),
        ('objects["Cube"].animation_data.drivers[0].driver.expression', "has no 'animation_data'"),
        ('objects["Ball"].location', "there is no 'Ball' among the objects (Cube)"),
        ('scenes["Scene"].render.filepath', "a path of files, which recipes can't set"),
    ],
)
def test_a_link_leads_to_a_value_or_to_a_sentence(
    session: Session, link: str, problem: str | None
) -> None:
    import bpy

    from scene.prototypes.library.blocks import Blocks
    from tests.prototype_library import box

    session.reset()
    cube = box("Cube")
    cube["it.s #1 $"], cube["row"] = 1.5, [1.0, 2.0]
    driver = cube.driver_add("scale", 0).driver
    driver.expression = "frame"
    scene = bpy.context.scene
    cube.name = "Renamed"  # what is loaded may get another name
    named = {("objects", "Cube"): cube, ("scenes", "Scene"): scene}
    blocks = Blocks(cube, named, (5, 2, 0))
    where = parsed_link(f"bpy.data.{link}")
    if problem is None:
        value = blocks.value(where)
        before = value.read()
        changed: Any = not before if isinstance(before, bool) else 7.5
        value.set((1.0, 2.0, 3.0) if isinstance(before, tuple) else changed)
        assert blocks.value(where).read() in (changed, (1.0, 2.0, 3.0))
    else:
        with pytest.raises(ValueError, match=r"^leads ") as caught:
            blocks.value(where)
        assert problem in str(caught.value)


def test_the_inputs_are_those_of_this_blender(session: Session) -> None:
    import bpy

    from tests.unit.test_old_files import TODAY

    session.reset()
    node = bpy.data.materials.new("M").node_tree.nodes["Principled BSDF"]
    assert tuple(socket.name for socket in node.inputs)[: len(TODAY)] == TODAY


BAD: dict[str, tuple[str, str, str]] = {
    "no_object": ("geometries", "pass", "has no object 'GeometryPrototype'; there are: none"),
    "a_camera": (
        "geometries",
        "placed(bpy.data.objects.new(GEOMETRY, bpy.data.cameras.new('C')))",
        "is of the type CAMERA, which has no surface",
    ),
    "no_faces": (
        "geometries",
        "placed(bpy.data.objects.new(GEOMETRY, bpy.data.meshes.new('M')))",
        "has no faces",
    ),
    "no_material": ("materials", "pass", "has no material 'MaterialPrototype'"),
    "no_scene": (
        "measurement_techniques",
        "technique(64, 64, 1); bpy.context.scene.name = 'Stage'",
        "has no scene 'Scene'; there are: Stage, Left over",
    ),
    "no_parts": (
        "measurement_techniques",
        "bpy.context.scene.name = 'Scene'",
        "is missing a collection 'MeasurementTechnique' in its scene, a camera of its scene, "
        "an object 'MeasurementVolume'",
    ),
    "a_panorama": (
        "measurement_techniques",
        "technique(64, 64, 1)[1].data.type = 'PANO'; box('MeasurementVolume')",
        "its camera 'Camera' is of the type PANO",
    ),
    "a_script": (
        "geometries",
        "ball(); bpy.data.texts.new('Run').write('open({made!r}, \"w\")')",
        "holds the text block 'Run'",
    ),
    "a_driver": (
        "geometries",
        "ball().driver_add('location', 0).driver.expression = "
        "f'__import__(\"pathlib\").Path({made!r}).touch() or 1.0'",
        "has a driver that needs Python, '__import__",
    ),
    "an_image": (
        "materials",
        "node = material()[0].nodes.new('ShaderNodeTexImage');"
        "image = bpy.data.images.new('I', 8, 8); image.filepath_raw = folder + '/i.png';"
        "image.file_format = 'PNG'; image.save();"
        "node.image = bpy.data.images.load(folder + '/i.png')",
        "i.png', which is not packed",
    ),
    "a_linked_file": (
        "geometries",
        "ball(); context = bpy.data.libraries.load(folder + '/no_object.blend', link=True);"
        "held, wanted = context.__enter__(); wanted.worlds = held.worlds;"
        "context.__exit__(None, None, None); bpy.context.scene.world = wanted.worlds[0]",
        "links to another file",
    ),
}
"""Name to kind, what makes the file, and what is said of it."""


@pytest.fixture(scope="session")
def bad_files(tmp_path_factory: pytest.TempPathFactory, session: Session) -> Path:
    """Files that can't be used, side by side in a library."""
    import bpy

    from tests import prototype_library
    from tests.prototype_library import write

    folder = tmp_path_factory.mktemp("bad")
    for kind in KINDS:
        (folder / kind).mkdir()
    for name, (kind, code, _) in BAD.items():
        names: dict[str, Any] = vars(prototype_library) | {
            "bpy": bpy,
            "folder": str(folder / kind),
            "made": str(folder / f"{name}.ran"),
        }

        def make(code: str = code, names: dict[str, Any] = names) -> dict[str, Any]:
            bpy.data.worlds.new("World").use_fake_user = True
            exec(code, names)
            return {}

        with session.captured():
            write(folder / kind / f"{name}.blend", make)
    session.reset()
    return folder


def test_what_a_file_may_not_be_is_one_sentence_and_nothing_runs(bad_files: Path) -> None:
    files = [
        PrototypeFile(kind, bad_files / kind / f"{name}.blend") for name, (kind, *_) in BAD.items()
    ]
    newer = files[0].path.read_bytes()
    for name, content in {
        "newer": _uncompressed_header(newer),
        "garbage": b"BLENDER but no more",
        "empty": b"",
    }.items():
        path = bad_files / "geometries" / f"{name}.blend"
        path.write_bytes(content)
        files.append(PrototypeFile("geometries", path))
    said = {
        file.path.stem: facts.problems for file, facts in zip(files, facts_of(files), strict=True)
    }
    expected = {name: text for name, (_, _, text) in BAD.items()}
    expected["newer"] = "was written by Blender 9.9, which is newer than the 5.2 here"
    expected["garbage"] = expected["empty"] = "can't be read as a Blender file"
    for file in files:
        (problem,) = said[file.path.stem]
        assert problem.startswith(str(file.path))
        assert expected[file.path.stem] in problem, problem
        assert "\n" not in problem
    assert not list(bad_files.glob("*.ran"))


def _uncompressed_header(content: bytes) -> bytes:
    """Return a file whose header says that a newer Blender wrote it."""
    import imagecodecs

    plain: bytes = imagecodecs.zstd_decode(content) if content[:4] != b"BLEN" else content
    return plain.replace(b"v0502", b"v0909", 1)


def test_scripts_are_off_in_every_run(session: Session) -> None:
    import bpy

    bpy.context.preferences.filepaths.use_scripts_auto_execute = True
    session.reset()
    assert not bpy.context.preferences.filepaths.use_scripts_auto_execute


def test_parts_that_yaml_names_have_to_be_there(prototype_library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "measurement_techniques"
    folder.mkdir()
    source = prototype_library / "measurement_techniques" / "write_text.blend"
    (folder / "text.blend").write_bytes(source.read_bytes())
    settings = {"hideable_object_names": ["Glass"], "background_object_name": "Table"}
    (folder / "text.yaml").write_text(json.dumps(settings))
    file = Library([tmp_path]).find(MeasurementTechniquePrototype, "text")
    assert file is not None
    (facts,) = facts_of([file])
    assert facts == FileFacts(
        problems=(f"{file.path} is missing an object 'Glass', an object 'Table'",)
    )
