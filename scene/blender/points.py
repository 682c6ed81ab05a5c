"""Spheres as point clouds, one for all that wear the same material.

Cycles intersects a point as a perfect sphere, in less time than a mesh.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import bpy  # noqa: TID253
import numpy as np
from numpy.typing import NDArray

PARTICLE_ID = "particle_id"
"""Integer attribute of a cloud's points, and custom property of every other particle's object."""

type Sphere = tuple[int, float, float, float, float]
"""A particle's id, its centre and its radius."""


@final
@dataclass(frozen=True, slots=True)
class Points:
    """The spheres of a cloud.

    Parameters
    ----------
    ids
        (N,) int32, the particles'.
    centres
        (N, 3) float32, in the space of the cloud's object.
    radii
        (N,) float32.
    """

    ids: NDArray[np.int32]
    centres: NDArray[np.float32]
    radii: NDArray[np.float32]

    @classmethod
    def made_of(cls, spheres: Sequence[Sphere]) -> Self:
        """Return the spheres as arrays."""
        table = np.array(spheres, dtype=np.float64)
        return cls(
            ids=table[:, 0].astype(np.int32),
            centres=table[:, 1:4].astype(np.float32),
            radii=table[:, 4].astype(np.float32),
        )

    @classmethod
    def read(cls, cloud: bpy.types.PointCloud) -> Self:
        """Return those of a cloud."""
        number = len(cloud.points)
        points = cls(
            ids=np.empty(number, dtype=np.int32),
            centres=np.empty((number, 3), dtype=np.float32),
            radii=np.empty(number, dtype=np.float32),
        )
        for name, _, key, values in points._attributes():
            cloud.attributes[name].data.foreach_get(key, values)
        return points

    def write(self, cloud: bpy.types.PointCloud) -> None:
        """Make them the cloud's."""
        cloud.resize(len(self.ids))
        for name, kind, key, values in self._attributes():
            attribute = cloud.attributes.get(name) or cloud.attributes.new(name, kind, "POINT")
            attribute.data.foreach_set(key, values)
        cloud.update_tag()

    def only(self, kept: NDArray[np.bool_]) -> Points:
        """Return some of them, chosen by (N,) bool."""
        return Points(self.ids[kept], self.centres[kept], self.radii[kept])

    def _attributes(self) -> Iterator[tuple[str, str, str, NDArray[Any]]]:
        """Yield name, type and key in Blender, and the values in one row."""
        yield "position", "FLOAT_VECTOR", "vector", self.centres.reshape(-1)
        yield "radius", "FLOAT", "value", self.radii
        yield PARTICLE_ID, "INT", "value", self.ids


@final
class Cloud:
    """The spheres that wear one material, as one object.

    Parameters
    ----------
    material
        What they wear.
    collection
        That the object is put into.

    Attributes
    ----------
    object
        Blender's object, whose data is the point cloud.
    """

    def __init__(self, material: bpy.types.Material, collection: bpy.types.Collection) -> None:
        data = bpy.data.pointclouds.new("Spheres")
        data.materials.append(material)
        self.object = bpy.data.objects.new("Spheres", data)
        self._collection = collection
        collection.objects.link(self.object)
        self._spheres: list[Sphere] = []
        self._ids = np.empty(0, dtype=np.int32)

    def fill(self, spheres: list[Sphere]) -> bool:
        """Make it of these spheres; return whether that changed anything."""
        if spheres == self._spheres:
            return False
        points = Points.made_of(spheres)
        points.write(self.object.data)
        self._spheres, self._ids = spheres, points.ids
        return True

    def holds(self, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of its points are wanted, (N,), given by id in (65536,)."""
        return wanted[self._ids]

    def part(self, kept: NDArray[np.bool_]) -> bpy.types.Object:
        """Return a copy of the object with some of its points, chosen by (N,) bool."""
        part = self.object.copy()
        part.data = bpy.data.pointclouds.new("Some")
        for material in self.object.data.materials:
            part.data.materials.append(material)
        Points.read(self.object.data).only(kept).write(part.data)
        self._collection.objects.link(part)
        return part

    @staticmethod
    def remove(objects: Sequence[bpy.types.Object]) -> None:
        """Remove objects of clouds with their data."""
        bpy.data.batch_remove([*(made.data for made in objects), *objects])
