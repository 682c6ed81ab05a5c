"""A library of prototypes for tests: stand-ins for those that people bring, made with Blender.

Run by itself it writes one: ``python tests/prototype_library.py FOLDER``.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import bpy

GEOMETRY, MATERIAL = "GeometryPrototype", "MaterialPrototype"

OBJECT = f'bpy.data.objects["{GEOMETRY}"]'
NODES = f'bpy.data.materials["{MATERIAL}"].node_tree.nodes'


def write_library(folder: Path) -> None:
    """Write all prototypes below a folder."""
    for kind, prototypes in LIBRARY.items():
        for name, make in prototypes.items():
            write(folder / kind / f"{name}.blend", make)
    (folder / "geometries" / "wedge.stl").write_bytes(stl(WEDGE))


def write(path: Path, make: Callable[[], dict[str, Any]]) -> Path:
    """Write a file of Blender and, if it has settings, the YAML file beside it."""
    import bpy
    import yaml

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    settings = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True, copy=True)
    if settings:
        links = settings.pop("links", {})
        features = [{"name": name, "blender_link": link} for name, link in links.items()]
        text = yaml.safe_dump({"features": features, **settings})
        path.with_suffix(".yaml").write_text(text)
    return path


def box(name: str, sides: Sequence[float] = (1.0, 1.0, 1.0)) -> bpy.types.Object:
    import bmesh
    import bpy

    mesh = bpy.data.meshes.new(name)
    made = bmesh.new()
    bmesh.ops.create_cube(made, size=1.0)
    made.to_mesh(mesh)
    made.free()
    for vertex in mesh.vertices:
        vertex.co = [x * side for x, side in zip(vertex.co, sides, strict=True)]
    return placed(bpy.data.objects.new(name, mesh))


def without_lid(made: bpy.types.Object) -> None:
    """Take the upper face off a box."""
    mesh = made.data
    corners = [tuple(vertex.co) for vertex in mesh.vertices]
    faces = [tuple(face.vertices) for face in mesh.polygons if face.normal.z < 0.5]
    mesh.clear_geometry()
    mesh.from_pydata(corners, [], faces)


def placed(made: bpy.types.Object) -> bpy.types.Object:
    import bpy

    bpy.context.scene.collection.objects.link(made)
    return made


def ball() -> bpy.types.Object:
    import bmesh
    import bpy

    mesh = bpy.data.meshes.new("Ball")
    made = bmesh.new()
    bmesh.ops.create_icosphere(made, subdivisions=2, radius=0.5)
    made.to_mesh(mesh)
    made.free()
    mesh.shade_smooth()
    return placed(bpy.data.objects.new(GEOMETRY, mesh))


def pebble() -> dict[str, Any]:
    """A flattened ball, all of whose sizes are one mesh."""
    made = ball()
    made.scale = (1.0, 1.0, 0.5)
    smooth = made.modifiers.new("Subdivision", "SUBSURF")
    smooth.levels, smooth.render_levels = 0, 1
    return {
        "links": {
            "dimensions": f"{OBJECT}.dimensions",
            "location": f"{OBJECT}.location",
            "location_z": f"{OBJECT}.location[2]",
            "width": f"{OBJECT}.scale[1]",
            "height": f"{OBJECT}.scale.z",
            "subdivisions": f'{OBJECT}.modifiers["Subdivision"].render_levels',
        }
    }


def lump() -> dict[str, Any]:
    """A ball that is dented by as much whatever its size."""
    import bpy

    made = ball()
    dents = bpy.data.textures.new("Dents", "CLOUDS")
    dents.noise_scale = 0.7
    push = made.modifiers.new("Dents", "DISPLACE")
    push.texture, push.strength = dents, 0.2
    return {
        "links": {
            "strength": f'{OBJECT}.modifiers["Dents"].strength',
            "grain": 'bpy.data.textures["Dents"].noise_scale',
            "nowhere": 'bpy.data.textures["Bumps"].noise_scale',
        }
    }


def strand() -> dict[str, Any]:
    """A bar as thick as an input of its nodes says, named as files from before 5.0 name it."""
    import bpy

    made = box(GEOMETRY)
    group = bpy.data.node_groups.new("Strand", "GeometryNodeTree")
    face = group.interface
    face.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    thick = face.new_socket("Thickness", in_out="INPUT", socket_type="NodeSocketFloat")
    thick.default_value = 0.25
    face.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    start, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    scale, size = group.nodes.new("GeometryNodeTransform"), group.nodes.new("ShaderNodeCombineXYZ")
    size.name, size.inputs["Z"].default_value = "Size", 1.0
    group.links.new(start.outputs["Geometry"], scale.inputs["Geometry"])
    group.links.new(start.outputs["Thickness"], size.inputs["X"])
    group.links.new(start.outputs["Thickness"], size.inputs["Y"])
    group.links.new(size.outputs[0], scale.inputs["Scale"])
    group.links.new(scale.outputs[0], end.inputs[0])
    nodes = made.modifiers.new("GeometryNodes", "NODES")
    nodes.node_group = group
    nodes.properties.inputs.Socket_1.value = 0.25
    return {
        "links": {
            "thickness": f'{OBJECT}.modifiers["GeometryNodes"]["Socket_1"]',
            "long": 'bpy.data.node_groups["Strand"].nodes["Size"].inputs["Z"].default_value',
        }
    }


def letter() -> dict[str, Any]:
    import bpy

    text = bpy.data.curves.new("Text", "FONT")
    text.body, text.extrude = "B", 0.2
    placed(bpy.data.objects.new("Letter", text))
    return {
        "name_in_blend_file": "Letter",
        "links": {"letter": 'bpy.data.objects["Letter"].data.body'},
    }


def meta_ball() -> dict[str, Any]:
    import bpy

    held = bpy.data.metaballs.new("Ball")
    held.threshold, held.render_resolution = 0.3, 0.15
    element = held.elements.new()
    element.radius, element.stiffness = 1.0, 4.0
    placed(bpy.data.objects.new(GEOMETRY, held))
    data = 'bpy.data.metaballs["Ball"]'
    return {
        "links": {
            "dimensions": f"{OBJECT}.dimensions",
            "location_z": f"{OBJECT}.location[2]",
            "influence_threshold": f"{data}.threshold",
            "fineness": f"{OBJECT}.data.render_resolution",
        }
    }


def material() -> tuple[Any, Any]:
    """Return the tree and the main node of a new material."""
    import bpy

    made = bpy.data.materials.new(MATERIAL)
    made.use_fake_user = True
    return made.node_tree, made.node_tree.nodes["Principled BSDF"]


def colored_subtle() -> dict[str, Any]:
    tree, surface = material()
    bump, noise = tree.nodes.new("ShaderNodeBump"), tree.nodes.new("ShaderNodeTexNoise")
    bump.inputs["Strength"].default_value = 0.2
    tree.links.new(noise.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs[0], surface.inputs["Normal"])
    return {"links": {"color": f'{NODES}["Principled BSDF"].inputs[0].default_value'}}


def cracks_subtle() -> dict[str, Any]:
    """Lines from a group of nodes, which a link goes into."""
    import bpy

    tree, surface = material()
    group = bpy.data.node_groups.new("Cracks", "ShaderNodeTree")
    group.interface.new_socket("Gray", in_out="OUTPUT", socket_type="NodeSocketFloat")
    end, cells = group.nodes.new("NodeGroupOutput"), group.nodes.new("ShaderNodeTexVoronoi")
    cells.feature = "DISTANCE_TO_EDGE"
    group.links.new(cells.outputs["Distance"], end.inputs[0])
    node = tree.nodes.new("ShaderNodeGroup")
    node.node_tree = group
    tree.links.new(node.outputs[0], surface.inputs["Base Color"])
    cells.name = "Cells"
    return {
        "links": {
            "crack_scale": 'bpy.data.node_groups["Cracks"].nodes["Cells"].inputs["Scale"]'
            ".default_value"
        }
    }


def wood() -> dict[str, Any]:
    tree, surface = material()
    rings = tree.nodes.new("ShaderNodeTexWave")
    tree.links.new(rings.outputs["Color"], surface.inputs["Base Color"])
    return {}


def clear(name: str) -> bpy.types.Material:
    import bpy

    made = bpy.data.materials.new(name)
    inputs = made.node_tree.nodes["Principled BSDF"].inputs
    inputs["Alpha"].default_value, inputs["Roughness"].default_value = 0.1, 0.0
    return made


def technique(width: int, height: int, samples: int) -> tuple[Any, Any]:
    """Make what every technique has; return its scene and the object of its camera."""
    import bpy

    scene = bpy.context.scene
    scene.name = "Scene"
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.cycles.samples = samples
    held = bpy.data.collections.new("MeasurementTechnique")
    scene.collection.children.link(held)
    scene.world = bpy.data.worlds.new("World")
    lens = bpy.data.cameras.new("Camera")
    scene.camera = placed(bpy.data.objects.new("Camera", lens))
    lamp = bpy.data.lights.new("Sun", "SUN")
    lamp.energy = 2.0
    light = placed(bpy.data.objects.new("Sun", lamp))
    light.rotation_euler = (0.5, 0.2, 0.0)
    bpy.data.scenes.new("Left over")
    return scene, scene.camera


def passive(made: bpy.types.Object, restitution: float) -> None:
    """Make an object a wall in the scene's simulations."""
    import bpy

    scene = bpy.context.scene
    if scene.rigidbody_world is None:
        bpy.ops.rigidbody.world_add()
        scene.rigidbody_world.collection = bpy.data.collections.new("RigidBodies")
    scene.rigidbody_world.collection.objects.link(made)
    body = made.rigid_body
    body.type, body.collision_shape, body.enabled = "PASSIVE", "MESH", False
    body.friction, body.restitution = 0.5, restitution


