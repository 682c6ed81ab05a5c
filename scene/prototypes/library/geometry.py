"""Shapes from files of Blender, evaluated as they are rendered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast, override

import numpy as np
from numpy.typing import NDArray

from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.library.blocks import Blocks, load_blocks
from scene.prototypes.library.facts import FileFacts
from scene.prototypes.library.features import OWN, linked_features, set_links
from scene.prototypes.library.folder import PrototypeFile
from scene.prototypes.library.metaball import metaball_features, metaball_in
from scene.prototypes.library.prototype import LibraryPrototype
from scene.prototypes.library.rna import shortest
from scene.prototypes.library.settings import GeometrySettings
from scene.specimen.features import FeatureValue
from scene.specimen.specimen import DIMENSIONS

if TYPE_CHECKING:
    import bpy

_SURFACES = {"MESH", "META", "CURVE", "SURFACE", "FONT"}
_STRETCH_ALONG = {"SUBSURF", "MULTIRES", "TRIANGULATE", "WEIGHTED_NORMAL", "EDGE_SPLIT"}
"""Modifiers after which a stretched shape is the stretched result."""

_AUTO_SMOOTH = "Auto Smooth"
"""Modifier that files from before 4.1 get on opening; it changes how a shape is shaded alone."""

_TWICE = (
    ("show_viewport", "show_render"),
    ("levels", "render_levels"),
    ("steps", "render_steps"),
    ("resolution", "render_resolution"),
    ("resolution_u", "render_resolution_u"),
    ("resolution_v", "render_resolution_v"),
)
"""What modifiers, metaballs and curves have for a screen and for a render."""

_SAME_IF_0 = {"render_resolution_u", "render_resolution_v"}


class LibraryGeometry(LibraryPrototype, GeometryPrototype):
    """A shape from an object in a file, with its modifiers.

    Where no modifier depends on the size, particles of all sizes share one mesh. Else the object
    is first scaled to the particle's `dimensions`, as it looks on the screen, and its modifiers
    then work at that size.
    """

    collection: ClassVar[str] = "objects"

    @property
    @override
    def name_in_file(self) -> str:
        return cast("GeometrySettings", self.settings).name_in_blend_file

    @override
    def prepare(self, blocks: Blocks) -> None:
        keep_place(blocks.main)

    @override
    def build(self, features: Mapping[str, FeatureValue]) -> bpy.types.Mesh:
        blocks = self.blocks()
        made = blocks.main
        links = {name: link for name, link in self.links.items() if name not in OWN}
        set_links(links, features, blocks)
        if self.true_size:
            mesh = _at_size(made, cast("tuple[float, ...]", features[DIMENSIONS]))
        else:
            mesh = evaluated(made, rendered=True)
            _fit_unit_cube(mesh)
        mesh.name = self.file.path.stem
        mesh.materials.clear()  # a particle has one material, which its blueprint names
        mesh.polygons.foreach_set("material_index", np.zeros(len(mesh.polygons), dtype=np.int32))
        return mesh


def geometry_facts(file: PrototypeFile, settings: GeometrySettings) -> FileFacts:
    """Return what is known of a geometry's file, by loading it.

    Raises
    ------
    ValueError
        If it can't be used; the text is one sentence.
    """
    import bpy

    name = settings.name_in_blend_file
    blocks = load_blocks(file.path, "objects", name)
    made = blocks.main
    if made.type not in _SURFACES:
        raise ValueError(
            f"{file.path}: the object {name!r} is of the type {made.type}, which has no surface; "
            f"a geometry is one of {', '.join(sorted(_SURFACES))}"
        )
    keep_place(made)
    mesh = evaluated(made, rendered=True)
    if not mesh.polygons:
        raise ValueError(f"{file.path}: the object {name!r} has no faces, so it has no surface")
    size = _box(evaluated(made, rendered=False)) * np.abs(made.scale)
    bpy.data.meshes.remove(mesh)
    features, unavailable = linked_features(settings.features, blocks, name)
    ball = metaball_in(made, settings.features)
    if ball is not None:
        features = metaball_features(ball, max(map(abs, made.scale)), features)
        return FileFacts(features=features, unavailable=unavailable, metaball=ball)
    least = OWN[DIMENSIONS].minimum
    own = {
        DIMENSIONS: tuple(max(shortest(side), least) for side in size),
        "location": tuple(map(shortest, made.location)),
        "rotation": tuple(shortest(angle) + 0.0 for angle in made.rotation_euler),  # no -0.0
    }
    return FileFacts(
        features=(
            *(replace(OWN[key], default=value) for key, value in own.items()),
            *features,
        ),
        unavailable=unavailable,
        true_size=not all(_stretches_along(modifier) for modifier in made.modifiers),
    )


def keep_place(made: bpy.types.Object) -> None:
    """Take an object off its parent, and leave it where it is."""
    with _alone(made) as depsgraph:
        world = made.evaluated_get(depsgraph).matrix_world.copy()
    made.parent = None
    made.rotation_mode = "XYZ"
    made.matrix_world = world


def evaluated(made: bpy.types.Object, *, rendered: bool) -> bpy.types.Mesh:
    """Return a new mesh of an object with its modifiers, in its own space.

    Parameters
    ----------
    rendered
        Whether as it is rendered, or as it looks on the screen.
    """
    import bpy

    owners = (*made.modifiers, made.data)
    changes = [(owner, *change) for owner in owners for change in _render(owner)] * rendered
    for owner, name, _, value in changes:
        setattr(owner, name, value)
    try:
        with _alone(made) as depsgraph:
            whole = made.evaluated_get(depsgraph)
            return bpy.data.meshes.new_from_object(whole, depsgraph=depsgraph)
    finally:
        for owner, name, value, _ in changes:
            setattr(owner, name, value)


def _render(owner: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs for renders: a property's name, its value on screens and in renders."""
    for name, render in _TWICE:
        if hasattr(owner, name) and hasattr(owner, render):
            shown, value = getattr(owner, name), getattr(owner, render)
            yield name, shown, shown if value == 0 and render in _SAME_IF_0 else value


