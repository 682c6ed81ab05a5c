"""Where the scene's camera sees particles, for their footprints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import blake2b

import bpy  # noqa: TID253
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from scene.blender.points import PARTICLE_ID, Points
from scene.blender.surfaces import mesh_surface
from scene.imaging.footprint import Footprint, Topology, between_planes, footprints
from scene.imaging.sphere_footprint import sphere_footprints


def seen_footprints(
    depsgraph: bpy.types.Depsgraph,
    camera: bpy.types.Object,
    size: tuple[int, int],
    shown: Iterable[bpy.types.Object],
) -> Iterator[tuple[int, Footprint]]:
    """Yield the id and the footprint of each particle, as if it were alone in the scene.

    A particle that reaches beyond the planes at which the camera's view begins and ends is cut
    off there.

    Parameters
    ----------
    depsgraph
        That holds the particles and the camera as they are rendered.
    camera
        From where it is seen.
    size
        The frame's width and height in pixels.
    shown
        The objects that the particles are.
    """
    matrix = to_pixels(camera, depsgraph, *size)
    evaluated = [made.evaluated_get(depsgraph) for made in shown]
    yield from _of_meshes([made for made in evaluated if made.type == "MESH"], matrix, size)
    for cloud in evaluated:
        if cloud.type == "POINTCLOUD":
            points = Points.read(cloud.data)
            own = matrix @ np.array(cloud.matrix_world)
            shapes = sphere_footprints(own, points.centres, points.radii, *size)
            yield from zip(points.ids.tolist(), shapes, strict=True)


def _of_meshes(
    shown: Iterable[bpy.types.Object], matrix: NDArray[np.float64], size: tuple[int, int]
) -> Iterator[tuple[int, Footprint]]:
    groups: dict[bytes, list[tuple[int, NDArray[np.float64]]]] = defaultdict(list)
    meshes: dict[bpy.types.Mesh, tuple[bytes, NDArray[np.float64]]] = {}
    triangles: dict[bytes, NDArray[np.intp]] = {}
    for made in shown:
        mesh, particle_id = made.data, int(made[PARTICLE_ID])
        if mesh not in meshes:
            vertices, corners = mesh_arrays(mesh)
            # Meshes that differ in nothing but their vertices are worked on together.
            key = blake2b(corners.tobytes(), digest_size=16).digest()
            meshes[mesh] = key, vertices
            triangles.setdefault(key, corners)
        key, vertices = meshes[mesh]
        seen = vertices @ (matrix @ np.array(made.matrix_world)).T
        if (np.abs(seen[:, 2]) <= seen[:, 3]).all():
            groups[key].append((particle_id, seen[:, :2] / seen[:, 3:]))
            continue
        left = between_planes(seen[triangles[key]]).reshape(-1, 4)
        soup = Topology.of(np.arange(len(left)).reshape(-1, 3))
        (shape,) = footprints(soup, (left[:, :2] / left[:, 3:])[np.newaxis], *size)
        yield particle_id, shape
    for key, members in groups.items():
        topology = Topology.of(triangles[key])
        shapes = footprints(topology, np.stack([seen for _, seen in members]), *size)
        yield from zip((particle_id for particle_id, _ in members), shapes, strict=True)


def to_pixels(
    camera: bpy.types.Object, depsgraph: bpy.types.Depsgraph, width: int, height: int
) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix from world space to homogeneous pixels, rows counted downwards."""
    projection: Matrix = camera.calc_matrix_camera(depsgraph, x=width, y=height)
    to_frame = np.array(
        [
            [width / 2, 0.0, 0.0, width / 2],
            [0.0, -height / 2, 0.0, height / 2],
            [0.0, 0.0, 1.0, 0.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
    view = np.linalg.inv(np.array(camera.evaluated_get(depsgraph).matrix_world.normalized()))
    matrix: NDArray[np.float64] = to_frame @ np.array(projection) @ view
    return matrix


def mesh_arrays(mesh: bpy.types.Mesh) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return homogeneous vertices, (V, 4), and triangles, (T, 3), of a mesh."""
    surface = mesh_surface(mesh)
    homogeneous = np.ones((len(surface.vertices), 4))
    homogeneous[:, :3] = surface.vertices
    return homogeneous, surface.triangles