def follow_resolution(made: bpy.types.Object, index: int, factor: float) -> None:
    """Let an object's scale follow the image's width."""
    import bpy

    driver = made.driver_add("scale", index).driver
    width = driver.variables.new()
    width.name = "width"
    width.targets[0].id_type = "SCENE"
    width.targets[0].id = bpy.context.scene
    width.targets[0].data_path = "render.resolution_x"
    driver.expression = f"width * {factor}"


def plane_topcam_fog() -> dict[str, Any]:
    import bpy

    scene, camera = technique(2048, 2048, 32)
    camera.location = (0.0, 0.0, 60.0)
    scene.view_settings.view_transform = "Filmic"
    volume = box("MeasurementVolume")
    volume.location = (0.0, 0.0, 15.0)
    volume.scale.z = 30.0
    for axis in (0, 1):
        follow_resolution(volume, axis, 20 / 2048)
    passive(volume, 0.999)
    box("Plane", (200.0, 200.0, 0.02))
    fog = bpy.data.materials.new("Fog")
    fog.node_tree.nodes.clear()
    scatter = fog.node_tree.nodes.new("ShaderNodeVolumeScatter")
    scatter.inputs["Density"].default_value = 0.001
    output = fog.node_tree.nodes.new("ShaderNodeOutputMaterial")
    fog.node_tree.links.new(scatter.outputs[0], output.inputs["Volume"])
    cloud = box("Fog", (100.0, 100.0, 40.0))
    cloud.data.materials.append(fog)
    inputs = 'bpy.data.materials["Fog"].node_tree.nodes["Volume Scatter"].inputs'
    return {
        "background_object_name": "Plane",
        "hideable_object_names": ["Fog"],
        "links": {"fog_density": f'{inputs}["Density"].default_value'},
    }


