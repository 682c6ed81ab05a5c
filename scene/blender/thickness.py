"""How much of each particle the scene's camera looks through."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

from scene.blender.outline import mesh_arrays, to_pixels
from scene.blender.points import PARTICLE_ID, Points
from scene.imaging.footprint import Topology
from scene.imaging.thickness import Window, through_sphere, through_surface
from scene.microscopy.thickness import Thickness

_TO_DEPTH = np.array([0.0, 0.0, -1.0, 0.0])
"""From the camera's space, in which it looks down its own z axis."""


def seen_thickness(
    depsgraph: bpy.types.Depsgraph,
    camera: bpy.types.Object,
    size: tuple[int, int],
    shown: Iterable[bpy.types.Object],
    ground_depth: float,
    scene_unit_nm: float,
) -> Iterator[Thickness]:
    """Yield the thickness of each particle that is seen, a large one in several parts.

    Parameters
    ----------
    depsgraph
        That holds the particles and the camera as they are rendered.
    camera
        An orthographic one.
    size
        The frame's width and height in pixels.
    shown
        The objects that the particles are.
    ground_depth
        How far below the camera the ground is, in scene units.
    scene_unit_nm
        Length of a scene unit in nm.
    """
    width, height = size
    matrix = to_pixels(camera, depsgraph, *size)
    view = np.linalg.inv(np.array(camera.evaluated_get(depsgraph).matrix_world.normalized()))
    # From world space to columns, rows and depth; the projection is parallel.
    seen = np.stack([matrix[0], matrix[1], _TO_DEPTH @ view])
    scale = 1.0 / float(np.linalg.norm(matrix[0, :3]))
    topologies: dict[bpy.types.Mesh, tuple[NDArray[np.float64], Topology]] = {}

    def thickness(
        particle_id: int, depth: float, window: Window, lengths: NDArray[np.float32]
    ) -> Thickness:
        above = (ground_depth - depth) * scene_unit_nm
        return Thickness(particle_id, above, window.top, window.left, lengths)

    for made in (shown_object.evaluated_get(depsgraph) for shown_object in shown):
        to_view = seen @ np.array(made.matrix_world)
        if made.type == "POINTCLOUD":
            points = Points.read(made.data)
            for particle_id, centre, radius in zip(
                points.ids.tolist(), points.centres, points.radii.tolist(), strict=True
            ):
                x, y, depth = to_view[:, :3] @ centre + to_view[:, 3]
                middle, reach = np.array([x, y]), radius / scale
                window = Window.of(middle - reach, middle + reach, (height, width))
                for band in window.bands():
                    lengths = through_sphere((x, y), depth, radius, scale, band)
                    yield thickness(particle_id, depth, band, lengths)
        elif made.type == "MESH":
            if made.data not in topologies:
                vertices, triangles = mesh_arrays(made.data)
                topologies[made.data] = vertices, Topology.of(triangles)
            vertices, topology = topologies[made.data]
            corners = vertices @ to_view.T
            lower, upper = corners.min(axis=0), corners.max(axis=0)
            window = Window.of(lower[:2], upper[:2], (height, width))
            corners[:, 2] = np.maximum(corners[:, 2], 0)  # nothing is seen above the camera
            depth = float(lower[2] + upper[2]) / 2
            for band in window.bands():
                lengths = through_surface(corners, topology, band)
                yield thickness(int(made[PARTICLE_ID]), depth, band, lengths)


def in_bodies(
    parts: Iterable[Thickness], bodies: Collection[Collection[int]]
) -> Iterator[list[Thickness]]:
    """Yield the thickness of particles body by body.

    Parameters
    ----------
    parts
        Of the particles.
    bodies
        Ids of those that belong together; every other one is a body of its own.
    """
    body_of = {key: number for number, body in enumerate(bodies) for key in body}
    gathered: dict[int, list[Thickness]] = defaultdict(list)
    for particle_id, own in groupby(parts, key=lambda part: part.particle_id):
        if particle_id in body_of:
            gathered[body_of[particle_id]] += own
        else:
            yield list(own)
    yield from gathered.values()
