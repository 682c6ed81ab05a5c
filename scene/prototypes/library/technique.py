"""Measurement techniques from files of Blender: the file's scene becomes the run's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast, override

import numpy as np
from numpy.typing import NDArray

from scene.prototypes.base import Fidelity
from scene.prototypes.library.blocks import Blocks, load_blocks
from scene.prototypes.library.facts import FileFacts, TechniqueFacts
from scene.prototypes.library.features import linked_features, set_links
from scene.prototypes.library.folder import PrototypeFile
from scene.prototypes.library.prototype import LibraryPrototype
from scene.prototypes.library.settings import TechniqueSettings
from scene.prototypes.technique import (
    MEASUREMENT_VOLUME,
    SUBSTRATE,
    Container,
    MeasurementTechniquePrototype,
)
from scene.specimen.enclosure import Triangles
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import MeasurementVolume

if TYPE_CHECKING:
    import bpy

SCENE, COLLECTION = "Scene", "MeasurementTechnique"
"""What has to be in a technique's file."""

_PARTICLES = 0
"""Which of Blender's collections for collisions all particles are in."""

_PROJECTIONS = ("ORTHO", "PERSP")

_BOX_CORNERS = 3 * 12
_BOX_TOLERANCE = 1e-5


class LibraryTechnique(LibraryPrototype, MeasurementTechniquePrototype):
    """The scene of a file, with its camera, lights, world, rigid bodies and settings."""

    collection: ClassVar[str] = "scenes"

    _walls: Sequence[bpy.types.Object] = ()

    @property
    @override
    def name_in_file(self) -> str:
        return SCENE

    @property
    def _roles(self) -> TechniqueSettings:
        return cast("TechniqueSettings", self.settings)

    @override
    def volume(self, resolution: tuple[int, int]) -> MeasurementVolume:
        facts = self.facts.technique
        assert facts is not None
        grown = max(resolution) - max(facts.resolution)
        both = zip(facts.volume, facts.volume_growth, strict=True)
        x0, y0, z0, x1, y1, z1 = (start + growth * grown for start, growth in both)
        return MeasurementVolume((x0, y0, z0), (x1, y1, z1), facts.volume_surface)

    @override
    def scene(self, blank: bpy.types.Scene) -> bpy.types.Scene:
        return cast("bpy.types.Scene", self.blocks().main)

    @override
    def prepare(self, blocks: Blocks) -> None:
        scene, objects = blocks.main, blocks.of("objects")
        scene.render.use_compositing = False
        scene.render.use_sequencer = False
        roles = {SUBSTRATE: self._roles.background_object_name}
        roles[MEASUREMENT_VOLUME] = self._roles.measurement_volume_object_name
        for role in roles:
            if role in objects:
                objects[role].name = f"{role}.file"
        for role, name in roles.items():
            if name is not None:
                objects[name].name = role
        objects[self._roles.measurement_volume_object_name].hide_render = True
        self._walls = _walls(scene)

    @override
    def build(
        self, scene: bpy.types.Scene, resolution: tuple[int, int], fidelity: Fidelity
    ) -> None:
        """Leave the scene as it is in the file."""

    @override
    def apply(
        self,
        scene: bpy.types.Scene,
        features: Mapping[str, FeatureValue],
        fidelity: Fidelity,
    ) -> None:
        set_links(self.links, features, self.blocks())

    @override
    def containers(self, scene: bpy.types.Scene) -> Sequence[Container]:
        self.blocks()
        return [
            Container(wall, body.friction, body.restitution, body.collision_shape)
            for wall in self._walls
            if (body := wall.rigid_body).collision_collections[_PARTICLES]
        ]


