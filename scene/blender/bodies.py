"""What stands for particles in a simulation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.render import Change, temporarily
from scene.blender.surfaces import as_rendered, mesh_surface
from scene.shapes.agglomeration.turns import turned
from scene.shapes.collision import Hull, is_convex
from scene.shapes.mesh import TriangleMesh
from scene.specimen.relaxation import MeshSource, RelaxationSettings

_DEFORMING = frozenset({
    "ARMATURE", "CAST", "CORRECTIVE_SMOOTH", "CURVE", "DISPLACE", "HOOK", "LAPLACIANDEFORM",
    "LAPLACIANSMOOTH", "LATTICE", "MESH_DEFORM", "SHRINKWRAP", "SIMPLE_DEFORM", "SMOOTH",
    "SURFACE_DEFORM", "WARP", "WAVE",
})  # fmt: skip
"""Modifiers that move vertices and add none."""

_OWN_SHAPES = frozenset({"CONVEX_HULL", "MESH"})
"""What follows a particle's shape and not just its size."""

_MOST_TRIANGLES = 400
"""Triangles of a body that is not convex, above which it gets fewer."""


@final
@dataclass(frozen=True, slots=True)
class Solid:
    """A particle to simulate.

    Parameters
    ----------
    object
        Blender's, with a mesh.
    is_ball
        Whether it is a ball with the diameter of its bounding box.
    balls
        (N, 4) centres and radii of balls whose union it is, before it is scaled, alike along all
        axes; None where it is not one.
    """

    object: bpy.types.Object
    is_ball: bool = False
    balls: NDArray[np.float64] | None = None


@final
@dataclass(frozen=True, slots=True)
class Body:
    """What moves as one.

    Parameters
    ----------
    object
        Whose motion is the body's.
    shape
        What Blender takes it for.
    margin
        By how much it is larger than its mesh all round, in scene units.
    parts
        What it consists of; of a ``COMPOUND`` only.
    """

    object: bpy.types.Object
    shape: str
    margin: float
    parts: tuple[Body, ...] = ()

    @property
    def start(self) -> NDArray[np.float64] | None:
        """Where the carrier of a compound is, (3,); None for a body without parts."""
        return _vector(self.object.location) if self.parts else None


@final
@dataclass(frozen=True, slots=True)
class _Collider:
    """A particle's shape in a simulation, or a part of it, at its true size.

    Parameters
    ----------
    mesh
        Its data in Blender.
    shape, margin
        As those of a body.
    offset
        Of the mesh's origin from the particle's.
    """

    mesh: bpy.types.Mesh
    shape: str
    margin: float
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)


@contextmanager
def bodies_of(
    agglomerates: Sequence[Sequence[Solid]], settings: RelaxationSettings
) -> Iterator[list[Body]]:
    """Yield a body for each agglomerate, or particle on its own, until the block ends.

    A particle that is taken for something of the size of its bounding box is its own body. All else
    gets objects that are made for the purpose; those that hang together get a carrier at their
    common centre of mass, and move with it.
    """
    workshop = _Workshop(settings, bpy.context.scene.collection)
    try:
        yield [workshop.body(solids) for solids in agglomerates]
    finally:
        workshop.clear()