@contextmanager
def _alone(made: bpy.types.Object) -> Iterator[bpy.types.Depsgraph]:
    """Yield a dependency graph of a scene that holds one object, until the block ends."""
    import bpy

    scene = bpy.data.scenes.new("Workshop")
    hidden = made.hide_viewport
    try:
        made.hide_viewport = False
        scene.collection.objects.link(made)
        layer = scene.view_layers[0]
        layer.update()
        yield layer.depsgraph
    finally:
        bpy.data.scenes.remove(scene)
        made.hide_viewport = hidden


def _at_size(made: bpy.types.Object, size: Sequence[float]) -> bpy.types.Mesh:
    """Return the mesh of an object that is scaled to a size before its modifiers work."""
    import bpy
    from mathutils import Matrix

    shape, scale = made.data, made.scale.copy()
    flat = evaluated(made, rendered=False)
    box = _box(flat)
    bpy.data.meshes.remove(flat)
    factors = [to / side if side > 0 else 1.0 for to, side in zip(size, box, strict=True)]
    stretch = Matrix.Diagonal((*factors, 1.0))
    if made.type != "MESH":
        mesh = evaluated(made, rendered=True)
        mesh.transform(stretch)
        return mesh
    made.data = shape.copy()
    try:
        made.data.transform(stretch, shape_keys=True)
        made.scale = (1.0, 1.0, 1.0)
        return evaluated(made, rendered=True)
    finally:
        stretched, made.data, made.scale = made.data, shape, scale
        bpy.data.meshes.remove(stretched)


def _fit_unit_cube(mesh: bpy.types.Mesh) -> None:
    corners = _positions(mesh)
    low, high = corners.min(axis=0), corners.max(axis=0)
    sides = np.where(high > low, high - low, 1.0)
    mesh.vertices.foreach_set("co", ((corners - (low + high) / 2) / sides).ravel())
    mesh.update()


def _box(mesh: bpy.types.Mesh) -> NDArray[np.float32]:
    corners = _positions(mesh)
    sides: NDArray[np.float32] = np.ptp(corners, axis=0)
    return sides


def _positions(mesh: bpy.types.Mesh) -> NDArray[np.float32]:
    flat = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", flat)
    return flat.reshape(-1, 3)


def _stretches_along(modifier: bpy.types.Modifier) -> bool:
    group = getattr(modifier, "node_group", None)
    smooths = group is not None and group.name.startswith((_AUTO_SMOOTH, "Smooth by Angle"))
    return modifier.type in _STRETCH_ALONG or smooths