def woodtable_sidecam() -> dict[str, Any]:
    import bpy

    scene, camera = technique(1920, 1080, 128)
    scene.render.image_settings.color_mode = "RGB"
    rig = placed(bpy.data.objects.new("CameraRig", None))
    rig["distance"] = 30.0
    camera.parent = rig
    camera.rotation_euler = (math.radians(80), 0.0, 0.0)
    back = camera.driver_add("location", 1).driver
    distance = back.variables.new()
    distance.name = "distance"
    distance.targets[0].id, distance.targets[0].data_path = rig, '["distance"]'
    back.expression = "-distance"
    camera.location.z = 6.0
    volume = box("MeasurementVolume", (10.0, 10.0, 20.0))
    volume.location.z = 10.0
    table, glass = box("Table", (80.0, 80.0, 1.0)), box("Glass", (12.0, 12.0, 8.0))
    table.location.z, glass.location.z = -0.5, 4.0
    without_lid(glass)
    glass.data.materials.append(clear("Glass"))
    for wall in (table, glass):
        passive(wall, 0.5)
    return {
        "background_object_name": "Table",
        "hideable_object_names": ["Glass"],
        "links": {
            "glass_hide": 'bpy.data.objects["Glass"].hide_render',
            "glass_collision": 'bpy.data.objects["Glass"].rigid_body.collision_collections[0]',
            "camera_angle": 'bpy.data.objects["CameraRig"].rotation_euler[2]',
            "camera_distance": 'bpy.data.objects["CameraRig"]["distance"]',
        },
    }


