"""Meshes in Blender, for particles on their own."""

from __future__ import annotations

from typing import Any, final

import bpy  # noqa: TID253

from scene.blender.materials import MaterialKey, MaterialLibrary
from scene.language.plugin_code import given
from scene.prototypes.base import Fidelity
from scene.prototypes.geometry import GeometryPrototype, ProceduralGeometry
from scene.prototypes.material import MaterialPrototype
from scene.prototypes.particle_features import PARTICLE_FEATURES
from scene.prototypes.surface_mesh import SurfaceMeshes
from scene.recipe.registry import Registry
from scene.shapes.mesh import TriangleMesh
from scene.specimen.features import FeatureSpec, FeatureValue
from scene.specimen.specimen import DIMENSIONS, Particle
from scene.specimen.values import named, values

type ShapeKey = tuple[str, tuple[FeatureValue, ...]]
"""A geometry, and the values of the features that its mesh depends on."""

type MeshKey = tuple[ShapeKey, MaterialKey]
type Pose = tuple[tuple[float, ...], ...]
"""Scale, location and rotation of an object, as `PARTICLE_FEATURES` go."""

_UNSCALED = (1.0, 1.0, 1.0)


@final
class MeshLibrary:
    """Meshes shared by all particles of the same shape and material.

    A mesh carries its material: an object-level material would make Cycles copy the mesh.

    Parameters
    ----------
    registry
        Where prototypes are found.
    materials
        What the particles wear.
    fidelity
        `reference` has no points of clouds.
    """

    def __init__(self, registry: Registry, materials: MaterialLibrary, fidelity: Fidelity) -> None:
        self._registry = registry
        self._materials = materials
        self._has_clouds = fidelity == "fast"
        self._meshes: dict[MeshKey, bpy.types.Mesh] = {}
        self._shapes: dict[ShapeKey, bpy.types.Mesh] = {}
        self._surfaces = SurfaceMeshes()
        self._are_spheres: dict[MeshKey, bool] = {}

    def state(self, particle: Particle) -> tuple[MeshKey, Pose]:
        """Return which mesh a particle needs; and its object's scale, location and rotation."""
        shape = self._registry.prototype(GeometryPrototype, particle.geometry)
        geometry = particle.geometry, tuple(values(particle.features, _shaping(shape)).values())
        material = self._materials.particle_key(particle.material, particle.features)
        pose: Any = values(particle.features, PARTICLE_FEATURES)  # three vectors
        if shape.true_size:
            pose[DIMENSIONS] = _UNSCALED
        return (geometry, material), tuple(pose.values())

    def may_be_point(self, key: MeshKey) -> bool:
        """Return whether a particle is drawn as a point if its dimensions are equal."""
        if key not in self._are_spheres:
            (geometry, shaping), (material, *_) = key
            shape = self._registry.prototype(GeometryPrototype, geometry)
            look = self._registry.prototype(MaterialPrototype, material)
            self._are_spheres[key] = (
                self._has_clouds
                and look.suits_points
                and shape.is_sphere(named(_shaping(shape), shaping))
            )
        return self._are_spheres[key]

    def mesh(self, key: MeshKey) -> bpy.types.Mesh:
        """Return the mesh with that key, built at its first use."""
        if key not in self._meshes:
            shape, material = key
            if shape in self._shapes:
                mesh = self._shapes[shape].copy()  # Blender keeps what is equal in both once
                mesh.materials.clear()
            else:
                mesh = self._shapes[shape] = self._built(shape)
            mesh.materials.append(self._materials.material(material))
            self._meshes[key] = mesh
        return self._meshes[key]

    def _built(self, shape: ShapeKey) -> bpy.types.Mesh:
        name, shaping = shape
        geometry = self._registry.prototype(GeometryPrototype, name)
        features = named(_shaping(geometry), shaping)
        if type(geometry).build is ProceduralGeometry.build:
            assert isinstance(geometry, ProceduralGeometry)
            surface = given(geometry.surface(features), TriangleMesh, type(geometry), "surface")
            return self._surfaces.mesh(type(geometry).__name__, surface)
        return given(geometry.build(features), bpy.types.Mesh, type(geometry), "build")


def _shaping(geometry: GeometryPrototype) -> tuple[FeatureSpec, ...]:
    """Return the features that a geometry's mesh depends on."""
    applied = {spec.name for spec in PARTICLE_FEATURES}  # to the object
    own = [spec for spec in geometry.features if spec.name not in applied and not spec.alias_of]
    if geometry.true_size:
        own += [spec for spec in PARTICLE_FEATURES if spec.name == DIMENSIONS]
    return tuple(own)
