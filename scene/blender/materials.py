"""Materials in Blender."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import bpy  # noqa: TID253

from scene.blender.refraction import immerse, index_of_refraction
from scene.language.plugin_code import given
from scene.prototypes.base import Fidelity
from scene.prototypes.material import MaterialPrototype
from scene.recipe.registry import Registry
from scene.specimen.features import FeatureValue
from scene.specimen.values import named, values

type MaterialKey = tuple[str, tuple[FeatureValue, ...], float]
"""Prototype, values of its features, and the index of refraction of what the material lies in."""


@final
class MaterialLibrary:
    """Materials shared by all that have the same prototype and feature values."""

    def __init__(self, registry: Registry, fidelity: Fidelity) -> None:
        self._registry = registry
        self._fidelity = fidelity
        self._materials: dict[MaterialKey, bpy.types.Material] = {}
        self._surroundings = 1.0
        self._indices: dict[MaterialKey, float] = {}

    def fill_volume(self, name: str | None, features: Mapping[str, FeatureValue]) -> None:
        """Let particles lie in a material from now on; None for vacuum.

        Raises
        ------
        ValueError
            If the material has not exactly one index of refraction; the text is one sentence.
        """
        self._surroundings = 1.0
        if name is None or self._registry.prototype(MaterialPrototype, name).is_nothing:
            return
        key = self.key(name, features)
        if key not in self._indices:
            self._indices[key] = index_of_refraction(self.material(key))
        self._surroundings = self._indices[key]

    def particle_key(self, name: str, features: Mapping[str, FeatureValue]) -> MaterialKey:
        """Return what Blender's material of a particle depends on."""
        name, given_values, _ = self.key(name, features)
        return name, given_values, self._surroundings

    def key(self, name: str, features: Mapping[str, FeatureValue]) -> MaterialKey:
        """Return what Blender's material of prototype `name` depends on."""
        prototype = self._registry.prototype(MaterialPrototype, name)
        if unseen := prototype.electron_features:
            features = {key: value for key, value in features.items() if key not in unseen}
        return name, tuple(values(features, prototype.features).values()), 1.0

    def material(self, key: MaterialKey) -> bpy.types.Material:
        """Return the material with that key, built at its first use."""
        if key not in self._materials:
            name, given_values, surroundings = key
            prototype = self._registry.prototype(MaterialPrototype, name)
            features = named(prototype.features, given_values)
            material = prototype.build(features, self._fidelity)
            given(material, bpy.types.Material, type(prototype), "build")
            if surroundings != 1:
                immerse(material, surroundings)
            self._materials[key] = material
        return self._materials[key]

    def discard_unused(self) -> None:
        """Remove the materials that nothing wears any more."""
        for key in [key for key, material in self._materials.items() if material.users == 0]:
            bpy.data.materials.remove(self._materials.pop(key))