@final
class _Workshop:
    """Makes bodies, and removes what it made."""

    def __init__(self, settings: RelaxationSettings, collection: bpy.types.Collection) -> None:
        self._settings = settings
        self._collection = collection
        self._objects: list[bpy.types.Object] = []
        self._meshes: list[bpy.types.Mesh] = []
        self._surfaces: dict[bpy.types.ID, TriangleMesh] = {}
        self._coarser: dict[bpy.types.ID, TriangleMesh] = {}
        self._hulls: dict[bpy.types.ID, Hull | None] = {}

    def body(self, solids: Sequence[Solid]) -> Body:
        """Return what moves as one."""
        if len(solids) == 1 and (shape := self._shape(solids[0])) not in _OWN_SHAPES:
            return Body(solids[0].object, shape, self._settings.collision_margin)
        parts = [(solid, part) for solid in solids for part in self._colliders(solid)]
        if len(parts) == 1:
            return self._part(*parts[0])
        carrier = self._object("Agglomerate", self._mesh([]))
        carrier.location = self._centre_of_mass(solids)
        start = _vector(carrier.location)
        bodies = tuple(self._part(*part, carrier, start) for part in parts)
        return Body(carrier, "COMPOUND", self._settings.collision_margin, bodies)

    def clear(self) -> None:
        """Remove everything that was made."""
        bpy.data.batch_remove([*self._objects, *self._meshes])

    def _part(
        self,
        solid: Solid,
        collider: _Collider,
        carrier: bpy.types.Object | None = None,
        start: NDArray[np.float64] | None = None,
    ) -> Body:
        """Return a body for a part of a particle; `start` is where its carrier is."""
        made = self._object(solid.object.name, collider.mesh)
        place = _placed(solid.object, np.array(collider.offset))
        made.parent = carrier
        made.location = place if start is None else place - start
        made.rotation_euler = solid.object.rotation_euler
        return Body(made, collider.shape, collider.margin)

    def _shape(self, solid: Solid) -> str:
        """Return what a particle is taken for: of the same solids, the one of least cost."""
        shape = self._settings.collision_shape
        return "SPHERE" if solid.is_ball and shape in _OWN_SHAPES else shape

    def _colliders(self, solid: Solid) -> list[_Collider]:
        shape, margin = self._shape(solid), self._settings.collision_margin
        scale = _vector(solid.object.scale)
        if shape == "MESH" and solid.balls is not None:
            return [
                _Collider(self._box(np.full(3, -size), np.full(3, size)), "SPHERE", margin, centre)
                for *centre, size in (solid.balls * scale[0]).tolist()
            ]
        surface = self._surface(solid.object)
        if shape not in _OWN_SHAPES:
            vertices = surface.vertices * scale
            box = self._box(vertices.min(axis=0), vertices.max(axis=0))
            return [_Collider(box, shape, margin)]
        hull = self._hull(solid.object)
        if hull is None:
            coarse = self._coarse(solid.object)
            mesh = self._mesh(coarse.vertices * scale, coarse.triangles)
            return [_Collider(mesh, "MESH", margin)]
        corners, radius = hull.rounded(scale)
        return [_Collider(self._mesh(corners), "CONVEX_HULL", radius + margin)]

    def _hull(self, made: bpy.types.Object) -> Hull | None:
        """Return what stands for an object before it is scaled; None if that is its surface."""
        key = self._key(made)
        if key not in self._hulls:
            surface = self._surface(made)
            hulled = self._settings.collision_shape == "CONVEX_HULL" or is_convex(surface)
            self._hulls[key] = Hull.of(surface.vertices) if hulled else None
        return self._hulls[key]

    def _coarse(self, made: bpy.types.Object) -> TriangleMesh:
        """Return the surface of an object with fewer triangles, before it is scaled."""
        key = self._key(made)
        if key not in self._coarser:
            self._coarser[key] = self._decimated(self._surface(made))
        return self._coarser[key]

    def _decimated(self, surface: TriangleMesh) -> TriangleMesh:
        if len(surface.triangles) <= _MOST_TRIANGLES:
            return surface
        made = self._object("Coarse", self._mesh(surface.vertices, surface.triangles))
        modifier = made.modifiers.new("Coarse", "DECIMATE")
        modifier.ratio = _MOST_TRIANGLES / len(surface.triangles)
        return _own_surface(made, "FINAL")

    def _surface(self, made: bpy.types.Object) -> TriangleMesh:
        """Return the surface of an object before it is scaled."""
        key = self._key(made)
        if key not in self._surfaces:
            self._surfaces[key] = _own_surface(made, self._settings.mesh_source)
        return self._surfaces[key]

    def _key(self, made: bpy.types.Object) -> bpy.types.ID:
        """Return what an object shares its surface by."""
        return made if made.modifiers else made.data

    def _centre_of_mass(self, solids: Sequence[Solid]) -> NDArray[np.float64]:
        """Return it for a density that is the same everywhere, (3,)."""
        masses, centres = [], []
        for made in (solid.object for solid in solids):
            surface, scale = self._surface(made), _vector(made.scale)
            masses.append(surface.volume * float(scale.prod()))
            centres.append(_placed(made, surface.centroid * scale))
        return np.average(centres, axis=0, weights=masses)

    def _object(self, name: str, mesh: bpy.types.Mesh) -> bpy.types.Object:
        made = bpy.data.objects.new(name, mesh)
        self._objects.append(made)
        self._collection.objects.link(made)
        return made

    def _box(self, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> bpy.types.Mesh:
        """Return a mesh with a bounding box."""
        return self._mesh([lower, upper])

    def _mesh(
        self,
        vertices: Sequence[NDArray[np.float64]] | NDArray[np.float64],
        triangles: NDArray[np.int64] | None = None,
    ) -> bpy.types.Mesh:
        mesh = bpy.data.meshes.new("Body")
        self._meshes.append(mesh)
        faces = [] if triangles is None else triangles.tolist()
        mesh.from_pydata(np.reshape(vertices, (-1, 3)).tolist(), [], faces)
        return mesh


def _vector(of_blender: Iterable[float]) -> NDArray[np.float64]:
    return np.array(of_blender, dtype=np.float64)


def _placed(made: bpy.types.Object, point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where a point of an object is, given at its true size."""
    turn = np.array(made.rotation_euler.to_matrix(), dtype=np.float64)
    return _vector(made.location) + turned(turn, point)


def _own_surface(made: bpy.types.Object, source: MeshSource) -> TriangleMesh:
    if source == "BASE" or not made.modifiers:
        return mesh_surface(made.data)
    with temporarily(_shown_from(made, source)):
        bpy.context.view_layer.update()
        return mesh_surface(made.evaluated_get(bpy.context.evaluated_depsgraph_get()).data)


def _shown_from(made: bpy.types.Object, source: MeshSource) -> Iterator[Change]:
    """Yield what makes an object show its mesh from a source, as far as that is rendered."""
    yield from as_rendered([made])
    if source == "DEFORM":
        for modifier in made.modifiers:
            if modifier.type not in _DEFORMING:
                yield modifier, "show_viewport", False
