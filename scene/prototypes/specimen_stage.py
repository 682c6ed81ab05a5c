"""What microscopes are built from: a camera straight above, a volume, a substrate, a world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scene.prototypes.magnification import PIXELS_PER_UNIT
from scene.prototypes.shader import gray
from scene.prototypes.technique import MEASUREMENT_VOLUME, SUBSTRATE
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy

# Lengths in scene units; the fraction is of the larger of the image's width and height in pixels.
CAMERA_HEIGHT = 51.2
VOLUME_FRACTION = 0.125


def volume_for(
    resolution: tuple[int, int], ground: float = 0.0, top: float = CAMERA_HEIGHT
) -> MeasurementVolume:
    """Return the measurement volume for a render of `resolution` (width, height) pixels.

    It reaches from the height `ground` to the height `top`.
    """
    half = VOLUME_FRACTION * max(resolution) / 2
    return MeasurementVolume(lower=(-half, -half, ground), upper=(half, half, top))


def add_camera(scene: bpy.types.Scene, size: int) -> bpy.types.Camera:
    """Make the scene's camera, orthographic and looking down; return its lens."""
    import bpy

    lens = bpy.data.cameras.new("Camera")
    lens.type = "ORTHO"
    lens.ortho_scale = size / PIXELS_PER_UNIT
    lens.clip_end = 10_000.0
    camera = bpy.data.objects.new("Camera", lens)
    camera.location = (0.0, 0.0, CAMERA_HEIGHT)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return lens


def focus(lens: bpy.types.Camera) -> None:
    """Give a lens a focal plane, with an f-stop of 1."""
    lens.dof.use_dof = True
    lens.dof.aperture_fstop = 1.0


def add_world(scene: bpy.types.Scene, name: str, brightness: float) -> None:
    """Surround the scene with light of one gray."""
    import bpy

    scene.world = bpy.data.worlds.new(name)
    background = scene.world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = gray(brightness)


def render_linear(scene: bpy.types.Scene) -> None:
    """Let Cycles render the scene, and take what it gives as it is."""
    scene.render.engine = "CYCLES"
    scene.render.dither_intensity = 0.0
    scene.view_settings.view_transform = "Raw"
    cycles = scene.cycles
    cycles.use_adaptive_sampling = True
    cycles.use_denoising = False
    cycles.pixel_filter_type = "BLACKMAN_HARRIS"
    cycles.filter_width = 1.5


def add_substrate(scene: bpy.types.Scene, size: int) -> bpy.types.Object:
    """Make a plane at height 0, as wide as the image."""
    half = size / PIXELS_PER_UNIT / 2
    corners = [(-half, -half, 0.0), (half, -half, 0.0), (half, half, 0.0), (-half, half, 0.0)]
    return add_mesh(scene, SUBSTRATE, corners, [(0, 1, 2, 3)])


def cover(scene: bpy.types.Scene, width: float) -> None:
    """Make the substrate as wide as the image, and never narrower than it was built."""
    substrate = scene.objects[SUBSTRATE]
    built = max(scene.render.resolution_x, scene.render.resolution_y) / PIXELS_PER_UNIT
    factor = max(1.0, width / built)
    if substrate.scale.x != factor:
        substrate.scale = (factor, factor, 1.0)
        # The pattern of its material goes on instead of being stretched.
        substrate.data.use_auto_texspace = False
        half = built / 2 / factor
        substrate.data.texspace_size = (half, half, 1.0)


def add_volume(scene: bpy.types.Scene, volume: MeasurementVolume) -> bpy.types.Object:
    """Make the box that bounds particles in simulations, never rendered."""
    (x0, y0, z0), (x1, y1, z1) = volume.lower, volume.upper
    corners = [(x, y, z) for z in (z0, z1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    faces = [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)]
    box = add_mesh(scene, MEASUREMENT_VOLUME, corners, faces)
    box.hide_render = True
    box.display_type = "WIRE"
    return box


def add_mesh(
    scene: bpy.types.Scene,
    name: str,
    vertices: list[tuple[float, float, float]],
    faces: Sequence[tuple[int, ...]],
) -> bpy.types.Object:
    """Make an object of vertices and faces."""
    import bpy

    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    made = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(made)
    return made