def write_text() -> dict[str, Any]:
    import bpy

    _, camera = technique(1920, 1080, 128)
    camera.location = (0.0, 0.0, 20.0)
    box("MeasurementVolume", (10.0, 10.0, 10.0))
    made = box("Text")
    group = bpy.data.node_groups.new("WriteText", "GeometryNodeTree")
    face = group.interface
    face.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    face.new_socket("Text", in_out="INPUT", socket_type="NodeSocketString")
    face.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    start, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    curves, real = (
        group.nodes.new("GeometryNodeStringToCurves"),
        group.nodes.new("GeometryNodeRealizeInstances"),
    )
    fill = group.nodes.new("GeometryNodeFillCurve")
    group.links.new(start.outputs["Text"], curves.inputs["String"])
    group.links.new(curves.outputs["Curve Instances"], real.inputs[0])
    group.links.new(real.outputs[0], fill.inputs["Curve"])
    group.links.new(fill.outputs[0], end.inputs[0])
    nodes = made.modifiers.new("GeometryNodes", "NODES")
    nodes.node_group = group
    nodes.properties.inputs.Socket_1.value = "text"
    box("Page", (60.0, 60.0, 0.02)).location.z = -1.0
    return {
        "background_object_name": "Page",
        "links": {"input_text": 'bpy.data.objects["Text"].modifiers["GeometryNodes"]["Socket_1"]'},
    }


LIBRARY: dict[str, dict[str, Callable[[], dict[str, Any]]]] = {
    "geometries": {
        "pebble": pebble,
        "lump": lump,
        "strand": strand,
        "letter": letter,
        "meta_ball": meta_ball,
    },
    "materials": {
        "colored_subtle": colored_subtle,
        "cracks_subtle": cracks_subtle,
        "wood": wood,
    },
    "measurement_techniques": {
        "plane_topCam_fog": plane_topcam_fog,
        "woodTable_sideCam": woodtable_sidecam,
        "write_text": write_text,
    },
}

WEDGE = [
    ((0, 0, 0), (0, 2, 0), (4, 0, 0)),
    ((0, 0, 0), (4, 0, 0), (0, 0, 1)),
    ((0, 0, 0), (0, 0, 1), (0, 2, 0)),
    ((4, 0, 0), (0, 2, 0), (0, 0, 1)),
]
"""A tetrahedron, seen from outside; its volume is 4/3."""

type Triangle = tuple[tuple[float, float, float], ...]


def stl(triangles: Sequence[Triangle]) -> bytes:
    """Return a binary STL file."""
    rows = [
        struct.pack("<12fH", 0, 0, 0, *(x for corner in corners for x in corner), 0)
        for corners in triangles
    ]
    return bytes(80) + struct.pack("<I", len(rows)) + b"".join(rows)


if __name__ == "__main__":
    from scene.blender.session import Session
    from scene.machine.resources import Resources

    with Session(Resources()).captured():
        write_library(Path(sys.argv[1]))
