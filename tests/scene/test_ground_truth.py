"""Ground truth and the technique: whatever it left in Blender, particles lie where they lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scene.errors import RenderError
from scene.imaging.modes import Categorical, DepthMap, NormalMap, Stylized, StylizedXray
from scene.imaging.visibility import occluded_fractions

from .conftest import StageFactory, bead, ellipsoid, specimen

if TYPE_CHECKING:
    import bpy

    from scene.blender.frame import BlenderFrame
    from scene.blender.stage import Stage

IDS = frozenset(range(1, 9))
MODES = (Categorical(), DepthMap(), NormalMap(), Stylized(), StylizedXray())

type Meddling = Callable[[bpy.types.Scene], object]


def setting(path: str, value: Any) -> tuple[str, Meddling]:
    """Set one attribute, given by its path below the scene."""
    *owners, name = path.split(".")

    def meddle(scene: bpy.types.Scene) -> None:
        owner: Any = scene
        for step in owners:
            owner = owner[int(step)] if step.isdigit() else getattr(owner, step)
        setattr(owner, name, value)

    return f"{path}={value}", meddle


def compositor(scene: bpy.types.Scene) -> None:
    import bpy

    tree = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
    tree.interface.new_socket(name="Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    blur, layers = tree.nodes.new("CompositorNodeBlur"), tree.nodes.new("CompositorNodeRLayers")
    output = tree.nodes.new("NodeGroupOutput")
    tree.links.new(layers.outputs[0], blur.inputs[0])
    tree.links.new(blur.outputs[0], output.inputs[0])
    scene.compositing_node_group = tree
    scene.render.use_compositing = True


def working_space(scene: bpy.types.Scene) -> None:
    import bpy

    del scene
    bpy.ops.wm.set_working_color_space(working_space="ACEScg")


def sequencer(scene: bpy.types.Scene) -> None:
    editor = scene.sequence_editor_create()
    strip = editor.strips.new_effect("White", "COLOR", channel=1, frame_start=0, length=100)
    strip.color = (1.0, 1.0, 1.0)
    scene.render.use_sequencer = True


def freestyle(scene: bpy.types.Scene) -> None:
    scene.render.use_freestyle = True
    scene.view_layers[0].freestyle_settings.linesets.new("Lines")


def fog(scene: bpy.types.Scene) -> None:
    import bpy

    world = bpy.data.worlds.new("Fog")
    tree = world.node_tree
    volume = tree.nodes.new("ShaderNodeVolumePrincipled")
    output = tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(volume.outputs[0], output.inputs["Volume"])
    scene.world = world


def bright_world(scene: bpy.types.Scene) -> None:
    import bpy

    scene.world = bpy.data.worlds.new("Day")


def override_material(scene: bpy.types.Scene) -> None:
    import bpy

    scene.view_layers[0].material_override = bpy.data.materials.new("Everything")


def override_world(scene: bpy.types.Scene) -> None:
    import bpy

    scene.view_layers[0].world_override = bpy.data.worlds.new("Elsewhere")


def second_layer_alone(scene: bpy.types.Scene) -> None:
    scene.view_layers.new("Second.Combined")
    scene.view_layers[0].use = False


def light_group(scene: bpy.types.Scene) -> None:
    scene.view_layers[0].lightgroups.add(name="Lamps")
    for made in scene.objects:
        made.lightgroup = "Lamps"


def another_output(scene: bpy.types.Scene) -> None:
    scene.view_layers[0].aovs.add().name = "Extra"


def collection(name: str, value: bool) -> tuple[str, Meddling]:
    def meddle(scene: bpy.types.Scene) -> None:
        for child in scene.view_layers[0].layer_collection.children:
            setattr(child, name, value)

    return f"collection.{name}", meddle


def hidden_collection(scene: bpy.types.Scene) -> None:
    for child in scene.collection.children:
        child.hide_render = child.hide_viewport = True


def particle_objects(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    found = [made for made in scene.objects if made.type == "POINTCLOUD" or "particle_id" in made]
    assert {made.type for made in found} == {"POINTCLOUD", "MESH"}
    return found


def every_particle(name: str, value: Any) -> tuple[str, Meddling]:
    def meddle(scene: bpy.types.Scene) -> None:
        for made in particle_objects(scene):
            setattr(made, name, value)

    return f"particles.{name}={value}", meddle


def on_the_screen_alone(scene: bpy.types.Scene) -> None:
    for made in particle_objects(scene):
        if made.type == "MESH":
            swollen = made.modifiers.new("Swollen", "DISPLACE")
            swollen.strength, swollen.show_render = 0.5, False
        else:
            made.modifiers.new("Gone", "NODES").node_group = nothing()
            made.modifiers["Gone"].show_render = False


def nothing() -> bpy.types.NodeTree:
    """Make geometry nodes that leave nothing of what they get."""
    import bpy

    tree = bpy.data.node_groups.new("Nothing", "GeometryNodeTree")
    tree.interface.new_socket(name="In", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket(name="Out", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    tree.nodes.new("NodeGroupOutput")
    return tree


def lens(name: str, value: Any) -> tuple[str, Meddling]:
    return setting(f"camera.data.{name}", value)


SETTINGS = dict(
    [
        setting("cycles.use_denoising", True),
        setting("cycles.film_exposure", 7.5),
        setting("cycles.samples", 64),
        setting("cycles.use_adaptive_sampling", True),
        setting("cycles.pixel_filter_type", "GAUSSIAN"),
        setting("cycles.filter_width", 9.0),
        setting("cycles.use_pixel_jitter", True),
        setting("cycles.sample_clamp_direct", 0.01),
        setting("cycles.sample_clamp_indirect", 0.01),
        setting("cycles.film_transparent_glass", True),
        setting("cycles.time_limit", 1e-9),
        setting("cycles.use_auto_tile", True),
        setting("cycles.use_light_tree", True),
        setting("cycles.shading_system", True),
        setting("cycles.seed", 12345),
        setting("cycles.use_animated_seed", True),
        setting("cycles.max_bounces", 100),
        setting("cycles.transparent_max_bounces", 0),
        setting("cycles.use_fast_gi", True),
        setting("cycles.volume_max_steps", 2),
        setting("cycles.debug_use_spatial_splits", True),
        setting("cycles.debug_use_hair_bvh", False),
        setting("cycles.rolling_shutter_type", "TOP"),
        setting("cycles.caustics_reflective", False),
        setting("cycles.blur_glossy", 10.0),
        setting("cycles.sampling_pattern", "TABULATED_SOBOL"),
        setting("cycles.use_camera_cull", True),
        setting("cycles.device", "GPU"),
        setting("view_settings.exposure", 5.0),
        setting("view_settings.gamma", 3.0),
        setting("view_settings.view_transform", "False Color"),
        setting("view_settings.use_curve_mapping", True),
        setting("view_settings.use_white_balance", True),
        setting("display_settings.display_device", "Display P3"),
        setting("render.engine", "BLENDER_WORKBENCH"),
        setting("render.film_transparent", False),
        setting("render.filter_size", 20.0),
        setting("render.use_motion_blur", True),
        setting("render.use_border", True),
        setting("render.use_simplify", True),
        setting("render.simplify_subdivision_render", 0),
        setting("render.use_persistent_data", True),
        setting("render.use_multiview", True),
        setting("render.use_stamp", True),
        setting("render.dither_intensity", 2.0),
        setting("render.resolution_percentage", 37),
        setting("render.resolution_x", 77),
        setting("render.pixel_aspect_x", 2.5),
        setting("render.pixel_aspect_y", 1.5),
        setting("render.use_overwrite", False),
        setting("render.use_placeholder", True),
        setting("render.use_single_layer", True),
        setting("render.use_compositing", False),
        setting("render.threads_mode", "AUTO"),
        setting("render.filepath", "/nowhere/at/all"),
        setting("render.use_render_cache", True),
        setting("render.image_settings.color_depth", "16"),
        setting("render.image_settings.color_management", "OVERRIDE"),
        setting("render.image_settings.quality", 1),
        setting("view_layers.0.use_pass_combined", False),
        setting("view_layers.0.use_pass_z", False),
        setting("view_layers.0.use_solid", False),
        setting("view_layers.0.use_sky", False),
        setting("view_layers.0.samples", 77),
        setting("view_layers.0.cycles.use_denoising", True),
        setting("view_layers.0.use_motion_blur", False),
        setting("view_layers.0.name", "Other.Layer"),
        setting("frame_current", 17),
        setting("frame_step", 5),
        setting("unit_settings.scale_length", 0.001),
        lens("dof.aperture_fstop", 0.01),
        lens("dof.use_dof", False),
        lens("dof.aperture_blades", 5),
        every_particle("hide_render", True),
        every_particle("hide_viewport", True),
        every_particle("visible_camera", False),
        every_particle("visible_shadow", False),
        every_particle("is_holdout", True),
        every_particle("is_shadow_catcher", True),
        every_particle("pass_index", 9),
        every_particle("color", (1.0, 0.0, 0.0, 0.1)),
        collection("exclude", True),
        collection("holdout", True),
        collection("indirect_only", True),
        collection("hide_viewport", True),
        ("hidden collection", hidden_collection),
        ("modifier on the screen alone", on_the_screen_alone),
        ("working space", working_space),
        ("compositor", compositor),
        ("sequencer", sequencer),
        ("freestyle", freestyle),
        ("fog", fog),
        ("bright world", bright_world),
        ("material override", override_material),
        ("world override", override_world),
        ("second layer alone", second_layer_alone),
        ("light group", light_group),
        ("AOV", another_output),
    ]
)
SAME_FRAME = (
    "render.use_border=True",
    "render.use_multiview=True",
    "render.resolution_percentage=37",
    "render.resolution_x=77",
    "render.pixel_aspect_x=2.5",
    "view_layers.0.use_pass_combined=False",
    "particles.visible_camera=False",
    "particles.hide_render=True",
    "collection.exclude",
    "collection.holdout",
    "collection.indirect_only",
    "hidden collection",
)
"""What would make `real` show another frame, or no particles, while ground truth shows them."""


def staged(new_stage: StageFactory, *meddlings: Meddling) -> Stage:
    """Return a stage on which `meddlings` were at work after the technique."""
    import bpy

    stage = new_stage(resolution=(480, 320), resolution_percentage=12, max_samples=1)
    ring = [(15 * math.cos(turn), 9 * math.sin(turn), 3.0 + 2 * turn) for turn in range(6)]
    particles = [bead(index + 1, place, 8.0) for index, place in enumerate(ring)]
    particles += [ellipsoid(7, (0.0, 0.0, 5.0), 20.0, 18.0, 20.0), bead(8, (20.0, 13.0, 9.0), 3.0)]
    world = specimen(*particles, noise_threshold=0.0)
    stage.sync(world)
    for meddle in meddlings:
        meddle(bpy.context.scene)
    stage.sync(world)  # as every rendering step does
    return stage


def truth_of(frame: BlenderFrame) -> dict[str, bytes]:
    buffers = frame.buffers
    made: dict[str, Any] = {"depth": buffers.depth, "normal": buffers.normal}
    for mode in MODES:
        made |= mode.render(frame)
    shares = occluded_fractions(buffers.instance, frame.footprints(), len(IDS))
    return {name: image.tobytes() for name, image in made.items()} | {
        "shares": repr(shares).encode()
    }


@pytest.fixture(scope="module")
def neutral() -> dict[str, Any]:
    """Filled by the first test that asks: a stage is made anew for each test."""
    return {}


def held_against(
    neutral: dict[str, Any], new_stage: StageFactory, *meddlings: Meddling
) -> dict[str, bytes]:
    if not neutral:
        stage = staged(new_stage)
        frame = stage.frame(IDS)
        neutral |= {"truth": truth_of(frame), "real": frame.real().tobytes()}
        assert np.unique(frame.buffers.instance).tolist() == [0, *sorted(IDS)]
    return truth_of(staged(new_stage, *meddlings).frame(IDS))


@pytest.mark.parametrize("name", SETTINGS)
def test_no_setting_reaches_ground_truth(
    name: str, neutral: dict[str, Any], new_stage: StageFactory
) -> None:
    found = held_against(neutral, new_stage, SETTINGS[name])
    assert [key for key in found if found[key] != neutral["truth"][key]] == []


@pytest.mark.parametrize("name", SAME_FRAME)
def test_real_shows_the_frame_that_ground_truth_shows(
    name: str, neutral: dict[str, Any], new_stage: StageFactory
) -> None:
    held_against(neutral, new_stage)
    assert staged(new_stage, SETTINGS[name]).frame(IDS).real().tobytes() == neutral["real"]


OWNERS: dict[str, Callable[[bpy.types.Scene], Any]] = {
    "scene": lambda scene: scene,
    "render": lambda scene: scene.render,
    "image settings": lambda scene: scene.render.image_settings,
    "cycles": lambda scene: scene.cycles,
    "view layer": lambda scene: scene.view_layers[0],
    "view layer's Cycles": lambda scene: scene.view_layers[0].cycles,
    "view settings": lambda scene: scene.view_settings,
    "display": lambda scene: scene.display_settings,
    "depth of field": lambda scene: scene.camera.data.dof,
}
KEPT = {"name", "use", "use_nodes"}
"""Names, what has to be on for `real`, and what Blender warns of since it has no effect."""


def unusual(owner: Any) -> Iterator[tuple[str, Any]]:
    """Yield a value for every property that can be written: another than it has."""
    for found in owner.bl_rna.properties:
        name = found.identifier
        if found.is_readonly or name in KEPT or found.type == "POINTER":
            continue
        value = getattr(owner, name, None)
        if found.type == "BOOLEAN" and not found.is_array:
            yield name, not value
        elif found.type in {"INT", "FLOAT"} and not found.is_array:
            high = min(found.soft_max, 50)
            yield name, type(value)(high if value != high else max(found.soft_min, 1))
        elif found.type == "ENUM" and not found.is_enum_flag:
            others = [item.identifier for item in found.enum_items if item.identifier != value]
            if others:
                yield name, others[-1]


@pytest.mark.parametrize("name", OWNERS)
def test_nothing_that_can_be_set_reaches_ground_truth(
    name: str, neutral: dict[str, Any], new_stage: StageFactory
) -> None:
    changed: list[str] = []

    def meddle(scene: bpy.types.Scene) -> None:
        owner = OWNERS[name](scene)
        for key, value in unusual(owner):
            try:
                setattr(owner, key, value)
            except (TypeError, AttributeError, RuntimeError):
                continue  # listed, but not among what this build or device has
            changed.append(key)

    found = held_against(neutral, new_stage, meddle)
    assert changed
    assert [key for key in found if found[key] != neutral["truth"][key]] == []


def test_all_at_once_do_not_reach_ground_truth_either(
    neutral: dict[str, Any], new_stage: StageFactory
) -> None:
    # Last things first: with another engine there would be nothing for a compositor to link to.
    found = held_against(neutral, new_stage, *reversed(SETTINGS.values()))
    assert [key for key in found if found[key] != neutral["truth"][key]] == []


def test_footprints_are_of_what_a_render_shows(new_stage: StageFactory) -> None:
    import bpy

    stage = staged(new_stage)
    (made,) = (made for made in bpy.context.scene.objects if made.get("particle_id") == 7)
    smooth = made.modifiers.new("Smooth", "SUBSURF")
    smooth.levels, smooth.render_levels = 0, 3
    swollen = made.modifiers.new("Swollen", "DISPLACE")
    swollen.strength, swollen.show_viewport = 0.5, False
    made.scale.x *= 1.5
    made.hide_viewport = True
    frame = stage.frame(frozenset({7}))
    ((_, shape),) = frame.footprints()
    seen = frame.buffers.instance == 7
    alone = np.zeros_like(seen)
    height, width = shape.mask.shape
    alone[shape.top : shape.top + height, shape.left : shape.left + width] = shape.mask
    assert seen.sum() > 100
    assert (seen != alone).sum() <= 2  # centres that lie on the outline


def test_footprints_are_of_a_cloud_as_it_is_rendered(new_stage: StageFactory) -> None:
    import bpy

    stage = staged(new_stage)
    (made,) = (made for made in bpy.context.scene.objects if made.type == "POINTCLOUD")
    made.scale, made.location, made.rotation_euler = (0.8, 0.8, 0.8), (1.0, 2.0, 3.0), (0, 0, 0.4)
    made.hide_viewport = True
    pixels = 0
    for wanted in (IDS - {7}, frozenset({3})):
        for particle_id, shape in stage.frame(wanted).footprints():
            seen = stage.frame(frozenset({particle_id})).buffers.instance == particle_id
            alone = np.zeros_like(seen)
            height, width = shape.mask.shape
            alone[shape.top : shape.top + height, shape.left : shape.left + width] = shape.mask
            assert (seen != alone).sum() <= 1, particle_id
            pixels += seen.sum()
    assert pixels > 100


@pytest.mark.parametrize("form", ["POINTCLOUD", "MESH"])
@pytest.mark.parametrize("value", [2.4, -1.0, 7.002, 65_536.0, 9.0, float("nan")])
def test_a_pixel_that_shows_no_id_is_an_error(
    new_stage: StageFactory, value: float, form: str
) -> None:
    def meddle(scene: bpy.types.Scene) -> None:
        (made,) = (made for made in particle_objects(scene) if made.type == form)
        if form == "MESH":
            made["particle_id"] = value
        else:
            attributes = made.data.attributes
            attributes.remove(attributes["particle_id"])
            attributes.new("particle_id", "FLOAT", "POINT").data[0].value = value
            for index in range(1, len(made.data.points)):
                attributes["particle_id"].data[index].value = index + 1

    stage = staged(new_stage, meddle)
    with pytest.raises(RenderError, match=r"show no particle's id, such as \S+ at row \d+"):
        _ = stage.frame(IDS).buffers


@pytest.mark.parametrize("kind", ["PANO", "no camera", "a lamp"])
def test_a_camera_that_gives_no_ground_truth_is_named(new_stage: StageFactory, kind: str) -> None:
    def meddle(scene: bpy.types.Scene) -> None:
        import bpy

        if kind == "PANO":
            scene.camera.data.type = "PANO"
        elif kind == "no camera":
            scene.camera = None
        else:
            scene.camera = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))

    frame = staged(new_stage, meddle).frame(IDS)
    for look in (lambda: frame.buffers, frame.xray, frame.real, lambda: list(frame.footprints())):
        with pytest.raises(RenderError, match=r"no measurement technique|is of type (PANO|LIGHT)"):
            look()


def test_nothing_of_our_own_stays_in_the_file(new_stage: StageFactory) -> None:
    import bpy

    stage = staged(new_stage)
    before = [len(kind) for kind in (bpy.data.scenes, bpy.data.materials, bpy.data.objects)]
    users = {made.name: made.users for made in bpy.data.objects}
    truth_of(stage.frame(IDS))
    assert [len(kind) for kind in (bpy.data.scenes, bpy.data.materials, bpy.data.objects)] == before
    assert {made.name: made.users for made in bpy.data.objects} == users