def _walls(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Return the rigid bodies of a scene, and take their world away: each simulation has its own.

    They stay rigid bodies, whose settings links may lead to.
    """
    import bpy

    world = scene.rigidbody_world
    if world is None:
        return []
    held = world.collection
    walls = [] if held is None else list(held.objects)
    with bpy.context.temp_override(scene=scene):
        bpy.ops.rigidbody.world_remove()
    if held is not None and held.users == 0:
        bpy.data.collections.remove(held)
    return walls


def technique_facts(file: PrototypeFile, settings: TechniqueSettings) -> FileFacts:
    """Return what is known of a technique's file, by loading it.

    Raises
    ------
    ValueError
        If it can't be used; the text is one sentence.
    """
    import bpy

    blocks = load_blocks(file.path, "scenes", SCENE)
    scene, objects = blocks.main, blocks.of("objects")
    volume = settings.measurement_volume_object_name
    background = settings.background_object_name
    missing = []
    if COLLECTION not in {child.name for child in scene.collection.children_recursive}:
        missing.append(f"a collection {COLLECTION!r} in its scene")
    if scene.camera is None:
        missing.append("a camera of its scene")
    named = [volume, *settings.hideable_object_names]
    missing += [f"an object {name!r}" for name in _absent([*named, background], objects)]
    if missing:
        raise ValueError(f"{file.path} is missing {', '.join(missing)}")
    lens = scene.camera.data.type
    if lens not in _PROJECTIONS:
        raise ValueError(
            f"{file.path}: its camera {scene.camera.name!r} is of the type {lens}; images that "
            f"particles are found in need one of {' or '.join(_PROJECTIONS)}"
        )
    if not hasattr(objects[volume].data, "vertices"):
        raise ValueError(f"{file.path}: the measurement volume {volume!r} has to be a mesh")
    bpy.context.window.scene = scene
    features, unavailable = linked_features(settings.features, blocks)
    size = scene.render.resolution_x, scene.render.resolution_y
    start = _corners(objects[volume])
    surface = _surface(objects[volume], start)
    larger = max(size)
    scene.render.resolution_x = scene.render.resolution_y = 2 * larger
    color_mode = scene.render.image_settings.color_mode
    growth = (_corners(objects[volume]) - start) / larger
    return FileFacts(
        features=features,
        unavailable=unavailable,
        technique=TechniqueFacts(
            resolution=size,
            max_samples=scene.cycles.samples,
            color_mode=color_mode,
            develops=color_mode != "BW" or scene.view_settings.view_transform != "Raw",
            volume=tuple(start.tolist()),
            volume_growth=tuple(growth.tolist()),
            volume_surface=surface,
        ),
    )


def _absent(names: Iterable[str | None], objects: Mapping[str, Any]) -> list[str]:
    return [name for name in names if name is not None and name not in objects]


def _corners(volume: bpy.types.Object) -> Any:
    """Return the two corners of an object's box in world space, as six numbers."""
    import bpy

    scene = bpy.context.scene
    scene.update_tag()
    layer = bpy.context.view_layer
    layer.update()
    evaluated = volume.evaluated_get(layer.depsgraph)
    matrix = np.array(evaluated.matrix_world, dtype=np.float64)
    corners = np.array(evaluated.bound_box, dtype=np.float64)
    placed = np.einsum("ci,ji->cj", corners, matrix[:3, :3]) + matrix[:3, 3]
    return np.concatenate([placed.min(axis=0), placed.max(axis=0)])


def _surface(volume: bpy.types.Object, box: NDArray[np.float64]) -> Triangles:
    """Return an object's triangles in coordinates of its box; none if they are that box."""
    import bpy

    evaluated = volume.evaluated_get(bpy.context.view_layer.depsgraph)
    mesh, matrix = evaluated.data, np.array(evaluated.matrix_world, dtype=np.float64)
    mesh.calc_loop_triangles()
    corners = np.array([mesh.vertices[n].co for t in mesh.loop_triangles for n in t.vertices])
    if not len(corners):
        return ()
    placed = np.einsum("ci,ji->cj", corners.astype(np.float64), matrix[:3, :3]) + matrix[:3, 3]
    sides = np.where(box[3:] > box[:3], box[3:] - box[:3], 1.0)
    inside = (placed - box[:3]) / sides
    if len(corners) == _BOX_CORNERS and (np.abs(inside - np.rint(inside)) < _BOX_TOLERANCE).all():
        return ()
    return tuple(tuple(map(tuple, triangle)) for triangle in inside.reshape(-1, 3, 3).tolist())
